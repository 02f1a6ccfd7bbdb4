"""Every claim of the course can fail, and nbval notices it.

One test a claim, with its notebook, cell and sentence.  No cell is run, for that takes minutes:
the verdict is asked for on both sides of the claim's own bound, and nbval compares it with what
is stored.  Whether what is measured decides at all is tried in worlds of chance.
"""

import ast
import contextlib
import copy
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import worlds
from course import NOTEBOOKS, Lesson, ask_for, plain, read, shown, tree_of
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbval.plugin import IPyNbCell, get_sanitize_patterns

from manybrains.lessons import claims
from manybrains.lessons.evidence import COURSE, WAYS, Evidence
from manybrains.records.machine import Machine
from manybrains.records.measured import Measured

CONFIG = Path(__file__).parents[1] / "nbval_sanitize.cfg"
PATTERNS = dict(get_sanitize_patterns(CONFIG.read_text(encoding="utf-8")))
ROOMY = Machine("Linux", 64, 64.0, "", 2**40, "forkserver", "3.14.0", True)  # can tell anything
VERDICT = r"(?:holds|cannot be told here|does not hold): "
BOUNDS = ("above", "below", "equals")
COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)


@dataclass(frozen=True)
class Claimed:
    """A claim as it stands in a cell, outside of functions."""

    lesson: Lesson
    cell: NotebookNode
    call: ast.Call

    def __str__(self) -> str:
        return f"{self.lesson.number:02}, {self.cell.id}: {self.sentence}"

    @property
    def sentence(self) -> str:
        said = self.call.args[0]
        if isinstance(said, ast.Name):
            said = bound_before(self)[said.id][-1]
        return str(ast.literal_eval(said))

    @property
    def options(self) -> dict[str, ast.expr]:
        return {str(keyword.arg): keyword.value for keyword in self.call.keywords}

    @property
    def judged_by(self) -> tuple[str, ast.expr | None]:
        """The word and the bound; of what is to be true, neither."""
        given = [(word, bound) for word, bound in self.options.items() if word in BOUNDS]
        return given[0] if given else ("", None)

    @property
    def stored(self) -> str:
        """The line below the cell that is a verdict on this sentence, if there is one."""
        line = re.compile(rf"^{VERDICT}{re.escape(self.sentence)} \(.*\)$", re.MULTILINE)
        found = line.search(shown(self.cell))
        return found[0] if found else ""


def claims_of(lesson: Lesson) -> Iterator[Claimed]:
    for cell, call in lesson.calls("claim"):
        functions = [f for f in ast.walk(tree_of(cell.source)) if isinstance(f, ast.FunctionDef)]
        if not any(ast.dump(call) in map(ast.dump, ast.walk(f)) for f in functions):
            yield Claimed(lesson, cell, call)


LESSONS = [read(path) for path in NOTEBOOKS]
CLAIMS = [claimed for lesson in LESSONS for claimed in claims_of(lesson)]
FINAL_TABLE = next(lesson for lesson in LESSONS if lesson.path.stem.endswith("the-final-table"))


def faults(claimed: Claimed) -> Iterator[str]:
    """Why this claim could become untrue, and the tests would pass."""
    if not claimed.stored:
        yield "no verdict on it is stored"
        return
    true, false = verdicts(claimed)
    if claimed.stored.startswith("does not hold"):  # which then is the lesson
        true, false = false, true
    if not accepted(claimed.cell, claimed.stored, true):
        yield f"nbval refuses another figure: {true}"
    if accepted(claimed.cell, claimed.stored, false):
        yield f"nbval accepts what contradicts the stored verdict: {false}"
    found = worlds.both_ways(claimed.call.args[1], *claimed.judged_by, aliases(claimed))
    if len(found) < 2:
        always = "true" if True in found else "untrue"
        yield f"it is always {always}, whatever was measured: {ast.unparse(claimed.call)}"


# What is printed, and what nbval says to it


def verdicts(claimed: Claimed) -> tuple[str, str]:
    """What a roomy machine prints, if it is as the sentence says, and if it is not."""
    word, expression = claimed.judged_by
    if expression is None:
        return judged(claimed, True), judged(claimed, False)
    bound = expected(claimed, expression)
    if word == "equals":
        other = bound + 1 if isinstance(bound, float) else f"not {bound}"
        return judged(claimed, bound, equals=bound), judged(claimed, other, equals=bound)
    options = {word: bound}
    if "ceiling" in claimed.options:
        options["ceiling"] = ROOMY.cores_yours
        bound *= ROOMY.cores_yours
    beyond = math.nextafter(bound, math.inf if word == "above" else -math.inf)
    return judged(claimed, beyond, **options), judged(claimed, bound, **options)


def judged(claimed: Claimed, figure: Any, **options: Any) -> str:
    cores = claimed.options.get("needs_cores", ast.Constant(1))
    if isinstance(figure, float):
        figure = Measured(figure, used_by_others=0.0)
    return repr(
        claims.claim(
            claimed.sentence, figure, needs_cores=ast.literal_eval(cores), machine=ROOMY, **options
        )
    )


def expected(claimed: Claimed, bound: ast.expr) -> Any:
    """The bound, if it is a number; else the text of what was expected when it was stored."""
    told = re.search(r"expected (?:above |below )?(.*?)(?:: .*)?\)$", claimed.stored)
    assert told is not None
    with contextlib.suppress(NameError, TypeError, ValueError):
        return float(eval(ast.unparse(bound), {"__builtins__": {}}))
    try:
        return float(told[1].replace(",", ""))
    except ValueError:
        return told[1]


def accepted(cell: NotebookNode, old: str, new: str) -> bool:
    """Whether nbval passes a run of this cell that differs in one line from what is stored."""
    if {"nbval-ignore-output", "nbval-skip"} & set(cell.metadata.get("tags", [])):
        return True
    outputs = copy.deepcopy(cell.outputs)
    for output in outputs:
        for holder in (output, output.get("data", {})):
            for kind in {"text", "text/plain"} & set(holder):
                holder[kind] = holder[kind].replace(old, new)
    by_nbval = SimpleNamespace(
        parent=SimpleNamespace(
            sanitize_patterns=PATTERNS,
            skip_compare=("metadata", "output_type", "name", "execution_count", "image/png"),
        ),
        format_output_compare=lambda *_: None,
        colors=SimpleNamespace(OKBLUE="", FAIL="", ENDC=""),
    )
    by_nbval.sanitize = lambda text: IPyNbCell.sanitize(by_nbval, text)
    return bool(IPyNbCell.compare_outputs(by_nbval, outputs, cell.outputs))


# Other names for what a claim is about


def bound_before(claimed: Claimed) -> dict[str, list[ast.expr]]:
    """What each name is bound to by `name = ...`, up to the claim."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes_before(claimed):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def nodes_before(claimed: Claimed) -> Iterator[ast.AST]:
    place = claimed.lesson.code.index(claimed.cell)
    for cell in claimed.lesson.code[: place + 1]:
        yield from ast.walk(tree_of(cell.source))


def aliases(claimed: Claimed) -> dict[str, ast.expr]:
    """The names that are bound once and for all, to a constant or to a part of something else."""
    nodes = [node for node in nodes_before(claimed) if isinstance(node, ast.Name)]
    stores = Counter(node.id for node in nodes if isinstance(node.ctx, ast.Store))
    return {
        name: values[0]
        for name, values in bound_before(claimed).items()
        if 1 == len(values) == stores[name] and is_alias(values[0], stores)
    }


def is_alias(value: ast.expr, stores: Counter[str]) -> bool:
    """Whether the value stays what it is: not new at each call, not changed, not a container."""
    nodes = list(ast.walk(value))
    calls = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
    used = [node.id for node in nodes if isinstance(node, ast.Name)]
    if isinstance(value, ast.Constant):
        return value.value is not None  # a placeholder, such as that for the run of %%watch
    return (
        bool(set(used) - set(worlds.PLAIN))
        and set(calls) <= set(worlds.PLAIN)
        and all(stores[name] < 2 for name in used)
        and not any(isinstance(node, COMPREHENSION) for node in nodes)
    )


@pytest.mark.parametrize("claimed", CLAIMS, ids=str)
def test_a_claim_can_fail(claimed):
    ask_for(claimed.lesson.at(claimed.cell, fault) for fault in faults(claimed))


# Claims that cannot fail are caught

SO = '"It is so"'
CANNOT_FAIL = {
    "a constant": f"claim({SO}, True)",
    "a constant by name": f"so = 3\nclaim({SO}, so, equals=3)",
    "a constant by two names": f"so = 3\nthus = so + 1\nclaim({SO}, thus, above=3)",
    "a thing and itself": f"claim({SO}, run.wall_seconds, equals=run.wall_seconds)",
    "a thing and its other name": f"same = run.lanes\nclaim({SO}, same[0] == run.lanes[0])",
    "a list and itself": f"claim({SO}, [one.pid for one in lanes] == [one.pid for one in lanes])",
    "a length": f"claim({SO}, len(run.lanes), above=-1)",
    "a distance": f"claim({SO}, abs(run.cpu_seconds - 1), above=-0.5)",
    "the larger of two": f"claim({SO}, max(run.cpu_seconds, 2), above=1)",
    "one or the other": f"claim({SO}, run.cpu_seconds < 1 or run.cpu_seconds >= 1)",
    "equal or not": f"claim({SO}, run.name == 'run' or run.name != 'run')",
    "a sorted order": f"claim({SO}, sorted(walls)[0] <= sorted(walls)[-1])",
    "what cannot be": f"claim({SO}, run.cpu_seconds < 1 and run.cpu_seconds > 2)",
}
CAN_FAIL = {
    "a figure": f"claim({SO}, run.peak_cores, above=1.25)",
    "a figure by name": f"cores = run.peak_cores\nclaim({SO}, cores, below=1.25)",
    "a ratio of two": f"claim({SO}, walls[1] / walls[0], above=1)",
    "an order": f"claim({SO}, walls[0] < walls[1] < walls[2])",
    "two calls": f"one, other = ask(), ask()\nclaim({SO}, one == other)",
    "a text": f"claim({SO}, repr(future.exception()).partition('(')[0], equals='ValueError')",
    "six exit codes": f"claim({SO}, [worker.exitcode for worker in six], equals=[0] * 6)",
}


def made_up(source: str, text: str = "", **metadata: Any) -> Claimed:
    """A claim in a cell of its own, with a verdict stored below."""
    text = text or "holds: It is so (measured 1.9, expected above 1)"
    output = new_output("stream", name="stdout", text=text)
    cell = new_code_cell(source, outputs=[output], metadata=metadata)
    [claimed] = claims_of(Lesson(Path("13-made-up.ipynb"), NotebookNode(), [cell]))
    return claimed


@pytest.mark.parametrize("source", CANNOT_FAIL.values(), ids=CANNOT_FAIL)
def test_it_is_noticed_that_a_claim_cannot_fail(source):
    [fault] = faults(made_up(source))
    assert "whatever was measured" in fault


@pytest.mark.parametrize("source", CAN_FAIL.values(), ids=CAN_FAIL)
def test_no_fault_is_found_with_a_claim_that_can_fail(source):
    assert [] == list(faults(made_up(source)))


@pytest.mark.parametrize(
    ("fault", "text", "metadata"),
    [
        ("no verdict on it", "holds: It was so (measured 1.9, expected above 1)", {}),
        ("nbval accepts", "", {"tags": ["nbval-ignore-output"]}),
    ],
)
def test_it_is_noticed_that_nbval_would_not(fault, text, metadata):
    found = list(faults(made_up(CAN_FAIL["a figure"], text, **metadata)))
    assert [] != [one for one in found if one.startswith(fault)], found


# The final table: its fifteen verdicts are no claims, and the cells that decide are run


def cores(threading: float, tasks: float, processes: float) -> dict[str, SimpleNamespace]:
    """As a comparison has them: the most that was in use, for each way."""
    most = [Measured(figure, used_by_others=0.0) for figure in (threading, tasks, processes)]
    return {way: SimpleNamespace(peak_cores=figure) for way, figure in zip(WAYS, most, strict=True)}


PREDICTED = SimpleNamespace(compare=lambda answer: None)
# For each row: the cells that decide, and what is to be measured that each word is wrong.
CONTRARY: dict[str, tuple[list[str], dict[str, Any]]] = {
    "parallel CPU": (["decide-parallel"], {"counting": cores(2, 2, 1)}),
    "GIL in the way": (
        ["decide-parallel", "decide-gil"],
        {
            "counting": cores(2, 1, 1),
            "hashing": {**cores(2, 2, 1), "async, to_thread": cores(1, 1, 1)["async"]},
            "guess": PREDICTED,
        },
    ),
    "best for I/O": (
        ["decide-io"],
        {
            "costs": {"threading": (9, 20), "async": (0.9, 20), "multiprocessing": (0.1, 1)},
            "memory": PREDICTED,
        },
    ),
    "memory shared": (
        ["decide-memory"],
        {
            "totals": {"threading": [0], "async": [0], "multiprocessing": [1]},
            "multiprocessing": SimpleNamespace(Array=lambda *_: [1], Barrier=lambda *_, **__: None),
            "two": lambda *_: None,
            "Process": None,
            "add": None,
            "total": PREDICTED,
        },
    ),
    "complexity": (
        ["decide-complexity"],
        {
            "totals": {way: [2] for way in WAYS},
            "refused": [False] * 3,
            "held_up": [False] * 3,
            "levels": ["low", "medium", "high"],
        },
    ),
}


def evidence_of(row: str) -> list[Evidence]:
    """What the cells of this row find on a roomy machine, if everything is contrary to it."""
    deciding, measured = CONTRARY[row]
    names = {"ways": WAYS, "table": [], "Evidence": Evidence, "claim": claims.claim, **measured}
    for cell in FINAL_TABLE.code:
        if cell.id in deciding:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(plain(cell.source), names)
    return [one for one in names["table"] if one.question == row]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", COURSE)
def test_a_word_of_the_final_table_can_fail(row, way, monkeypatch):
    monkeypatch.setattr(claims, "this_machine", lambda: ROOMY)
    [found] = [one for one in evidence_of(row) if one.way == way]
    cells = [cell for cell in FINAL_TABLE.code if f": {row}, {way}: " in shown(cell)]
    assert 2 == len(cells)  # where it is decided, and below the picture
    for cell in cells:
        [stored] = re.findall(rf"^{VERDICT}{row}, {way}: .*", shown(cell), re.MULTILINE)
        assert not accepted(cell, stored, repr(found)), repr(found)


def test_a_claim_inside_a_function_serves_the_final_table_alone():
    inside = [
        (lesson.number, cell.id)
        for lesson in LESSONS
        for cell, call in lesson.calls("claim")
        if ast.dump(call) not in {ast.dump(c.call) for c in CLAIMS if c.lesson is lesson}
    ]
    assert [(FINAL_TABLE.number, "decide-parallel")] == inside
