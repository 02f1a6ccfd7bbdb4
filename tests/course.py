"""The notebooks as the course's rules see them: prose and code, figures, exercises."""

import ast
import dis
import functools
import re
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import nbformat
import pytest
from execute_notebooks import texts
from nbformat import NotebookNode

__all__ = ["NOTEBOOKS", "Exercise", "Lesson", "ask_for", "read"]

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
WATCH = re.compile(r"\A%%watch(?: +([A-Za-z_]\w*))?.*")
WORD = re.compile(r"[^\W_]")


def ask_for(changes: Iterable[str]) -> None:
    """Fails with all the changes that are asked for, if there are any."""
    asked = list(dict.fromkeys(changes))
    if asked:
        pytest.fail("\n".join(asked), pytrace=False)


def read(path: Path) -> "Lesson":
    notebook = nbformat.read(path, as_version=4)
    return Lesson(path, notebook.metadata, notebook.cells)


@dataclass(frozen=True)
class Exercise:
    """What a reader is to replace, what judges it, and one solution."""

    starter: NotebookNode
    check: NotebookNode
    solution: str


@dataclass(frozen=True)
class Lesson:
    path: Path
    metadata: NotebookNode
    cells: list[NotebookNode]

    @property
    def number(self) -> int:
        return int(self.path.name.partition("-")[0])

    @functools.cached_property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @functools.cached_property
    def text(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @property
    def figures(self) -> list[int]:
        """The places of the cells that show a picture."""
        return [place for place, cell in enumerate(self.cells) if shows_a_picture(cell)]

    def at(self, cell: NotebookNode, change: str) -> str:
        """The change that is asked for, with the place where."""
        return f"{self.path.name}, cell {cell.id}: {change}"

    def here(self, change: str) -> str:
        return f"{self.path.name}: {change}"

    def tagged(self, tag: str) -> list[NotebookNode]:
        return [cell for cell in self.cells if tag in cell.metadata.get("tags", [])]

    def calls(self, function: str) -> list[tuple[NotebookNode, ast.Call]]:
        """Each call of this function, with its cell."""
        return [
            (cell, node)
            for cell in self.code
            for node in ast.walk(tree_of(cell.source))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == function
        ]

    def exercises(self) -> Iterator[Exercise]:
        """Each starter with the check and the solution that come next."""
        for starter in self.tagged("exercise"):
            after = self.cells[self.cells.index(starter) :]
            check = next(cell for cell in after if cell in self.tagged("check"))
            hidden = (cell.source for cell in after if "<details" in cell.source)
            solution = re.search(r"^```python\n(.*?)^```$", next(hidden), re.DOTALL | re.MULTILINE)
            assert solution is not None, self.at(starter, "its solution holds no Python")
            yield Exercise(starter, check, solution[1])


def shows_a_picture(cell: NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def shown(cell: NotebookNode) -> str:
    """All the text below a cell."""
    return "\n".join(texts(cell.get("outputs", [])))


def lines_of_code(cell: NotebookNode) -> int:
    """How many lines there are to understand: no blank ones, comments, imports, or %%watch."""
    lines = map(str.strip, cell.source.splitlines())
    return sum(not re.match(r"$|#|%%|import |from \S+ import ", line) for line in lines)


def ninth_decile(numbers: list[int]) -> float:
    return statistics.quantiles(numbers, n=10, method="inclusive")[-1]


# Prose


def prose(cell: NotebookNode) -> str:
    """The text of a cell without code and tags; code in a sentence becomes ``, a link its words."""
    text = FENCE.sub("", cell.source)
    text = re.sub(r"`[^`\n]+`", "``", text)
    text = re.sub(r"!?\[([^\]\n]*)\]\([^)\n]*\)", r"\1", text)
    return re.sub(r"</?[a-z][^>\n]*>", "", text)


def words(cell: NotebookNode) -> int:
    return sum(word == "``" or bool(WORD.search(word)) for word in prose(cell).split())


def sentences(cell: NotebookNode) -> list[str]:
    """The lines of prose, without headings, tables and the marks of lists; "" ends a paragraph."""
    lines = [line.strip() for line in prose(cell).split("\n")]
    lines = ["" if line.startswith(("#", "|")) else line for line in lines]
    return [re.sub(r"^(?:[-*]|\d+\.) +", "", line) for line in lines]


def broken_sentences(cell: NotebookNode) -> Iterator[str]:
    """Each line of prose that holds more than one sentence, or less."""
    lines = sentences(cell)
    source = [line.strip() for line in FENCE.sub("", cell.source).split("\n")]
    for line, following, written in zip(lines, [*lines[1:], ""], [*source[1:], ""], strict=True):
        if re.search(r"[.?!][\"')*]* +[\"'(*]*(?:[A-Z]|``)", line):
            yield line
        starts_anew = re.match(r"[-*|#] ?|\d+\. |<", written)
        if line and following and not starts_anew and not re.search(r"[.?!:;][\"')*]*$", line):
            yield line


# What a piece of code needs


def tree_of(source: str) -> ast.Module:
    return ast.parse(plain(source))  # `await` at the top level parses as well


def plain(source: str) -> str:
    """The Python in a cell: %%watch binds the name of its run, other magics do nothing."""
    match = WATCH.match(source)
    without = re.sub(r"^%.*$", "", source, flags=re.MULTILINE)
    return without + (f"\n{match[1] or 'run'} = None" if match else "")


def needed_by(sources: list[str], cells: list[NotebookNode]) -> list[str]:
    """What binds the names that these sources use, and so on back: definitions, whole cells."""
    before = [piece for cell in cells for piece in pieces(cell.source)]
    wanted = {(name, len(before)) for source in sources for name in used_and_bound(source)[0]}
    needed: set[int] = set()
    while wanted:
        name, end = wanted.pop()
        binding = [i for i in range(end) if name in used_and_bound(before[i])[1]][-1:]
        for i in binding:
            if i not in needed:
                needed.add(i)
                wanted.update((used, i) for used in used_and_bound(before[i])[0])
    return [before[i] for i in sorted(needed)]


def pieces(source: str) -> list[str]:
    """The cell, and each of its imports and definitions alone: they need not the rest of it."""
    alone = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    statements = tree_of(source).body
    return [source, *(ast.unparse(each) for each in statements if isinstance(each, alone))]


@functools.cache
def used_and_bound(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell uses without having bound them, and those that it binds."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(plain(source), "cell", "exec", flags=flags, dont_inherit=True)
    used: set[str] = set()
    bound: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            bound.add(step.argval)
        elif step.opname == "LOAD_NAME" and step.argval not in bound:
            used.add(step.argval)
    return used | (used_inside(code) - bound), bound


def used_inside(code: CodeType) -> set[str]:
    """The global names that the functions and classes of this code use."""
    found: set[str] = set()
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            steps = dis.get_instructions(inner)
            found |= {s.argval for s in steps if s.opname in {"LOAD_NAME", "LOAD_GLOBAL"}}
            found |= used_inside(inner)
    return found
