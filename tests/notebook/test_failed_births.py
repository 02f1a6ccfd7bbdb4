"""A cell whose workers cannot be born gets the error, named by cell and line, and no storm."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import START_METHODS
from kernels import Kernel, Shown, kernel

NOT_FORKED = [method for method in START_METHODS if method != "fork"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("nobody_left"),
]
DEFINITIONS = """\
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool, Process
from multiprocessing.managers import SyncManager

class Unreadable:
    def __init__(self): self.state = 1
    def __setstate__(self, state):
        raise LookupError("cannot be read")

def fail(*_):
    raise ValueError("no such table")

def double(number):
    return 2 * number

def ask_in_a_worker():
    with Pool(2, initializer=fail) as pool:
        return pool.map(double, [1])
"""
IN_SETSTATE = "(Cell In[2], line 9)"
IN_FAIL = "(Cell In[2], line 12)"


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param) as one:
        assert "" == one.run(DEFINITIONS).error
        yield one


not_forked = pytest.mark.parametrize("notebook", NOT_FORKED, indirect=True)


def traceback_of(shown: Shown) -> str:
    return "\n".join("\n".join(o.traceback) for o in shown.outputs if "ename" in o)


def check(shown: Shown, error: str, *words: str) -> None:
    """Check that a cell shows this error alone, once, with the words, and no temporary path."""
    said = traceback_of(shown)
    assert (error, "") == (shown.error[: len(error)], shown.stderr)
    for some in words:
        assert some in said
    assert 1 == said.count('raise LookupError("') + said.count('raise ValueError("')
    assert "manybrains-" not in said + shown.error
    assert "ipykernel_" not in said


INITIALIZERS = {
    "Pool(2, initializer=fail)": "pool.map(double, [1, 2])",
    "Pool(16, initializer=fail)": "print(*pool.imap(double, [1, 2]))",
}


@pytest.mark.parametrize("pool", INITIALIZERS)
def test_the_cell_gets_the_error_of_an_initializer(notebook: Kernel, pool: str) -> None:
    shown = notebook.run(f"with {pool} as pool:\n    {INITIALIZERS[pool]}")
    words = f"The initializer failed in 3 workers in the same way {IN_FAIL}, so no more"
    check(shown, "ValueError: no such table", words, 'File "Cell In[2]", line 12, in fail')


def test_the_cell_gets_the_error_of_an_initializer_of_an_executor(notebook: Kernel) -> None:
    shown = notebook.run(
        "with ProcessPoolExecutor(4, initializer=fail) as executor:\n"
        "    print(*executor.map(double, range(9)))"
    )
    check(
        shown,
        f"BrokenProcessPool: The initializer failed in a worker {IN_FAIL}: ValueError: no such",
        'File "Cell In[2]", line 12, in fail',
    )


def test_an_initializer_that_gets_the_wrong_arguments_is_named_with_them(notebook: Kernel) -> None:
    notebook.run("def keep(one): pass")
    shown = notebook.run("with Pool(1, keep, (1, 2)) as pool: pool.map(double, [1])")
    assert "TypeError: keep() takes 1 positional argument but 2 were given" == shown.error
    assert "It was called with initargs=(1, 2)." in traceback_of(shown)
    assert re.search(
        r"in 3 workers in the same way \(Cell In\[\d+\], line 1\)", traceback_of(shown)
    )
    shown = notebook.run(
        "with ProcessPoolExecutor(1, initializer=keep) as executor:\n"
        "    executor.submit(double, 1).result()"
    )
    words = (
        r"BrokenProcessPool: The initializer failed in a worker \(Cell In\[\d+\], line 1\): Type"
    )
    assert re.match(words, shown.error)


@not_forked
def test_the_cell_gets_the_error_of_what_no_worker_can_read(notebook: Kernel) -> None:
    shown = notebook.run(
        "with Pool(3, initializer=fail, initargs=(Unreadable(),)) as pool: pool.map(double, [1])"
    )
    words = f"A worker cannot start: it cannot read what it is sent at its start {IN_SETSTATE}."
    check(shown, "LookupError: cannot be read", words, 'File "Cell In[2]", line 9, in __setstate__')
    shown = notebook.run(
        "with ProcessPoolExecutor(3, initializer=fail, initargs=(Unreadable(),)) as executor:\n"
        "    executor.submit(double, 1).result()"
    )
    words = "BrokenProcessPool: A worker cannot start: it cannot read what it is sent at its start"
    check(shown, f"{words} {IN_SETSTATE}: LookupError: cannot be read")


@not_forked
def test_the_cell_names_a_module_that_is_gone(notebook: Kernel, tmp_path: Path) -> None:
    file = tmp_path / "helpers_of_mine.py"
    file.write_text("def prepare(): pass\n", encoding="utf-8")
    notebook.run(f"sys.path.append({str(tmp_path)!r})\nimport helpers_of_mine")
    file.unlink()
    shown = notebook.run(
        "with Pool(2, initializer=helpers_of_mine.prepare) as p: p.map(double, [1])"
    )
    assert "ModuleNotFoundError: No module named 'helpers_of_mine'" == shown.error
    assert "install what is missing, or put its file back" in traceback_of(shown)


@not_forked
def test_a_process_that_cannot_read_its_arguments_prints_where(notebook: Kernel) -> None:
    shown = notebook.run(
        "p = Process(target=fail, args=(Unreadable(),), name='reader')\n"
        "p.start(); p.join(); p.exitcode"
    )
    assert ("1", "") == (shown.text, shown.error)
    assert (
        "Process reader:\n"
        "Traceback (most recent call last):\n"
        '  File "Cell In[2]", line 9, in __setstate__\n'
        '    raise LookupError("cannot be read")\n'
        "LookupError: cannot be read\n"
    ) == shown.stderr


def test_the_cell_of_a_manager_gets_the_error(notebook: Kernel) -> None:
    shown = notebook.run("SyncManager().start(initializer=fail)")
    error = f"EOFError: The initializer failed in the manager's process {IN_FAIL}: ValueError: no"
    check(shown, error, 'File "Cell In[2]", line 12, in fail')


def test_a_watched_cell_gets_the_error_long_before_its_deadline(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%watch seen --deadline 60\nwith Pool(2, initializer=fail) as pool: pool.map(double, [1])"
    )
    check(shown, "ValueError: no such table", IN_FAIL)
    assert "stopped by ValueError" in shown.stdout


def test_a_pool_that_nobody_asks_says_why_it_ended(notebook: Kernel) -> None:
    shown = notebook.run("pool = Pool(2, initializer=fail)\ntime.sleep(4)")
    assert ("", 1) == (shown.error, shown.stderr.count("ValueError: no such table"))
    assert f"in the same way {IN_FAIL}, so no more" in shown.stderr
    check(notebook.run("pool.map(double, [1])"), "ValueError: no such table", IN_FAIL)
    shown = notebook.run("pool.close(); pool.join(); multiprocessing.active_children()")
    assert ("[]", "") == (shown.text, shown.error)


def test_a_pool_in_a_worker_names_the_cell_and_no_temporary_file(notebook: Kernel) -> None:
    shown = notebook.run(
        "with ProcessPoolExecutor(1) as executor: executor.submit(ask_in_a_worker).result()"
    )
    check(shown, "ValueError: no such table", 'File "Cell In[2]", line 12, in fail')


def test_the_next_pool_works(notebook: Kernel) -> None:
    notebook.run("with Pool(2, initializer=fail) as pool: pool.map(double, [1])")
    shown = notebook.run("with Pool(2) as pool: print(pool.map(double, [1, 2]))")
    assert ("[2, 4]\n", "", "") == (shown.stdout, shown.stderr, shown.error)
