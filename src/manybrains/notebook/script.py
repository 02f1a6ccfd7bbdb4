"""The notebook as a script, which workers import: so they have the functions of cells.

A worker that is not forked imports the main module of its parent.  A notebook has no such file.
So we write its definitions to one, and tell multiprocessing that it is the main module.
Pickling stays ordinary pickling by name.
"""

import ast
import builtins
import os
import re
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .definitions import bound, defines, imported, is_plain, needed, statements

__all__ = ["NOT_SENT", "Script"]

NOT_SENT = "__not_sent_to_workers__"
_IMPORTS = (ast.Import, ast.ImportFrom)
_FILE_LINE = re.compile(r'File "([^"\n]+)", line (\d+)')
_OUR_FRAMES = re.compile(  # in an exception group's text each line has bars before it
    r'^([ |]*)  File "[^"\n]*manybrains[/\\]\w+[/\\]\w+\.py", line \d+, '
    r"in \S+\n"
    r"(?:\1    .*\n)*",
    re.MULTILINE,
)
_LIBRARIES = [sysconfig.get_path(key) + "/" for key in ("purelib", "platlib", "stdlib")]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A statement of a cell that is part of the script."""

    source: str
    cell: int
    line: int
    is_import: bool
    binds: frozenset[str]
    uses: frozenset[str]  # anywhere in it
    needs: frozenset[str]  # when it is defined: decorators, defaults, bases, class bodies


class Script:
    """The script that has the definitions of all cells that have run.

    Args:
        folder: private folder for the written versions.
        cells: returns number and source of every cell that has run.
        namespace: the notebook's global names and their present values.
        cell_name: returns "Cell In[3]" for the file name that the code of a cell has, else None.

    Attributes:
        names: what the last written version defines.
        imports: the modules that it imports, by their full names.
        not_sent: what its functions use but could not be written: it lives in the
            notebook's memory only, as a queue or an array does.
    """

    def __init__(
        self,
        folder: Path,
        cells: Callable[[], Sequence[tuple[int, str]]],
        namespace: Mapping[str, Any],
        cell_name: Callable[[str], str | None] | None = None,
    ) -> None:
        self.names: frozenset[str] = frozenset()
        self.not_sent: tuple[str, ...] = ()
        self.imports: tuple[str, ...] = ()
        self._folder = folder
        self._cells = cells
        self._namespace = namespace
        self._cell_name = cell_name or _no_name
        self._read = 0
        self._pieces: dict[str, _Piece] = {}
        self._stars: dict[str, _Piece] = {}
        self._written: dict[str, Path] = {}
        self._places: dict[str, list[tuple[int, int, int]]] = {}

    def write(self) -> Path:
        """Return the path of a file that defines what the cells have defined by now.

        The same definitions give the same file.  Changed ones give a file of another name,
        because a fork server imports each name only once.
        """
        self._read_cells()
        text, places = self._compose()
        path = self._written.get(text)
        if path is None or not path.exists():
            path = self._folder / f"notebook_{len(self._written)}.py"
            with open(path, "w", encoding="utf-8", opener=_private) as file:
                file.write(text)
            self._written[text] = path
            self._places[str(path)] = places
        return path

    def readable(self, text: str) -> str:
        """Return the text of a traceback with the names of cells, and without our own frames."""
        return _FILE_LINE.sub(self._file_line, _OUR_FRAMES.sub("", text))

    def _file_line(self, match: re.Match[str]) -> str:
        path, line = match[1], int(match[2])
        for first, cell, cell_line in reversed(self._places.get(path, [])):
            if first <= line:
                return f'File "Cell In[{cell}]", line {line - first + cell_line}'
        name = self._cell_name(path)
        if name is None:  # of a library: show its own part of the path
            name = next((path[len(p) :] for p in _LIBRARIES if path.startswith(p)), path)
        return f'File "{name}", line {line}'

    def _read_cells(self) -> None:
        cells = self._cells()
        for number, cell in cells[self._read :]:
            for node, source in statements(cell):
                self._add(node, source, number)
        self._read = len(cells)

    def _add(self, node: ast.stmt, source: str, cell: int) -> None:
        binds = frozenset(bound(node))
        if not defines(node):
            for name in binds:  # the name now has a computed value, not the definition
                self._pieces.pop(name, None)
            return
        is_import = isinstance(node, _IMPORTS)
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        lines = source.split("\n")[first - 1 : node.end_lineno]
        text = ast.unparse(node) if is_import else "\n".join(lines)
        uses = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
        piece = _Piece(text, cell, first, is_import, binds, uses, frozenset(needed(node)))
        if "*" in binds or getattr(node, "module", None) == "__future__":
            self._stars[text] = piece
        else:
            self._pieces.update(dict.fromkeys(binds, piece))

    def _choose(self) -> tuple[list[_Piece], dict[str, Any]]:
        """Return the pieces in an order in which they can run, and the constants that they use."""
        pieces = {n: p for n, p in self._pieces.items() if n in self._namespace}
        defined = [p for p in pieces.values() if not p.is_import]
        used = {name for piece in defined for name in piece.uses}
        constants = {
            name: self._namespace[name]
            for name in sorted(used - pieces.keys())
            if name in self._namespace and is_plain(self._namespace[name])
        }
        # Leave out an import that no definition uses: each worker would pay for it.
        waiting = _unique(p for n, p in pieces.items() if not p.is_import or n in used)
        known = {*constants, *dir(builtins), "__name__", "__file__", "__doc__"}
        chosen: list[_Piece] = []
        while ready := next((p for p in waiting if p.needs <= known or self._stars), None):
            waiting.remove(ready)
            chosen.append(ready)
            known |= ready.binds
        return chosen, constants

    def _compose(self) -> tuple[str, list[tuple[int, int, int]]]:
        chosen, constants = self._choose()
        self.names = frozenset(constants).union(*(piece.binds for piece in chosen))
        imports = [piece.source for piece in chosen if piece.is_import]
        self.imports = tuple(sorted(set(imported("\n".join(imports)))))
        used = frozenset[str]().union(*(piece.uses for piece in chosen))
        missing = {name for name in used - self.names if name in self._namespace}
        missing |= {n for n, p in self._pieces.items() if not p.is_import and n not in self.names}
        self.not_sent = tuple(sorted(missing))
        lines = ['"""The notebook as a script, written for its workers."""']
        places: list[tuple[int, int, int]] = []

        def put(pieces: Iterable[_Piece]) -> None:
            for piece in pieces:
                places.append((len(lines) + 1, piece.cell, piece.line))
                lines.extend(piece.source.split("\n"))

        put(sorted(self._stars.values(), key=lambda piece: "__future__" not in piece.source))
        put(piece for piece in chosen if piece.is_import)
        lines += [f"{name} = {value!r}" for name, value in constants.items()]
        put(piece for piece in chosen if not piece.is_import)
        lines.append(f"{NOT_SENT} = {self.not_sent!r}")
        return "\n".join(lines) + "\n", places


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _no_name(file: str) -> str | None:  # noqa: ARG001 - outside of a notebook there are no cells
    return None


def _unique(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Return each piece once: imports first, then in the order of the cells."""
    once = {id(piece): piece for piece in pieces}
    return sorted(once.values(), key=lambda p: (not p.is_import, p.cell, p.line))
