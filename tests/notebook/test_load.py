"""Many workers, and many cells: afterwards the kernel holds no more than before.

MANYBRAINS_TRIALS=2 or more tries the whole numbers: 2,000 workers in one cell, and 200 cells.
The figures before and after are printed (pytest -rP).
"""

import json
from collections.abc import Iterator

import pytest
from conftest import START_METHODS
from kernels import TRIALS, Kernel, kernel

WHOLE = TRIALS > 1
ONE_AFTER_THE_OTHER = 2_000 if WHOLE else 50
CELLS = 200 if WHOLE else 20
WARM = 20  # cells after which caches are full
A_CELL = 100_000  # bytes of memory that a cell may cost for good: its source, its outputs
A_WORKER = 20_000  # bytes of memory that a lane of a Run and its samples may take
A_LINE = 1_000  # bytes of the log, for each worker
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 if WHOLE else 180)]

# The names that the functions use are none that the cells bind: else the notebook, as it is
# written for workers, would be another one after each.
DEFINITIONS = """
import gc, json, os, threading
from pathlib import Path
import psutil
from multiprocessing import Barrier, Process
from manybrains.workers.session import current_session

def meet(gate):
    gate.wait()

def nothing():
    pass

def held():
    gc.collect()
    me = psutil.Process()
    family = [me, *me.children(recursive=True)]
    files = list(Path(current_session().folder).iterdir())
    descriptors = [
        one.num_fds() if hasattr(one, "num_fds") else one.num_handles() for one in family
    ]
    return json.dumps({
        "processes": len(family),
        "descriptors": descriptors,
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": sorted(path.name.rstrip("0123456789") for path in files),
        "bytes of files": sum(path.stat().st_size for path in files),
        "memory": [one.memory_info().rss for one in family],
    })
"""
START_AND_JOIN = "p = Process(target=nothing); p.start(); p.join()"
WATCHED = f"%%watch many\n{START_AND_JOIN}"
AT_ONCE = """%%watch many
barrier = Barrier({0})
ps = [Process(target=meet, args=(barrier,)) for _ in range({0})]
for p in ps: p.start()
for p in ps: p.join()"""
IN_TURN = f"%%watch many\nfor _ in range({{}}):\n    {START_AND_JOIN}"


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param, seconds=800) as one:
        assert "" == one.run(DEFINITIONS).error
        # What the first of its kind takes for good: multiprocessing's memory for barriers, the
        # thread of pyzmq that lets go of large messages, definitions written for workers.
        one.run(AT_ONCE.format(2) + "\nprint('x' * 1_000_000)")
        one.run(IN_TURN.format(2))
        one.run(WATCHED)
        held(one, "warm")
        yield one


def held(one: Kernel, when: str) -> dict[str, object]:
    """What the kernel and its helpers hold; printed for the report."""
    one.run("p = ps = barrier = None")
    figures: dict[str, object] = json.loads(one.run("print(held())").stdout)
    print(f"{when}: {figures}")
    return figures


def check_no_growth(before: dict[str, object], after: dict[str, object], cost: int) -> None:
    counted = ("processes", "descriptors", "threads", "files")
    assert {name: before[name] for name in counted} == {name: after[name] for name in counted}
    assert growth(before, after) < cost


def growth(before: dict[str, object], after: dict[str, object]) -> int:
    """Return by how many bytes of memory one of the processes has grown, at most."""
    both = zip(before["memory"], after["memory"], strict=True)  # type: ignore[call-overload]
    return max(b - a for a, b in both)


def test_64_workers_alive_at_once_are_64_lanes(notebook: Kernel) -> None:
    before = held(notebook, "before 64 at once")
    assert "" == notebook.run(AT_ONCE.format(64)).error
    codes = "{lane.exit_code for lane in many.workers}, len(many.workers)"
    assert "({0}, 64)" == notebook.run(codes).text
    check_no_growth(before, held(notebook, "after"), 64 * A_WORKER + 30_000_000)


def test_many_workers_one_after_the_other_are_as_many_lanes(notebook: Kernel) -> None:
    before = held(notebook, f"before {ONE_AFTER_THE_OTHER} one after the other")
    assert "" == notebook.run(IN_TURN.format(ONE_AFTER_THE_OTHER)).error
    codes = "{lane.exit_code for lane in many.workers}, len(many.workers)"
    assert f"({{0}}, {ONE_AFTER_THE_OTHER})" == notebook.run(codes).text
    after = held(notebook, "after")
    check_no_growth(before, after, ONE_AFTER_THE_OTHER * A_WORKER + 30_000_000)
    lines = int(str(after["bytes of files"])) - int(str(before["bytes of files"]))
    assert lines < ONE_AFTER_THE_OTHER * A_LINE


def test_many_watched_cells_leave_nothing(notebook: Kernel) -> None:
    for _ in range(WARM):
        notebook.run(WATCHED)
    before = held(notebook, f"before {CELLS} cells")
    most = CELLS * A_CELL + 10_000_000
    for _ in range(2):  # the allocator may take some megabytes at once; a leak goes on
        for _ in range(CELLS):
            shown = notebook.run(WATCHED)
            assert ("", 1) == (shown.error, shown.pictures)
        last, before = before, held(notebook, "after")
        if growth(last, before) < most:
            break
    check_no_growth(last, before, most)
