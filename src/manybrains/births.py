"""What is hooked into every process: births and deaths of its workers and threads.

A worker installs the same when it is born, so that its own children are seen as well.
Workers import this: it is light.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import popen_fork, process, util

from .explaining import explain
from .guard import die_with_parent
from .journal import cpu_of, own_cpu
from .output import capture
from .remedies import start_remedy, with_remedy
from .session import Session, current, use

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

    from .session import Hook

__all__ = ["around", "hooks_of_every_process"]

_VERY_LAST = -1_000_000  # priority of a finalizer that runs after all others
# Threads of these modules serve the machinery; a lesson's own threads do the work.
_MACHINERY = (
    "multiprocessing",
    "concurrent.futures.process",
    "manybrains",
    "ipykernel",
    "IPython",  # its history thread is begun anew after each fork
    "tqdm",
)
_WORK = ("manybrains.work", "manybrains.fetching")  # a lesson's threads run these functions, too


def hooks_of_every_process() -> list[Hook]:
    """What is hooked in every process: (owner, attribute, replacement)."""
    table: list[Hook] = [
        around(process.BaseProcess, "start", _around_start),
        around(process.BaseProcess, "_bootstrap", _around_bootstrap),
        around(threading.Thread, "start", _around_thread_start),
        around(threading.Thread, "_bootstrap_inner", _around_thread),
    ]
    if hasattr(os, "wait4"):
        table.append((popen_fork.Popen, "poll", _poll))
        table.append(around(popen_fork.Popen, "_send_signal", _around_signal))
    with contextlib.suppress(ImportError):  # not on Windows
        from multiprocessing import popen_forkserver

        table.append(around(popen_forkserver.Popen, "poll", _around_poll))
    return table


def around(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> Hook:
    """Return the hook that puts a wrapper around what is there."""
    return owner, name, wrapper(getattr(owner, name))


# --- birth and death of a process ---------------------------------------------------------


class _Arrival:
    """Rides on a process object to its worker; unpickling it there installs the session."""

    def __init__(self, folder: str, output: str | None) -> None:
        self.folder = folder
        self.output = output

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.folder, self.output)


def _arrive(folder: str, output: str | None) -> _Arrival:
    if current() is None:
        session = Session(folder)
        session.hook(hooks_of_every_process())
        use(session)
    return _Arrival(folder, output)


def _around_start(start: Callable[[Any], None]) -> Callable[[Any], None]:
    start = with_remedy(start, start_remedy)

    @functools.wraps(start)
    def noted_start(self: Any) -> None:
        __tracebackhide__ = True  # IPython leaves this frame out
        session = current()
        if session is None:
            start(self)
            return
        asked = time.perf_counter()
        output = session.relay.path_for_worker(self) if session.relay else session.output
        self._manybrains = _Arrival(session.folder, output)
        try:
            start(self)
        finally:
            self.__dict__.pop("_manybrains", None)
        session.journal.note("asked", self.pid, os.getpid(), asked, name=self.name)

    return noted_start


def _around_bootstrap(bootstrap: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(bootstrap)
    def noted_bootstrap(self: Any, parent_sentinel: int | None = None) -> int:
        arrival = self.__dict__.pop("_manybrains", None)
        session = current()
        if session is not None and arrival is not None:
            _enter_worker(session, self, parent_sentinel, arrival.output)
            self.run = functools.partial(_run, session, self.name, self.run)
        return bootstrap(self, parent_sentinel=parent_sentinel)

    return noted_bootstrap


def _enter_worker(session: Session, worker: Any, sentinel: int | None, output: str | None) -> None:
    born = time.perf_counter()
    if sentinel is not None:
        die_with_parent(sentinel)
    session.enter_child(output)
    session.journal.note("born", session.pid, worker._parent_pid, born, name=worker.name)
    if output is not None:
        with contextlib.suppress(OSError):  # then it prints where it always did
            capture(output, worker.name)


def _run(session: Session, name: str, run: Callable[[], None]) -> None:
    """Do a worker's work, and note its last instruction and exit code."""
    code = 1
    try:
        run()
        code = 0
    except SystemExit as error:
        code = 0 if error.code is None else error.code if isinstance(error.code, int) else 1
        raise
    except BaseException as error:
        # As multiprocessing reports it, but in one piece.
        import traceback

        explain(error)
        own = error.__traceback__.tb_next if error.__traceback__ else None
        lines = traceback.format_exception(type(error), error, own)
        sys.stderr.write(f"Process {name}:\n" + "".join(lines))
        raise SystemExit(1) from None
    finally:
        util.Finalize(None, _note_death, (session, code), exitpriority=_VERY_LAST)


def _note_death(session: Session, code: int) -> None:
    session.journal.note("died", os.getpid(), time.perf_counter(), *own_cpu(), code)


def _poll(self: Any, flag: int = getattr(os, "WNOHANG", 0)) -> int | None:
    """As popen_fork.Popen.poll, but ask for the resources that were used as well."""
    if self.returncode is None:
        try:
            pid, status, usage = os.wait4(self.pid, flag)
        except OSError:  # not created yet, or reaped by somebody else (bpo-1731717)
            return None
        if pid == self.pid:
            self.returncode = os.waitstatus_to_exitcode(status)
            _note_reaped(pid, self.returncode, usage.ru_utime + usage.ru_stime)
    return self.returncode


def _around_poll(poll: Callable[..., int | None]) -> Callable[..., int | None]:
    @functools.wraps(poll)
    def noted_poll(self: Any, flag: int = getattr(os, "WNOHANG", 0)) -> int | None:
        before = self.returncode
        code = poll(self, flag)
        if before is None and code is not None:
            _note_reaped(self.pid, code, None)
        return code

    return noted_poll


def _note_reaped(pid: int, code: int, cpu_seconds: float | None) -> None:
    session = current()
    if session is not None:
        session.journal.note("reaped", pid, time.perf_counter(), code, cpu_seconds)


def _around_signal(send: Any) -> Callable[[Any, int], None]:
    @functools.wraps(send)
    def noted_signal(self: Any, number: int) -> None:
        session = current()
        cpu = None if session is None or self.returncode is not None else cpu_of(self.pid)
        if session is not None and cpu is not None:
            session.journal.note("shot", self.pid, cpu)
        send(self, number)

    return noted_signal


# --- birth and death of a thread ----------------------------------------------------------


def _around_thread_start(start: Callable[[Any], None]) -> Callable[[Any], None]:
    start = with_remedy(start)

    @functools.wraps(start)
    def noted_start(self: Any) -> None:
        __tracebackhide__ = True
        self._manybrains_asked = time.perf_counter()
        start(self)

    return noted_start


def _around_thread(bootstrap: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(bootstrap)
    def noted_bootstrap(self: Any) -> None:
        session, born = current(), time.perf_counter()
        if session is None or _is_machinery(self):
            return bootstrap(self)
        pid, thread = os.getpid(), threading.get_native_id()
        asked = getattr(self, "_manybrains_asked", None)
        session.journal.note("thread_born", pid, thread, asked, born, name=self.name)
        try:
            bootstrap(self)
        finally:
            died, cpu = time.perf_counter(), time.thread_time()
            session.journal.note("thread_died", pid, thread, died, cpu)

    return noted_bootstrap


def _is_machinery(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    if getattr(target, "__name__", "") == "worker":  # of a multiprocessing.pool.ThreadPool
        return False
    home = str(getattr(target, "__module__", None) or type(thread).__module__)
    if home in _WORK:
        return False
    return home.startswith(_MACHINERY) or type(thread).__module__.startswith(_MACHINERY)
