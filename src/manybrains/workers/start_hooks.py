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

from .cleanup import Undisturbed, die_with_parent
from .events import own_cpu
from .exit_hooks import HOOKS_OF_REAPING
from .hints import start_remedy, with_remedy
from .output import capture
from .session import Session, around, current, use

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

    from .session import Hook, Hooks

__all__ = ["HOOKS_OF_EVERY_PROCESS"]

# What the workers of pools and executors do: they take one task after the other from a queue.
_LOOPS = {"multiprocessing.pool": "worker", "concurrent.futures.process": "_process_worker"}
# Threads of these modules serve the machinery; a lesson's own threads do the work.
_MACHINERY = (
    "multiprocessing",
    "concurrent.futures.process",
    "manybrains",
    "ipykernel",
    "IPython",  # its history thread is begun anew after each fork
    "tqdm",
)
_WORK = ("manybrains.lessons",)  # a lesson's threads run these functions, too


def _of_processes(process: Any) -> list[Hook]:
    return [
        around(process.BaseProcess, "start", _around_start),
        around(process.BaseProcess, "_bootstrap", _around_bootstrap),
    ]


def _of_threads(threading: Any) -> list[Hook]:
    return [
        around(threading.Thread, "start", _around_thread_start),
        around(threading.Thread, "_bootstrap_inner", _around_thread),
    ]


# --- birth and death of a process ---------------------------------------------------------


class _Arrival:
    """Rides on a process object to its worker; unpickling it there installs the session."""

    def __init__(
        self, folder: str, output: str | None, undisturbed: Undisturbed | None = None
    ) -> None:
        self.folder = folder
        self.output = output
        self.undisturbed = undisturbed  # in which a forked worker finds itself

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.folder, self.output)


def _arrive(folder: str, output: str | None) -> _Arrival:
    if current() is None:
        session = Session(folder)
        session.hook(HOOKS_OF_EVERY_PROCESS)
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
        with Undisturbed() as block:  # who was made is known, whenever an interrupt comes
            self._manybrains = _Arrival(session.folder, output, block)
            try:
                start(self)
            except Exception as error:
                if getattr(error, "says_all", False):  # where in multiprocessing, adds nothing
                    error.__traceback__ = None
                raise
            finally:
                del self._manybrains
            session.journal.note("asked", self.pid, os.getpid(), asked, name=self.name)

    return noted_start


def _around_bootstrap(bootstrap: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(bootstrap)
    def noted_bootstrap(self: Any, parent_sentinel: int | None = None) -> int:
        arrival, session = getattr(self, "_manybrains", None), current()
        if session is None or arrival is None:
            return bootstrap(self, parent_sentinel=parent_sentinel)
        del self._manybrains
        if arrival.undisturbed is not None:
            arrival.undisturbed.leave()
        code = 1
        _enter_worker(session, self, parent_sentinel, arrival.output)
        try:
            code = bootstrap(self, parent_sentinel=parent_sentinel)
        finally:  # its non-daemon threads have ended as well
            moment = time.perf_counter()
            session.journal.note("died", session.pid, moment, *own_cpu(), int(code))
        return code

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
    loop = worker._target
    if getattr(loop, "__name__", "") == _LOOPS.get(getattr(loop, "__module__", "")):
        from .task_errors import read_tasks_safely

        read_tasks_safely(loop, worker._args[0])
    worker.run = functools.partial(_run, worker.name, worker.run)


def _run(name: str, run: Callable[[], None]) -> None:
    """Do a worker's work; an error is reported as multiprocessing does, but in one piece."""
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        import traceback

        from .task_errors import explain

        explain(error)
        own = error.__traceback__.tb_next if error.__traceback__ else None
        lines = traceback.format_exception(type(error), error, own)
        sys.stderr.write(f"Process {name}:\n" + "".join(lines))
        raise SystemExit(1) from None


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
    if home.startswith(_WORK):
        return False
    return home.startswith(_MACHINERY) or type(thread).__module__.startswith(_MACHINERY)


HOOKS_OF_EVERY_PROCESS: Hooks = {
    **HOOKS_OF_REAPING,
    "multiprocessing.process": _of_processes,
    "threading": _of_threads,
}
