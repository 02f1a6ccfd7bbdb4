"""When a block is stopped, everybody says where they stood, and the note what was done."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest
import stuck_workers
from stuck_workers import say_there
from worker_functions import burn

from manybrains import Run, watch
from manybrains.deadlines import deadline as deadlines
from manybrains.deadlines import stacks
from manybrains.lens import installation, standing
from manybrains.workers import stack_dumps
from manybrains.workers.session import Session, current_session

pytestmark = [
    pytest.mark.usefixtures("nobody_left"),
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="real-time signals and /proc are Linux's"
    ),
]
DEADLINES = (3, 12, 40)  # seconds: on a busy machine it may take long to come there
Hang = Callable[[Path], None]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers take their time to tell: on a busy machine 0.2 s may be too little for all."""
    monkeypatch.setattr(standing, "_WORKERS_TIMEOUT", 60.0)


def stopped(folder: Path, names: set[str], hang: Hang) -> Run:
    """The run of a block that hangs, stopped when all that are named were there."""
    for deadline in DEADLINES:
        (there := folder / str(deadline)).mkdir()
        with watch("hung", deadline=deadline, quiet=True) as run:
            hang(there)
        if names <= {path.name for path in there.iterdir()}:
            break
    assert not run.finished
    return run.run


def line_of(function: Callable[..., Any], text: str) -> str:
    """A line of a stuck worker, as a place is told."""
    lines = Path(stuck_workers.__file__).read_text("utf-8").splitlines()
    begin = function.__code__.co_firstlineno
    number = next(n for n in range(begin, len(lines) + 1) if lines[n - 1].strip() == text)
    return f"`{text}` (line {number} of stuck_workers.py, in {function.__name__})"


CROWD = {
    "match": (
        stuck_workers.match,
        line_of(stuck_workers.match, 're.fullmatch("(a+)+b", "a" * 60)  # holds the GIL, in C'),
    ),
    "loop": (stuck_workers.loop, line_of(stuck_workers.loop, "while True:")),
    "deaf": (stuck_workers.be_deaf, "not asked: it does not listen to signals"),
    "block": (stuck_workers.block, "not asked: it does not listen to signals"),
    "thread": (
        stuck_workers.block_beside_a_thread,
        line_of(stuck_workers.block, "time.sleep(600)"),
    ),
    "stop": (stuck_workers.stop, "stopped by a signal"),
    "mother": (stuck_workers.join_a_child, line_of(stuck_workers.join_a_child, "child.join()")),
    "waits": (
        stuck_workers.wait_in_a_thread,
        "; a thread at ".join(
            [
                line_of(stuck_workers.wait_in_a_thread, "thread.join()"),
                line_of(stuck_workers.loop, "while True:"),
            ]
        ),
    ),
}


def start_all(workers: list[Any]) -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_workers_that_are_stuck_say_where_they_stood(start_method: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context(start_method)

    def hang(folder: Path) -> None:
        start_all(
            [
                context.Process(target=target, args=(str(folder), name), name=name)
                for name, (target, _) in CROWD.items()
            ]
        )

    run = stopped(tmp_path, {*CROWD, "grandchild"}, hang)
    expected = {name: place for name, (_, place) in CROWD.items()}
    expected["grandchild"] = line_of(stuck_workers.loop, "while True:")
    told = {lane.name: lane.stood_at for lane in run.workers if lane.kind == "process"}
    loops = (line_of(stuck_workers.loop, "while True:"), line_of(stuck_workers.loop, "pass"))
    assert expected == {name: place.replace(loops[1], loops[0]) for name, place in told.items()}
    assert "MainProcess stood at `worker.join()`" in run.note
    assert f"; {len(CROWD)} workers were ended" in run.note


def test_two_locks_in_opposite_order_read_like_the_answer(
    start_method: str, tmp_path: Path
) -> None:
    context = multiprocessing.get_context(start_method)

    def hang(folder: Path) -> None:
        a, b, both = context.Lock(), context.Lock(), context.Barrier(2)
        pairs = {"Ann": (a, b), "Bob": (b, a)}
        start_all(
            [
                context.Process(
                    target=stuck_workers.take, args=(str(folder), name, *pair, both), name=name
                )
                for name, pair in pairs.items()
            ]
        )

    run = stopped(tmp_path, {"Ann", "Bob"}, hang)
    place = line_of(stuck_workers.take, "with second:")
    assert f"Ann and Bob stood at {place}; 2 workers were ended" in run.note
    assert {"Ann": place, "Bob": place}.items() <= run.stood_at.items()


def test_queues_that_are_never_read_and_never_filled(start_method: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context(start_method)

    def hang(folder: Path) -> None:
        full, empty = context.Queue(), context.Queue()
        start_all(
            [
                context.Process(target=target, args=(str(folder), name, queue), name=name)
                for target, name, queue in (
                    (stuck_workers.feed, "feeds", full),
                    (stuck_workers.get, "gets", empty),
                )
            ]
        )

    run = stopped(tmp_path, {"feeds", "gets"}, hang)
    assert "in `Queue`, feeding its pipe" == run.stood_at["feeds"]
    assert line_of(stuck_workers.get, "queue.get()") == run.stood_at["gets"]


def test_workers_of_a_pool_and_of_an_executor(start_method: str, tmp_path: Path) -> None:
    context: BaseContext = multiprocessing.get_context(start_method)

    def hang(folder: Path) -> None:
        pool = context.Pool(1)
        pool.apply(os.getpid)
        say_there(str(folder), "idle")
        working = context.Pool(1)
        working.apply_async(stuck_workers.loop, (str(folder), "pool"))
        executor = ProcessPoolExecutor(1, context)
        executor.submit(stuck_workers.loop, str(folder), "executor").result()

    run = stopped(tmp_path, {"idle", "pool", "executor"}, hang)
    idle, pool, executor = [lane.stood_at for lane in run.workers if lane.kind == "process"][:3]
    assert "in `Pool`, waiting for a task" == idle
    assert {True} == {"stuck_workers.py, in loop" in place for place in (pool, executor)}
    assert "`executor.submit(" in run.lanes[0].stood_at


def test_64_workers_all_say_where_they_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They get the time that a machine needs on which all cores are busy."""
    monkeypatch.setattr(standing, "_WORKERS_TIMEOUT", 5.0)
    monkeypatch.setattr(deadlines, "_LOOK_TIMEOUT", 5.0)
    context = multiprocessing.get_context("fork")
    names = {str(number) for number in range(64)}

    def hang(folder: Path) -> None:
        start_all(
            [
                context.Process(
                    target=stuck_workers.get, args=(str(folder), name, context.Queue()), name=name
                )
                for name in sorted(names)
            ]
        )

    run = stopped(tmp_path, names, hang)
    assert {line_of(stuck_workers.get, "queue.get()")} == {lane.stood_at for lane in run.workers}
    assert "64 workers were ended" in run.note


# --- main and its threads -----------------------------------------------------------------


def test_threads_of_main_are_not_ended_and_those_still_there_are_named() -> None:
    gate, waited = threading.Event(), threading.Event()

    def wait() -> None:
        gate.wait()
        waited.set()

    with watch("threads", deadline=0.5, quiet=True) as run:
        thread = threading.Thread(target=wait, name="waits", daemon=True)
        worker = multiprocessing.Process(target=time.sleep, args=(600,), name="asleep")
        thread.start()
        worker.start()
        thread.join()
    assert not waited.is_set()  # before Python 3.13 an interrupted join takes it for ended
    gate.set()
    assert waited.wait(60)
    assert "MainProcess stood at `thread.join()`" in run.note
    assert "waits" in run.stood_at
    assert run.note.endswith(
        "1 worker was ended; still running, since a thread cannot be ended: waits"
    )


def test_workers_of_an_earlier_block_are_not_ended_and_not_said_to_be() -> None:
    installation.install()
    earlier = multiprocessing.Process(target=time.sleep, args=(600,), name="earlier")
    try:
        with watch():
            earlier.start()
        with watch(deadline=0.3, quiet=True) as run:
            time.sleep(600)
        assert earlier.is_alive()
        assert "was ended" not in run.note
        assert "earlier" not in run.stood_at
    finally:
        earlier.kill()
        earlier.join()
        installation.release()


def test_an_interrupt_tells_the_same_as_a_deadline(start_method: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context(start_method)
    queue = context.Queue()
    worker = context.Process(
        target=stuck_workers.get, args=(str(tmp_path), "gets", queue), name="gets"
    )

    def interrupt() -> None:
        until = time.monotonic() + 60
        while not (tmp_path / "gets").exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    hand = threading.Thread(target=interrupt, name="hand")
    with pytest.raises(KeyboardInterrupt), watch() as run:
        worker.start()
        hand.start()
        worker.join()
    hand.join()
    assert line_of(stuck_workers.get, "queue.get()") == run.stood_at["gets"]
    assert run.stood_at["MainProcess"].startswith("`worker.join()` (line ")
    assert "stopped by KeyboardInterrupt" == run.note


# --- programs, and signals that are somebody else's ----------------------------------------

NOSY = """
import pathlib, signal, sys, time
def tell(number, _): pathlib.Path(sys.argv[1]).write_text(str(number))
for number in sorted(signal.valid_signals()):
    if number >= signal.SIGRTMIN: signal.signal(number, tell)
print("there", flush=True)
while True: time.sleep(600)
"""


def test_a_program_is_asked_nothing_and_is_ended(tmp_path: Path) -> None:
    plain = [sys.executable, "-c", "print('there', flush=True); import time; time.sleep(600)"]
    nosy = [sys.executable, "-c", NOSY, str(tmp_path / "signal")]
    programs: list[subprocess.Popen[bytes]] = []
    with watch(deadline=8, quiet=True) as run:
        for command in (plain, nosy):
            programs.append(subprocess.Popen(command, stdout=subprocess.PIPE))
            assert programs[-1].stdout is not None
            assert b"there\n" == programs[-1].stdout.readline()
        run_deadline_now(run)
    try:
        assert not run.finished
        assert [-9, -9] == [program.wait(30) for program in programs]
        assert not (tmp_path / "signal").exists()
        assert {"MainProcess"} == set(run.stood_at)
    finally:
        for program in programs:
            program.kill()
            program.communicate()


def run_deadline_now(_: object) -> None:
    """Hang until the deadline comes."""
    threading.Event().wait()


@pytest.fixture
def session() -> Iterator[Session]:
    """The hooks, which stay while the test runs, as they do in a notebook."""
    yield installation.install()
    installation.release()


def test_a_handler_that_the_reader_has_stays_his(tmp_path: Path) -> None:
    """Set before: another signal is taken.  Set after, on ours: it stays, and nobody is asked."""
    first = stack_dumps.choose_signal()
    calls: list[int] = []

    def own(number: int, _: object) -> None:
        calls.append(number)

    signal.signal(first, own)
    session = installation.install()
    second = session.stack_signal
    try:
        assert first != second
        assert own is signal.getsignal(first)
        signal.signal(second, own)
        with watch(deadline=1, quiet=True) as run:
            worker = multiprocessing.get_context("fork").Process(
                target=loop_and_tell, args=(second, str(tmp_path / "called")), name="loop"
            )
            worker.start()
            worker.join()
        assert not run.finished
        assert not (tmp_path / "called").exists()
    finally:
        installation.release()
        for number in (first, second):
            os.kill(os.getpid(), number)  # would end this process, were the handler gone
            signal.signal(number, signal.SIG_DFL)
    assert current_session() is None
    assert [first, second] == calls


def loop_and_tell(number: int, path: str) -> None:
    signal.signal(number, lambda *_: Path(path).touch())
    while True:
        time.sleep(0.01)


def test_a_block_that_ends_in_time_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "_told", lambda *_: pytest.fail("asked"))
    with watch(deadline=60) as run:
        worker = multiprocessing.Process(target=burn, args=(0.0,))
        worker.start()
        worker.join()
    assert (True, {}, "") == (run.finished, run.stood_at, run.note)
    assert re.match("run: ", repr(run.run))


def test_a_worker_that_is_just_being_forked_is_asked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some C libraries block every signal in a child until the fork is over."""
    listening, looks = stacks._listening, []

    def not_yet(pid: int, number: int) -> list[Path]:
        looks.append(pid)
        return listening(pid, number) if len(looks) > 3 else []

    monkeypatch.setattr(stacks, "_listening", not_yet)
    monkeypatch.setattr(stacks, "_FORK", 10.0)
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    worker.start()
    try:
        [(pid, told)] = stacks.stacks_of_workers(session, [worker.pid or 0], 30.0).items()
        assert worker.pid == pid
        assert not isinstance(told, str)
    finally:
        worker.kill()
        worker.join()


def test_what_a_late_worker_tells_is_not_taken_for_the_word_of_another(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def late(pid: int, *_: object) -> str:
        asked.append(pid)
        return ""

    monkeypatch.setattr(stacks, "_told", late)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=time.sleep, args=(600,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    pids = [worker.pid or 0 for worker in workers]
    while not all(stacks._listening(pid, session.stack_signal) for pid in pids):
        time.sleep(0.001)  # they are just being forked
    try:
        assert {} == stacks.stacks_of_workers(session, pids, 1.0)
        assert 1 == len(asked)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
