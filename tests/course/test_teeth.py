"""What is stored below the cells of a lesson is what they show: nbval has teeth.

A small notebook is run and stored as the lessons are.  Copies of it are edited, and nbval
has to find fault with each edit that matters, and with nothing else.  It is asked as anybody
would ask it: `pytest --nbval notebooks` or `--nbval-lax`, at the root of a checkout.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from course import NOTEBOOKS, needed_by, read
from execute_notebooks import execute, tidy
from kernels import kernel
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from nbval.plugin import get_sanitize_patterns

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CHECKOUT = Path(__file__).parents[2]
CONFIG = CHECKOUT / "tests" / "nbval_sanitize.cfg"
SETTINGS = [CHECKOUT / "conftest.py", CHECKOUT / "pyproject.toml", CONFIG]
PATTERNS = dict(get_sanitize_patterns(CONFIG.read_text(encoding="utf-8")))  # as nbval keeps them
WATCHED = """%%watch greeting --deadline 60
from multiprocessing import Process

greeter = Process(target=print, args=("hello",), name="greeter")
greeter.start()
greeter.join()"""
CLAIM = """from manybrains import claim

claim("There is a worker", len(greeting.workers), above=0.5)"""
QUESTION = """from manybrains import predict

how_long = predict("How long will it take?", "half as long", "as long")"""
REQUIRED = {"tags": ["raises-exception", "nbval-check-output"]}
CELLS = {
    "set-up": new_code_cell("%load_ext manybrains"),
    "watched": new_code_cell(WATCHED),
    "claim": new_code_cell(CLAIM),
    "question": new_code_cell(QUESTION),
    "failure": new_code_cell("int('three')", metadata=REQUIRED),
    "count": new_code_cell("len(greeting.workers)"),
}
Edit = Callable[[NotebookNode], None]


def in_source(old: str, new: str) -> Edit:
    """A change of what the cell does; what is stored below it stays."""

    def edit(cell: NotebookNode) -> None:
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return edit


def in_output(old: str, new: str) -> Edit:
    """A change of what is stored, be it a stream or a value; what the cell does stays."""

    def edit(cell: NotebookNode) -> None:
        kept = [(each, "text") for each in cell.outputs if "text" in each]
        kept += [(each.data, "text/plain") for each in cell.outputs if "data" in each]
        assert any(re.search(old, holder[key]) for holder, key in kept)
        for holder, key in kept:
            holder[key] = re.sub(old, new, holder[key])

    return edit


# What an edit comes to, the cell, and the edit.
NOTICED: dict[str, tuple[str, Edit]] = {
    "a claim is not true any more": ("claim", in_source("above=0.5", "above=1000")),
    "a claim is about something else": ("claim", in_source("There is", "Never was there")),
    "another print is stored": ("watched", in_output("hello", "goodbye")),
    "another name of a worker is stored": ("watched", in_output("greeter: ", "Process-1: ")),
    "another number of workers is stored": ("watched", in_output("1 worker", "2 workers")),
    "another small count is stored": ("count", in_output("1", "2")),
    "another question is asked": ("question", in_source("How long", "How much time")),
    "a taught failure does not happen": ("failure", in_source("'three'", "'3'")),
    "a taught failure is another one": ("failure", in_source("int('three')", "[].pop()")),
    "a failure happens that is not taught": ("count", in_source("greeting", "farewell")),
}
PASSED_OVER: dict[str, tuple[str, Edit]] = {
    "another wall time is stored": ("watched", in_output(r"\d+\.\d+ s wall", "98.7654 s wall")),
    "a claim could not be told": ("claim", in_output("^holds: ", "cannot be told here: ")),
}
EDITS = NOTICED | PASSED_OVER
# The traps of asyncio, in the speed comparison: the claim, the cell, what stands in it, and
# what would make the claim untrue.
TRAPS = {
    "Only the coroutine that was awaited has run": (
        "never-awaited",
        '    note("without await")',
        '    note("without await")\n    await note("without await")',
    ),
    "Blocking calls wait one after the other": (
        "define-blocked",
        "    sleep(seconds)",
        "    await asyncio.sleep(seconds)",
    ),
    "In threads they wait at the same time": (
        "define-blocked",
        "await asyncio.to_thread(sleep, seconds)",
        "sleep(seconds)",
    ),
}


def in_copies(edits: Iterable[str]) -> list[dict[str, str]]:
    """For each copy, which cell gets which edit: one a cell, so that few kernels are started."""
    copies: list[dict[str, str]] = []
    for what in edits:
        cell, _ = EDITS[what]
        free = next((copy for copy in copies if cell not in copy), None)
        if free is None:
            copies.append(free := {})
        free[cell] = what
    return copies


COPIES = [{}, *in_copies(PASSED_OVER), *in_copies(NOTICED)]


@pytest.fixture(scope="module")
def stored() -> NotebookNode:
    """The small notebook and what it showed, as `make notebooks` stores it."""
    notebook = new_notebook(cells=[NotebookNode(cell, id=name) for name, cell in CELLS.items()])
    execute(notebook, CONFIG.parent)
    tidy(notebook)
    return notebook


@pytest.fixture(scope="module")
def checkout(stored: NotebookNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the settings of this one, and a notebook for each copy."""
    root = tmp_path_factory.mktemp("checkout")
    for path in SETTINGS:
        copy = root / path.relative_to(CHECKOUT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    (root / "notebooks").mkdir()
    for number, edits in enumerate(COPIES):
        notebook = nbformat.from_dict(stored)
        for cell, what in edits.items():
            EDITS[what][1](notebook.cells[list(CELLS).index(cell)])
        nbformat.write(notebook, root / "notebooks" / f"{number}.ipynb")
    return root


@pytest.fixture(scope="module")
def faults(checkout: Path) -> list[list[str]]:
    """For each copy, the cells with which nbval finds fault."""
    typed(checkout, "--nbval", "notebooks", "--junitxml=report.xml")
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(checkout / "report.xml").iter("testcase"):
        cell = list(CELLS)[int(case.attrib["name"].removeprefix("Cell "))]
        name = case.attrib["classname"].removeprefix("notebooks.").removesuffix(".ipynb")
        failed = found.setdefault(name, [])
        failed += [cell] * (len(case) > 0)
    return [found[str(number)] for number in range(len(COPIES))]


def typed(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What pytest did there, in the environment of a terminal."""
    ours = ("PYTEST_", "MANYBRAINS_")
    terminal = {key: os.environ[key] for key in os.environ if not key.startswith(ours)}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(
        command, cwd=root, env=terminal, capture_output=True, text=True, timeout=240
    )


def test_nbval_accepts_a_notebook_as_it_was_stored(faults):
    assert [] == faults[COPIES.index({})]


@pytest.mark.parametrize("what", NOTICED)
def test_nbval_notices_it_when(what, faults):
    cell, _ = EDITS[what]
    assert cell in faults[place_of(what)]


@pytest.mark.parametrize("what", PASSED_OVER)
def test_nbval_passes_over_it_when(what, faults):
    cell, _ = EDITS[what]
    assert cell not in faults[place_of(what)]


def test_nbval_finds_no_fault_with_cells_that_were_not_edited(faults):
    unedited = [set(CELLS) - set(edits) for edits in COPIES]
    assert [set()] * len(COPIES) == [set(f) & u for f, u in zip(faults, unedited, strict=True)]


def test_nbval_lax_accepts_a_notebook_as_it_was_stored(checkout):
    done = typed(checkout, "--nbval-lax", f"notebooks/{COPIES.index({})}.ipynb")
    assert f"{len(CELLS)} passed" in done.stdout, done.stdout + done.stderr


def verdicts_on_traps(old: str = "", new: str = "", where: str = "") -> str:
    """What the cells with the traps say, if this cell is edited."""
    lesson = read(next(path for path in NOTEBOOKS if path.name.startswith("06-")))
    by_id = {cell.id: cell.source for cell in lesson.code}
    if where:
        assert old in by_id[where]
        by_id[where] = by_id[where].replace(old, new)
    cells = [by_id[name] for name in ("never-awaited", "define-blocked", "blocking")]
    before = lesson.code[: list(by_id).index("never-awaited")]
    with kernel(None) as notebook:
        ran = [notebook.run(source) for source in [*needed_by(cells, before), *cells]]
    assert [""] * len(ran) == [shown.error for shown in ran]
    return "\n".join(f"{shown.stdout}\n{shown.text}" for shown in ran)


def test_the_claims_on_the_traps_of_asyncio_hold():
    said = verdicts_on_traps()
    assert list(TRAPS) == [says for says in TRAPS if f"holds: {says}" in said], said
    assert "does not hold" not in said


@pytest.mark.parametrize("says", TRAPS)
def test_a_claim_on_a_trap_of_asyncio_can_fail(says):
    where, old, new = TRAPS[says]
    said = verdicts_on_traps(old, new, where)
    assert f"does not hold: {says}" in said, said


def place_of(what: str) -> int:
    return next(place for place, edits in enumerate(COPIES) if what in edits.values())


def sanitised(text: str) -> str:
    """The text that nbval compares."""
    for pattern, replacement in PATTERNS.items():
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("holds: Two use two (measured 1.9)", "cannot be told here: Two use two (needs 2 cores)"),
        ("holds: All came (measured 7 (of 9))", "holds: All came (measured 8 (of 9))"),
        ("a: 0.62 s wall, 2 workers", "a: 12.06 s wall, 2 workers"),
        ("serial  0.81 1.00", "serial 10.81 1.00"),
        ("a share of 2.5e-05", "a share of 0.12"),
        ("from 0.12", "from none of the sizes tried"),
        ("pid 7075", "pid 123456"),
        ("arrived: 10,000", "arrived: 9,999,999"),
        ("lost 100 of 200", "lost 999 of 200"),
        ("ForkPoolWorker-1", "SpawnPoolWorker-1"),
        ("ForkServerPoolWorker-1", "SpawnPoolWorker-1"),
        ("ForkProcess-2", "SpawnProcess-2"),
        ("<Lock at 0x7ff455e944a0>", "<Lock at 0x1a2b>"),
        ('File "/opt/lib/python3.13/json/decoder.py"', 'File "C:\\Python\\decoder.py"'),
        ('You predicted "1"; measured: "2"', 'No prediction was made; measured: "3"'),
        ('No prediction was made; measured: "3"', "No prediction was made; cannot be told here: 1"),
    ],
)
def test_what_may_differ_is_compared_as_equal(one, other):
    assert sanitised(one) == sanitised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("holds: Two use two (measured 1.9)", "does not hold: Two use two (measured 1.9)"),
        ("cannot be told here: It is so (why)", "does not hold: It is so (why)"),
        ("holds: One (measured 1.9)", "holds: Two (measured 1.9)"),
        ("holds: It is so (measured 1.9)", "It is so (measured 1.9)"),
        ("1 worker", "2 workers"),
        ("99 lines", "98 lines"),
        ("version 2", "version 2.5"),
        ("exit code 0", "exit code -9"),
        ("ForkPoolWorker-1", "ForkPoolWorker-2"),
        ("ForkPoolWorker-1", "ForkProcess-1"),
        ("Process-1: hello", "Process-2: hello"),
        ('File "a/one.py"', 'File "a/two.py"'),
        ("solved: three workers", "not solved yet: three workers"),
    ],
)
def test_what_matters_is_compared_as_different(one, other):
    assert sanitised(one) != sanitised(other)


def test_every_section_of_the_sanitiser_is_read():
    sections = re.findall(r"^\[.+\]$", CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(sections) == len(PATTERNS)
