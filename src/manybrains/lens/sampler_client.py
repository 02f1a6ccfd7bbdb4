"""The notebook's side of the sampler: orders to it, and its reports."""

import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from multiprocessing import connection
from pathlib import Path

from ..hooks.hints import remedy
from ..records.machine import Machine, this_machine
from ..records.run import Helper
from ..sampler.procfs import newest_pid, own_stat
from ..workers.interrupts import DelayedInterrupt
from ..workers.platform import LINUX
from ..workers.session import Session
from ..workers.stdlib_internals import helper_pids, temporary_folder
from .lifetimes import Lifetimes
from .report import Report, read_report

__all__ = ["Sampler", "helpers_of"]

_MAIN = "manybrains.sampler.process"
_PROGRAM = f"import sys; sys.path.insert(0, sys.argv[1]); from {_MAIN} import main; "
_PROGRAM += "main(*sys.argv[2:])"
_HOME = str(Path(__file__).parents[2])
_ANSWER_TIMEOUT = 3.0  # seconds that the sampler gets to answer
_NEWS_TIMEOUT = 0.1  # the same while the block runs: nothing depends on that answer


class Sampler:
    """Our side of the sampler; each session has one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys = itertools.count()
        self._lock = threading.Lock()
        self._machine: Machine | None = None
        self._begins: dict[int, float] = {}
        self._program: subprocess.Popen[bytes] | None = None
        self._is_there = False
        self._said = b""  # by the sampler, and not yet read
        self._owed = 0  # answers for which nobody waits any more
        self._removed: str | None = None
        self._trouble = ""
        self.lifetimes = Lifetimes(session.log.path)
        if not _ends_are_seen():
            session.on_fork.append(self._let_go)
        session.on_close += [self.lifetimes.close, self.close]
        with contextlib.suppress(OSError):  # then it is tried again when it is needed
            self._start()

    def _start(self) -> None:
        # With /proc, the sampler needs nothing of site-packages; that halves its start-up.
        flags = ["-I", "-S"] if LINUX else ["-I"]
        folder = "" if self._session.is_worker else self._session.folder
        arguments = [self._session.log.path, str(os.getpid()), folder, own_stat().decode()]
        self._program, self._is_there, self._removed = None, False, None
        self._said, self._owed = b"", 0
        self._program = subprocess.Popen(
            [sys.executable, *flags, "-c", _PROGRAM, _HOME, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # an interrupt is meant for the kernel and its workers
        )
        self._session.helpers[self._program.pid] = "sampler"

    def machine(self) -> Machine:
        """Return this machine; only its start method can have changed since we first asked."""
        if self._machine is None:  # not earlier: a process with psutil forks more slowly
            self._machine = this_machine()
        method = multiprocessing.get_start_method(allow_none=True) or self._machine.start_method
        return dataclasses.replace(self._machine, start_method=method)

    def begin(self, interval: float, with_memory: bool = False) -> int:
        """Begin to look, at the memory too if that is wanted; return the key that `end` needs."""
        key = next(self._keys)
        with DelayedInterrupt(), self._lock:
            self._begins[key] = time.perf_counter()
            try:
                self._begin(key, interval, with_memory)
            except (OSError, EOFError):  # the sampler was ended: start it again
                self._begin_anew(key, interval, with_memory)
        return key

    def _begin(self, key: int, interval: float, with_memory: bool) -> None:
        try:
            if not self._session.is_worker:  # a worker has its parent's folder
                self.remember_to_remove(temporary_folder())
            self._order(f"begin {key} {interval!r} {self._begins[key]!r} {int(with_memory)}")
            if not self._is_there:  # once: waiting doubles the time of an empty block
                self._read(1)
                self._is_there = True
        except BaseException:
            self.close()
            raise

    def _begin_anew(self, key: int, interval: float, with_memory: bool) -> None:
        try:
            self._start()
            self._begin(key, interval, with_memory)
            self._trouble = ""
        except (OSError, EOFError) as error:  # no room for another process: go on without it
            self._trouble = f"could not be started ({error}). {remedy(error)}"

    def keep_deadline(self, key: int, until: float, strike_signal: int) -> None:
        """Let the sampler keep the deadline of a block; without a sampler, nobody outside does.

        Args:
            until: the time, on the clock of time.perf_counter.
            strike_signal: the signal that it sends to this process then; 0: none.
        """
        if not LINUX:
            return
        begin, newest = self._begins[key], newest_pid()
        terminals = " ".join(map(str, self._session.terminals))
        with contextlib.suppress(OSError), DelayedInterrupt(), self._lock:
            order = f"deadline {key} {begin!r} {until!r} {strike_signal} {newest} {terminals}"
            self._order(order)

    def drop_deadline(self, key: int) -> None:
        """Let the sampler keep a deadline no longer, although its block has not ended."""
        with contextlib.suppress(OSError), self._lock:
            self._order(f"deadline {key}")

    def end(self, key: int, has_passed: bool = False) -> Report:
        """Stop looking; return what was seen; an empty report if the sampler was ended.

        The lifetimes of the block are kept until `forget`.

        Args:
            has_passed: whether the block had a deadline that has passed.
        """
        with DelayedInterrupt(), self._lock:
            try:
                self._order(f"end {key} {int(has_passed)}")
                return read_report(self._answer())
            except (OSError, EOFError) as error:
                self.close()
                again = "The next watched block starts it anew."
                self._trouble = self._trouble or f"ended or gave no answer ({error}). {again}"
                return Report()
            except BaseException:
                self.close()  # a late answer would have no reader
                raise

    def news(
        self, key: int, since: float, exits: int, unrecorded: int, helpers: int
    ) -> Report | None:
        """Return what is new of a block that runs; None if it is over, or no answer came in time.

        For the arguments see `sampler.record.Record.news`.
        """
        with DelayedInterrupt(), self._lock, contextlib.suppress(OSError, EOFError):
            self._order(f"news {key} {since!r} {exits} {unrecorded} {helpers}")
            self._owed += 1
            data = self._owed_answers(_NEWS_TIMEOUT)
            return read_report(data) if data else None
        return None

    def forget(self, key: int) -> None:
        """Drop the lifetimes that ended before every block that is still watched."""
        self._begins.pop(key, None)
        self.lifetimes.forget_before(min(list(self._begins.values()), default=time.perf_counter()))

    def trouble(self, name: str) -> str:
        """Return why the sampler did not look at a block, if that is known; else ""."""
        if not self._trouble:
            return ""
        return (
            f"{name}: births, deaths and CPU seconds are exact, but cores and memory are missing, "
            f"because the sampler {self._trouble}"
        )

    def remember_to_remove(self, folder: str | None) -> None:
        """Let the sampler remove this folder of ours if we are killed.

        Raises:
            OSError: if there is no sampler.
        """
        if folder is not None and folder != self._removed:
            self._order(f"remove {folder.encode().hex()}")
            self._removed = folder

    def _order(self, text: str) -> None:
        if self._program is None or self._program.stdin is None:
            raise BrokenPipeError("there is no sampler")
        self._program.stdin.write(text.encode() + b"\n")

    def _answer(self) -> bytes:
        """Return the answer to the last order, behind those that were late."""
        self._owed += 1
        return self._owed_answers(_ANSWER_TIMEOUT)

    def _owed_answers(self, seconds: float) -> bytes:
        """Read all answers that are still to come, and return the last one."""
        answer = b""
        while self._owed:
            self._read(8, seconds, take=False)
            size = 8 + int.from_bytes(self._said[:8], "big")
            answer = self._read(size, seconds)[8:]
            self._owed -= 1
        return answer

    def _read(self, size: int, seconds: float = _ANSWER_TIMEOUT, take: bool = True) -> bytes:
        """Return what the sampler says next; what came too late is kept for the next call."""
        assert self._program is not None
        assert self._program.stdout is not None
        until = time.monotonic() + seconds
        while len(self._said) < size:
            left = max(0.0, until - time.monotonic())
            ready = os.name == "nt" or connection.wait([self._program.stdout.fileno()], left)
            if not ready:
                raise EOFError(f"no answer from the sampler in {seconds} s")
            chunk = self._program.stdout.read(size - len(self._said))
            if not chunk:
                raise EOFError("the sampler has ended")
            self._said += chunk
        said = self._said[:size]
        if take:
            self._said = self._said[size:]
        return said

    def _let_go(self) -> None:
        """In a forked worker: close its copies of the pipes, so that the sampler sees our end.

        If a descriptor shows the sampler our end, this is not called: it would cost each worker.
        """
        program, self._program = self._program, None
        if program is not None:
            for pipe in (program.stdin, program.stdout):
                if pipe is not None:
                    pipe.close()
            program.returncode = 0  # not this worker's child: nothing to wait for

    def close(self) -> None:
        """End the sampler, if it has been started."""
        program, self._program = self._program, None
        if program is None:
            return
        self._session.helpers.pop(program.pid, None)
        with contextlib.suppress(OSError, ValueError):  # forked workers may keep the pipe open
            program.stdin.write(b"stop\n")  # type: ignore[union-attr]
        for pipe in (program.stdin, program.stdout):
            if pipe is not None:
                pipe.close()
        try:
            program.wait(1.0)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def helpers_of(session: Session) -> tuple[Helper, ...]:
    """Return this process's helpers of multiprocessing and the lens; they are never lanes."""
    known = {**session.helpers, **helper_pids()}
    return tuple(Helper(name, pid, os.getpid()) for pid, name in known.items())


def _ends_are_seen() -> bool:
    """Tell whether the sampler can wait for our end with a descriptor (Linux 5.3)."""
    if not LINUX:
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
