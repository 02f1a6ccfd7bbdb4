"""Ways in which a worker ends, and a witness of its end: the tests and the benchmarks use them.

A worker waits at a gate, so that the witness is there in time, and then writes down its clock
and its CPU seconds after each thing that it does, up to the last.
"""

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import util
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

from manybrains import Run, watch

__all__ = ["FED", "STARTERS", "STUCK", "WAYS", "Ended", "Witness", "end_by", "notes_of", "witness"]

LAST = 0.3  # seconds that handlers, threads and children take
BURN = 0.05  # CPU seconds of these
READ_AFTER = 0.7  # seconds, when main reads what a worker feeds into a queue
SIZE = 5_000_000  # bytes: more than a pipe holds
FED, STUCK = "feeds a queue", "stuck feeding, killed"

_queue: Any = None


# --- the worker ---------------------------------------------------------------------------


def prepare(queue: Any) -> None:
    """Give a worker of a pool the queue: it cannot be sent with a task."""
    global _queue  # noqa: PLW0603 - that of this worker
    _queue = queue


def alone(way: str, folder: str, queue: Any) -> None:
    """Be the worker of a Process."""
    prepare(queue)
    end(way, folder)


def end(way: str, folder: str) -> None:
    """Wait at the gate, and go this way."""
    path = Path(folder)
    while not (path / "open").exists():
        time.sleep(0.005)
    note(folder)
    WAYS[way](folder)
    note(folder)


def note(folder: str) -> None:
    """Write down the clock and the CPU seconds of this process, by now."""
    line = f"{time.perf_counter()!r} {time.process_time()!r}\n"
    with (Path(folder) / str(os.getpid())).open("ab", buffering=0) as file:
        file.write(line.encode())


def linger(folder: str) -> None:
    """Use some CPU, wait, and write down when that was over."""
    until = time.perf_counter() + LAST
    cpu = time.thread_time() + BURN
    while time.thread_time() < cpu:
        pass
    time.sleep(max(0.0, until - time.perf_counter()))
    note(folder)


def _plainly(folder: str) -> None:
    pass


def _feed(folder: str) -> None:
    _queue.put(b"x" * SIZE)


def _at_exit(folder: str) -> None:
    atexit.register(linger, folder)


def _finalizer(folder: str) -> None:
    util.Finalize(None, linger, args=(folder,), exitpriority=10)


def _thread(folder: str) -> None:
    threading.Thread(target=linger, args=(folder,)).start()


def _child(folder: str) -> None:
    if not multiprocessing.current_process().daemon:  # those of a Pool may have none
        multiprocessing.Process(target=linger, args=(folder,), name="child").start()


def _leave(folder: str) -> None:
    note(folder)
    os._exit(3)


def _kill(folder: str) -> None:
    note(folder)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def _terminate(folder: str) -> None:
    note(folder)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def _fail(folder: str) -> None:
    atexit.register(linger, folder)
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - what it says there is not the subject
    raise ValueError("on purpose")


WAYS: dict[str, Callable[[str], None]] = {
    "plainly": _plainly,
    FED: _feed,
    STUCK: _feed,
    "atexit": _at_exit,
    "Finalize": _finalizer,
    "own thread": _thread,
    "child": _child,
    "os._exit": _leave,
    "SIGKILL": _kill,
    "SIGTERM": _terminate,
    "exception": _fail,
}
_SUDDEN = ("os._exit", "SIGKILL", "SIGTERM")  # a pool does not answer then


def notes_of(folder: Path, pid: int) -> list[tuple[float, float]]:
    """Return what a process wrote down: (clock, CPU seconds) pairs."""
    path = folder / str(pid)
    lines = path.read_text().splitlines() if path.exists() else []
    return [(float(clock), float(cpu)) for clock, cpu in map(str.split, lines)]


# --- the witness --------------------------------------------------------------------------

_PROGRAM = """
import contextlib, os, select, sys, time
if sys.argv[1] == "first":
    with contextlib.suppress(OSError):  # not allowed
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
poll, pids = select.poll(), {}
poll.register(0, select.POLLIN)
while True:
    for descriptor, _ in poll.poll():
        now = time.perf_counter()
        if descriptor:
            print("end", pids[descriptor], repr(now), flush=True)
            poll.unregister(descriptor)
            os.close(descriptor)
            continue
        lines = os.read(0, 4096).split()
        if not lines:
            raise SystemExit
        for pid in map(int, lines):
            opened = os.pidfd_open(pid)
            pids[opened] = pid
            poll.register(opened, select.POLLIN)
            print("there", pid, 0.0, flush=True)
"""


class Witness:
    """A process that waits for the ends of others by pidfds of its own, and has nothing of ours."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self._program = program
        self._ends: dict[int, float] = {}

    def look_at(self, pid: int) -> None:
        """Wait for the end of this process from now on."""
        assert self._program.stdin is not None
        self._program.stdin.write(f"{pid}\n")
        self._program.stdin.flush()
        while self._read() != ("there", pid):
            pass

    def _read(self) -> tuple[str, int]:
        assert self._program.stdout is not None
        what, pid, moment = self._program.stdout.readline().split()
        if what == "end":
            self._ends[int(pid)] = float(moment)
        return what, int(pid)

    def end_of(self, pid: int) -> float:
        """Return when this process was gone, on the clock of perf_counter; wait for it."""
        while pid not in self._ends:
            self._read()
        return self._ends[pid]


@contextmanager
def witness(order: str = "first") -> Iterator[Witness]:
    """Start a witness; it ends with the block.

    Args:
        order: "first": it runs before everybody else, where that is allowed; "in turn": it waits
            for a core like any process, and is told late where all are busy.
    """
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, order]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        yield Witness(program)
        assert program.stdin is not None
        program.stdin.close()


# --- main ---------------------------------------------------------------------------------


class ByProcess:
    """A Process that ends one way; main keeps what it needs to let it go and to join it."""

    def __init__(self, context: BaseContext, way: str, folder: Path) -> None:
        self.way, self.folder = way, str(folder)
        self.queue = context.Queue() if way in (FED, STUCK) else None
        self.begin(context)

    def begin(self, context: BaseContext) -> None:
        """Start the worker, and learn its pid."""
        self.worker = context.Process(target=alone, args=(self.way, self.folder, self.queue))
        self.worker.start()
        self.pid = self.worker.pid or 0

    def go(self) -> None:
        """Let it go its way, once the gate is open."""

    def dismiss(self, seen_by: "Witness") -> None:
        """Tell it that there is nothing more to do."""

    def join(self) -> None:
        """Wait until it is gone."""
        self.worker.join()


class ByPool(ByProcess):
    """The only worker of a Pool."""

    def begin(self, context: BaseContext) -> None:
        self.pool = context.Pool(1, prepare, (self.queue,))
        self.pid = self.pool.apply(os.getpid)

    def go(self) -> None:
        self.pool.apply_async(end, (self.way, self.folder))

    def dismiss(self, seen_by: "Witness") -> None:
        if self.way in _SUDDEN:  # the pool would wait for an answer for ever
            seen_by.end_of(self.pid)
            self.pool.terminate()
        self.pool.close()

    def join(self) -> None:
        self.pool.join()


class ByExecutor(ByProcess):
    """The only worker of a ProcessPoolExecutor."""

    def begin(self, context: BaseContext) -> None:
        self.executor = ProcessPoolExecutor(1, context, prepare, (self.queue,))
        self.pid = self.executor.submit(os.getpid).result()
        self.manager: Any = self.executor._executor_manager_thread

    def go(self) -> None:
        self.answer = self.executor.submit(end, self.way, self.folder)

    def dismiss(self, seen_by: "Witness") -> None:
        self.answer.exception()
        self.executor.shutdown(wait=False)

    def join(self) -> None:
        self.manager.join()


STARTERS: dict[str, type[ByProcess]] = {
    "Process": ByProcess,
    "Pool": ByPool,
    "executor": ByExecutor,
}


class Ended(NamedTuple):
    """A worker that has ended its way.

    Attributes:
        began: the first moment of the block, on the clock of perf_counter.
        least: it cannot have been gone before that moment.
        joined: when main was told that it is gone.
    """

    way: str
    pid: int
    began: float
    least: float
    joined: float


def end_by(
    starters: Sequence[str],
    context: BaseContext,
    ways: Sequence[str],
    folder: Path,
    seen_by: Witness,
    deadline: float = 60.0,
) -> tuple[Run, list[Ended]]:
    """Watch workers that end, one for each starter and way, all at the same time."""
    workers: list[ByProcess] = []
    moments: dict[int, float] = {}  # when main was told, by pid
    least: dict[str, float] = {}
    block = watch(deadline=deadline, quiet=True)
    with block as handle:
        for starter in starters:
            workers += [STARTERS[starter](context, way, folder) for way in ways]
        for worker in workers:
            seen_by.look_at(worker.pid)
        (folder / "open").touch()
        for worker in workers:
            worker.go()
        for worker in workers:
            worker.dismiss(seen_by)
        least[FED] = _read([worker.queue for worker in workers if worker.way == FED])
        for worker in workers:
            worker.join()
            moments[worker.pid] = time.perf_counter()
    now, least[STUCK] = time.perf_counter(), block._begin + deadline
    return handle.run, [
        Ended(w.way, w.pid, block._begin, least.get(w.way, 0.0), moments.get(w.pid, now))
        for w in workers
    ]


def _read(queues: Sequence[Any]) -> float:
    """Read what workers feed, after a while; return the moment until which they cannot end."""
    if queues:
        time.sleep(READ_AFTER)
    least = time.perf_counter()
    for queue in queues:
        queue.get()
    return least
