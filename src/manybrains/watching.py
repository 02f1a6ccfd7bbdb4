"""watch(): run a block of code and see its workers; `%%watch` is its face in a notebook."""

import dataclasses
import itertools
import marshal
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from multiprocessing import active_children, connection, process, resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Any

from . import guard
from .assembling import Block, assemble
from .deadline import Deadline
from .hooks import install
from .journal import cpu_of
from .lives import Lives
from .machine import this_machine
from .runs import Run
from .session import Session

__all__ = ["Watch", "watch"]

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from manybrains.sampler import main; "
_PROGRAM += "main(*sys.argv[2:])"
_HOME = str(Path(__file__).parents[1])
_PATIENCE = 3.0  # seconds that the sampler gets to answer


def watch(
    name: str = "run",
    *,
    deadline: float | None = None,
    interval: float = 0.05,
    quiet: bool = False,
) -> "Watch":
    """Watch a block of code: `with watch() as run: ...`; its figures are there afterwards.

    Every process and thread that the block starts becomes a lane of the `Run`.

    Args:
        name: what the run is called in pictures and tables.
        deadline: seconds after which the block's workers are killed and the block is
            interrupted; the run then has ``finished=False``, and the program goes on
            after the block.  Without one, the block takes what it takes.
        interval: seconds between two looks at each worker, at least 0.005.
        quiet: say nothing when the deadline passes.

    Raises:
        ValueError: if a figure makes no sense; the message says which and what would.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of a run should be some text, not {name!r}")
    if deadline is not None and not _is_between(deadline, 0.001, 1e6):
        raise ValueError(f"the deadline should be a number of seconds above 0, not {deadline!r}")
    if not _is_between(interval, 0.005, 3600.0):
        raise ValueError(f"the interval should be 0.005 to 3600 seconds, not {interval!r}")
    return Watch(name, deadline, interval, quiet)


def _is_between(value: object, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most  # type: ignore[operator]


class Watch:
    """A block under watch; made by `watch`, good for one block."""

    def __init__(self, name: str, deadline: float | None, interval: float, quiet: bool) -> None:
        self.run: Run = Run.__new__(Run)
        self._name = name
        self._interval = interval
        self._quiet = quiet
        self._deadline = None if deadline is None else Deadline(deadline, self._kill_workers)

    def __enter__(self) -> Run:
        self._session = session = install()
        if session.sampler is None:
            session.sampler = Sampler(session)
        self._before = set(active_children())
        self._baseline = {p.pid: cpu_of(p.pid) for p in self._before if p.pid}
        self._key = session.sampler.begin(self._interval)
        self._cpu = time.process_time()
        self._begin = time.perf_counter()
        if self._deadline is not None:
            self._deadline.start()
        return self.run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        finish, cpu = time.perf_counter(), time.process_time() - self._cpu
        if self._deadline is not None:
            self._deadline.stop()
        if self._passed or guard.is_interrupt(error):
            guard.end(guard.children() - self._before)
        alive = {p.pid: cpu_of(p.pid) for p in active_children() if p.pid}  # reaps the others
        looks, gone, others = self._session.sampler.end(self._key)
        helpers = helper_processes(self._session)
        block = Block(
            begin=self._begin,
            end=finish,
            pid=os.getpid(),
            name=process.current_process().name,
            cpu_seconds=cpu,
            lives=[one for one in self._session.sampler.lives.read() if one.pid not in helpers],
            looks=looks,
            gone=gone,
            others=[other for other in others if other[0] not in helpers],
            alive=alive,
            baseline=self._baseline,
        )
        return self._close(block, tuple(helpers.values()), error)

    def _close(self, block: Block, helpers: tuple[str, ...], error: BaseException | None) -> bool:
        passed = self._passed
        lanes, samples = assemble(block)
        figures = {
            "name": self._name,
            "machine": self._session.sampler.machine(),
            "wall_seconds": block.end - block.begin,
            "lanes": lanes,
            "samples": samples,
            "helpers": helpers,
            "interval": float(self._interval),
            "finished": error is None and not passed,
            "note": self._note(error),
        }
        for name, value in figures.items():
            object.__setattr__(self.run, name, value)
        if not passed or isinstance(error, SystemExit):
            return False
        assert self._deadline is not None
        self._deadline.take_back(error)
        if not self._quiet:
            print(f"{self._name}: {self.run.note}")
        return True

    @property
    def _passed(self) -> bool:
        return self._deadline is not None and self._deadline.passed

    def _note(self, error: BaseException | None) -> str:
        if self._deadline is not None and self._deadline.passed:
            return self._deadline.sentence
        return "" if error is None else f"stopped by {type(error).__name__}"

    def _kill_workers(self) -> None:
        guard.kill(guard.children() - self._before)


class Sampler:
    """Our end of the process that looks; one for each session, started when first needed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys = itertools.count()
        self._lock = threading.Lock()
        self._machine = this_machine()
        self.lives = Lives(session.journal.path)
        self._start()
        session.on_fork.append(self._let_go)
        session.on_close.append(self.close)

    def _start(self) -> None:
        # Nothing of site-packages is needed where /proc is, and half the start-up is saved.
        flags = ["-I", "-S"] if sys.platform.startswith("linux") else ["-I"]
        folder = "" if self._session.is_worker else self._session.folder
        arguments = [self._session.journal.path, str(os.getpid()), folder]
        self._program = subprocess.Popen(
            [sys.executable, *flags, "-c", _PROGRAM, _HOME, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # an interrupt is meant for the kernel and its workers
        )
        self._session.helpers[self._program.pid] = "sampler"

    def machine(self) -> Any:
        """Return this machine; only its start method can have changed since we started."""
        method = multiprocessing.get_start_method(allow_none=True) or self._machine.start_method
        return dataclasses.replace(self._machine, start_method=method)

    def begin(self, interval: float) -> int:
        """Begin to look; return the key that `end` wants."""
        key = next(self._keys)
        with self._lock:
            try:
                self._order(f"begin {key} {interval!r}")
            except OSError:  # somebody ended it: start it anew
                self.close()
                self._start()
                self._order(f"begin {key} {interval!r}")
        return key

    def end(self, key: int) -> tuple[list[Any], dict[int, float], list[Any]]:
        """Stop to look; return (looks, gone, others), empty if the sampler was ended."""
        with self._lock:
            try:
                self._order(f"end {key}")
                size = int.from_bytes(self._read(8), "big")
                return marshal.loads(self._read(size))  # type: ignore[no-any-return]
            except (OSError, EOFError):
                return [], {}, []

    def _order(self, text: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(text.encode() + b"\n")

    def _read(self, size: int) -> bytes:
        assert self._program.stdout is not None
        until, data = time.monotonic() + _PATIENCE, b""
        while len(data) < size:
            left = max(0.0, until - time.monotonic())
            ready = os.name == "nt" or connection.wait([self._program.stdout.fileno()], left)
            if not ready:
                raise EOFError(f"no answer from the sampler in {_PATIENCE} s")
            chunk = self._program.stdout.read(size - len(data))
            if not chunk:
                raise EOFError("the sampler has ended")
            data += chunk
        return data

    def _let_go(self) -> None:
        """In a forked worker: close our copies of the pipes, so that the sampler sees our end."""
        for pipe in (self._program.stdin, self._program.stdout):
            if pipe is not None:
                pipe.close()
        self._program.returncode = 0  # not this worker's child: nothing to wait for

    def close(self) -> None:
        self._session.helpers.pop(self._program.pid, None)
        for pipe in (self._program.stdin, self._program.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._program.wait(1.0)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()


def helper_processes(session: Session) -> dict[int, str]:
    """Return the processes that serve multiprocessing and us, by pid: never lanes."""
    helpers: dict[int | None, str] = dict(session.helpers.items())
    helpers[getattr(resource_tracker._resource_tracker, "_pid", None)] = "resource tracker"
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    helpers[getattr(server, "_forkserver_pid", None)] = "fork server"
    return {pid: name for pid, name in helpers.items() if pid is not None}
