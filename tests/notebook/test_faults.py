"""What befalls workers: deadlocks, kills, errors of every kind, and more output than can be shown.

Whatever it is, the cell ends, says what happened, and loses nothing that was measured.  Each
fault is tried MANYBRAINS_TRIALS times (once by default).
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from conftest import START_METHODS
from kernels import TRIALS, Kernel, Shown, kernel
from worker_functions import burn_and_tell

from manybrains import Run, watch
from manybrains.plots.timeline_data import rows_of

TASK_SECONDS = 0.01
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120 + 30 * TRIALS),
    pytest.mark.usefixtures("nobody_left"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX"),
]

DEFINITIONS = """
import os, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Barrier, Lock, Pool, Process, Queue

def take(first, second, both):
    with first:
        both.wait()
        with second:
            pass

def be_deaf(queue):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    queue.put("deaf")
    time.sleep(600)

class Custom(Exception):
    pass

class OtherArguments(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code

class Unpicklable(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()

def fail(kind):
    if kind == "noted":
        error = ValueError("with a note")
        error.add_note("the note")
        raise error
    raise {
        "custom": Custom("one", 2),
        "other arguments": OtherArguments(3, "of two"),
        "unpicklable": Unpicklable("has a lock"),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt("by hand"),
        "memory": MemoryError("too much"),
        "several": ExceptionGroup("several", [ValueError(1)]),
    }[kind]

def print_lines(name, lines, width):
    for number in range(lines):
        print(f"{name} {number:07} " + "x" * (width - 11))

def print_one_long_line(characters):
    print("x" * characters)

def print_what_looks_like_a_frame():
    os.write(1, b"\\x1e1\\x1f77\\x1fnobody\\x1f999\\x1f" + b"forged\\n" + b"\\x1e\\x1f\\x1fx\\n")
    print("honest")
"""


# What goes the same way under every start method is tried under the default alone.
any_method = pytest.mark.parametrize("notebook", START_METHODS[:1], indirect=True)


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param, seconds=100) as one:
        assert "" == one.run(DEFINITIONS).error
        yield one


# --- deadlines ----------------------------------------------------------------------------

# (what comes before, the line that waits for ever, how many workers are there then, where they
# stand)
HANGS = {
    "join before get": (
        "queue = Queue(); p = Process(target=queue.put, args=(b'x' * 1_000_000,)); p.start()",
        "p.join()",
        1,
        "in `Queue`, feeding its pipe",
    ),
    "Pool.map, worker asleep": (
        "pool = Pool(1)",
        "pool.map(time.sleep, [600])",
        1,
        "in C code, at work on a task",
    ),
    "Pool.map, worker gone": (
        "pool = Pool(1)",
        "pool.map(os._exit, [1])",
        None,
        "",
    ),
    "executor": (
        "executor = ProcessPoolExecutor(1); future = executor.submit(time.sleep, 600)",
        "future.result()",
        1,
        "in C code, at work on a task",
    ),
    "two locks": (
        """a, b, both = Lock(), Lock(), Barrier(3)
pairs = [(a, b, both), (b, a, both)]
workers = [Process(target=take, args=pair) for pair in pairs]
for worker in workers: worker.start()
both.wait()""",
        "for worker in workers: worker.join()",
        2,
        "at `with second:` (line 8, in take)",
    ),
    "deaf worker": (
        "queue = Queue(); p = Process(target=be_deaf, args=(queue,)); p.start(); queue.get()",
        "p.join()",
        1,
        "at `time.sleep(600)` (line ",
    ),
}
# The same, of main alone.
HANGS_OF_MAIN = {
    "empty get": ("queue = Queue()", "queue.get()", 0, ""),
    "own loop": ("", "while True: pass", 0, ""),
    "await": ("import asyncio", "await asyncio.sleep(600)", 0, ""),
}


def hang(notebook: Kernel, before: str, line: str) -> tuple[Shown, str]:
    """Run a cell that hangs at a line of it; return what it shows, and how its end is told."""
    for seconds in (1, 4, 16, 64):  # on a busy machine it may take long to come there
        head = f"%%watch hung --deadline {seconds}\nthere = False\n{before}\nthere = True\n"
        shown = notebook.run(head + line)
        if "True" == notebook.run("there").text:
            break
    where = f"`{line}` (line {head.count(chr(10)) + 1})"
    told = f"stopped at its deadline of {seconds} s; MainProcess stood at {where}"
    return shown, told


@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("name", HANGS)
def test_a_deadline_ends_what_hangs_and_the_kernel_lives_on(
    notebook: Kernel, name: str, trial: int
) -> None:
    check_ended(notebook, *HANGS[name])


@any_method
@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("name", HANGS_OF_MAIN)
def test_a_deadline_ends_a_main_that_waits_for_nobody(
    notebook: Kernel, name: str, trial: int
) -> None:
    check_ended(notebook, *HANGS_OF_MAIN[name])


def check_ended(notebook: Kernel, before: str, line: str, workers: int | None, stood: str) -> None:
    shown, told = hang(notebook, before, line)
    note = shown.stdout.splitlines()[0].partition("; ")[2]
    assert ("", told) == (shown.error, note[: len(told)])
    assert stood in note
    if workers:
        assert note.endswith(
            f" {'1 worker was' if workers == 1 else f'{workers} workers were'} ended"
        )
    assert 1 == shown.pictures
    ask = "from multiprocessing import active_children\nhung.finished, active_children()"
    assert "(False, [])" == notebook.run(ask).text
    if workers is not None:
        codes = notebook.run("[lane.exit_code for lane in hung.workers]").text
        assert str([-9] * workers) == codes
    idle = "[lane for lane in hung.workers if lane.cpu_seconds > hung.wall_seconds / 2]"
    assert "[]" == notebook.run(idle).text


@any_method
def test_a_deadline_ends_two_threads_that_take_two_locks_in_opposite_order(
    notebook: Kernel,
) -> None:
    before = """import threading
a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(3)
pairs = [(a, b, both), (b, a, both)]
workers = [threading.Thread(target=take, args=pair, daemon=True) for pair in pairs]
for worker in workers: worker.start()
both.wait()"""
    shown, told = hang(notebook, before, "for worker in workers: worker.join()")
    note = shown.stdout.splitlines()[0].partition("; ")[2]
    assert note.startswith(told)
    assert "stood at `with second:` (line 8, in take); still running, since a thread" in note
    lanes = notebook.run("[(lane.kind, lane.ended) for lane in hung.workers]").text
    assert "[('thread', None), ('thread', None)]" == lanes


# --- killed workers -----------------------------------------------------------------------


def strike(pids: list[int], trial: int) -> int:
    """Kill one of the workers at a random moment; return its pid."""
    chance = random.Random(trial)
    time.sleep(chance.uniform(0, 0.3))
    victim = chance.choice(pids)
    os.kill(victim, signal.SIGKILL)
    return victim


def told(path: Path) -> dict[int, float]:
    """The CPU seconds that each worker last told of."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return {int(pid): float(cpu) for pid, cpu in lines}


def check(run: Run, victim: int, path: Path) -> None:
    endings = {lane.pid: row.ending for lane, row in zip(run.lanes, rows_of(run), strict=True)}
    assert "SIGKILL" in endings[victim]
    others = {lane.pid: lane.cpu_seconds for lane in run.workers if lane.pid != victim}
    wrong = {
        pid: (cpu, others[pid])
        for pid, cpu in told(path).items()
        if pid != victim and not -0.05 <= others[pid] - cpu <= 10 * TASK_SECONDS
    }
    assert {} == wrong


@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_killed_worker_of_a_pool(start_method: str, trial: int, tmp_path: Path) -> None:
    context = multiprocessing.get_context(start_method)
    for deadline in (3, 12, 48):  # on a busy machine the pool itself may take longer than three
        path, victim = tmp_path / f"told_{deadline}", 0
        with watch(deadline=deadline, quiet=True) as run, context.Pool(3) as pool:
            task = (TASK_SECONDS, str(path))
            pids = pool.map(burn_and_tell, [task] * 30, chunksize=1)
            answer = pool.map_async(burn_and_tell, [task] * 100_000, chunksize=1)
            victim = strike(sorted(set(pids)), trial)
            answer.get()
        if victim:
            break
    assert not run.finished
    check(run, victim, path)


@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_killed_worker_of_an_executor(start_method: str, trial: int, tmp_path: Path) -> None:
    context = multiprocessing.get_context(start_method)
    path = tmp_path / "told"
    with (
        watch(deadline=60, quiet=True) as run,
        ProcessPoolExecutor(3, mp_context=context) as executor,
    ):
        pids = list(executor.map(burn_and_tell, [(TASK_SECONDS, str(path))] * 30))
        answers = [executor.submit(burn_and_tell, (TASK_SECONDS, str(path))) for _ in range(1000)]
        victim = strike(sorted(set(pids)), trial)
        with pytest.raises(BrokenProcessPool):
            for answer in answers:
                answer.result()
    assert run.finished
    check(run, victim, path)


# --- errors -------------------------------------------------------------------------------

ERRORS = {
    "custom": "Custom: ('one', 2)",
    "other arguments": "OtherArguments: of two",
    "unpicklable": "Unpicklable: has a lock",
    "noted": "ValueError: with a note",
    "exit": "SystemExit: 3",
    "interrupt": "KeyboardInterrupt: by hand",
    "memory": "MemoryError: too much",
}
POOLS = {
    "Pool": "with Pool(1) as pool: pool.map(fail, [{!r}])",
    "executor": "with ProcessPoolExecutor(1) as executor: list(executor.map(fail, [{!r}]))",
}


# What an executor does with an error is its own for these; the others it does as a pool does.
KINDS = [("Pool", kind) for kind in ERRORS]
KINDS += [("executor", kind) for kind in ("custom", "unpicklable", "exit", "interrupt")]


def check_error(notebook: Kernel, pool: str, kind: str) -> None:
    shown = notebook.run("%%watch --deadline 30\n" + POOLS[pool].format(kind))
    assert ERRORS[kind] == shown.error
    assert "Traceback" not in shown.stderr


@any_method
@pytest.mark.parametrize(("pool", "kind"), KINDS)
def test_an_error_of_any_kind_in_a_pool_reaches_the_cell(
    notebook: Kernel, pool: str, kind: str
) -> None:
    check_error(notebook, pool, kind)


@pytest.mark.parametrize("pool", POOLS)
def test_an_error_in_a_pool_reaches_the_cell(notebook: Kernel, pool: str) -> None:
    check_error(notebook, pool, "other arguments")


@pytest.mark.parametrize("pool", POOLS)
def test_what_an_error_carries_arrives(notebook: Kernel, pool: str) -> None:
    cell = "try:\n    {}\nexcept Exception as error: caught = error"
    notebook.run(cell.format(POOLS[pool].format("other arguments")))
    assert "(True, 3)" == notebook.run("type(caught) is OtherArguments, caught.code").text
    notebook.run(cell.format(POOLS[pool].format("noted")))
    assert "['the note']" == notebook.run("caught.__notes__").text
    notebook.run(cell.format(POOLS[pool].format("unpicklable")))
    expected = "['Not sent, because it cannot be pickled: lock.']"
    assert expected == notebook.run("caught.__notes__").text


@pytest.mark.parametrize("pool", POOLS)
def test_the_text_of_an_error_has_no_frames_of_ours(notebook: Kernel, pool: str) -> None:
    cell = "try:\n    {}\nexcept Exception as error: print(error.__cause__)"
    for kind in ("custom", "other arguments", "several"):
        text = notebook.run(cell.format(POOLS[pool].format(kind))).stdout
        assert (True, False) == ("in fail" in text, "manybrains" in text)


@any_method
@pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind not in ("custom", "exit")])
def test_an_error_of_any_kind_in_a_process_is_told_once(notebook: Kernel, kind: str) -> None:
    check_told_once(notebook, kind)


def test_an_error_in_a_process_is_told_once(notebook: Kernel) -> None:
    check_told_once(notebook, "custom")


def check_told_once(notebook: Kernel, kind: str) -> None:
    source = f"p = Process(target=fail, args=({kind!r},)); p.start(); p.join(); p.exitcode"
    shown = notebook.run(source)
    assert ("1", "") == (shown.text, shown.error)
    assert (1, 1) == (shown.stderr.count(ERRORS[kind]), shown.stderr.count("Traceback"))


# --- output -------------------------------------------------------------------------------

PRINT = """
workers = [Process(target=print_lines, args=(name, {lines}, {width})) for name in "abcd"]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""
MEMORY = "import psutil; psutil.Process().memory_info().rss"


def test_ten_megabytes_of_four_workers_arrive_whole_and_in_order(notebook: Kernel) -> None:
    lines = 25_000
    shown = notebook.run(PRINT.format(lines=lines, width=100))
    found: dict[str, list[str]] = {name: [] for name in "abcd"}
    for line in shown.stdout.splitlines():
        found[line[0]].append(line)
    tail = " " + "x" * 89
    for name in "abcd":
        assert [f"{name} {number:07}{tail}" for number in range(lines)] == found[name]


def test_more_than_can_be_shown_is_cut_and_counted(notebook: Kernel) -> None:
    before = int(notebook.run(MEMORY).text)
    shown = notebook.run(PRINT.format(lines=1_500, width=10_000))
    assert len(shown.stdout) < 25_000_000
    [sentence] = shown.stderr.splitlines()
    assert sentence.startswith("[some ")
    assert sentence.endswith(" bytes more were printed by workers, and dropped]")
    dropped = int(sentence.split()[1].replace(",", ""))
    assert dropped >= 60_000_000 - len(shown.stdout) > 0
    assert int(notebook.run(MEMORY).text) - before < 250_000_000


def test_one_very_long_line_arrives_whole(notebook: Kernel) -> None:
    source = "p = Process(target=print_one_long_line, args=(3_000_000,)); p.start(); p.join()"
    assert "x" * 3_000_000 + "\n" == notebook.run(source).stdout


def test_what_looks_like_our_own_marks_breaks_nothing(notebook: Kernel) -> None:
    source = "p = Process(target=print_what_looks_like_a_frame); p.start(); p.join()"
    shown = notebook.run(source)
    assert ("", "") == (shown.error, shown.stderr)
    assert "forged\n" in shown.stdout
    assert "honest\n" in shown.stdout
    assert "3\n" == notebook.run("print(1 + 2)").stdout


def test_a_workers_name_may_hold_anything(notebook: Kernel) -> None:
    source = (
        "%%watch named\nname = 'a\\x1e\\x1f\\nb'\n"
        "p = Process(target=print_lines, args=('a', 2, 20), name=name)\np.start(); p.join()"
    )
    shown = notebook.run(source)
    assert ["a???b: a 0000000 xxxxxxxxx", "a???b: a 0000001 xxxxxxxxx"] == (
        shown.stdout.splitlines()[:2]
    )
    assert repr("a\x1e\x1f\nb") == notebook.run("named.workers[0].name").text
