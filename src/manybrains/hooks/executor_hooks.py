"""Executors and managers whose processes are not born: their error says why.

Python says that an executor is broken, or that a manager's pipe has ended, and no more.  Every
process has these hooks, once it imports the modules.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
import time
import weakref

from ..workers.import_hooks import wrap
from ..workers.interrupts import GOES_ON, is_interrupt
from ..workers.session import current_session
from .births import failure_of, forget_birth
from .hints import with_tuple
from .worker_internals import (
    EXECUTOR_BREAKS,
    EXECUTOR_MANAGER,
    executor_of,
    executor_workers,
    server_of,
    take_futures,
    workers_at_work,
)

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from typing import Any

    from ..workers.import_hooks import Hook
    from .birth_errors import Failure

__all__ = ["hooks_of_executors", "hooks_of_managers"]

_END_TIMEOUT = 2.0  # seconds within which a process that has closed its pipes should be gone
_TASK_TIMEOUT = 0.3  # seconds that a task has to end by itself, once its executor is interrupted


class _Broken:
    """Why an executor is broken, and the errors that say so."""

    def __init__(self, failure: Failure) -> None:
        self._failure = failure
        self._errors: list[BaseException] = []

    def error(self) -> BaseException:
        """Return a new error for one who asks."""
        from concurrent.futures.process import BrokenProcessPool

        from .birth_errors import ended_early

        self._errors.append(ended_early(self._failure, "executor", BrokenProcessPool))
        return self._errors[-1]

    def is_told(self) -> bool:
        """Tell whether any of the errors was raised."""
        return any(error.__traceback__ is not None for error in self._errors)

    def report(self) -> str:
        """Return the same as a text."""
        from .birth_errors import report

        return report(self._failure, "executor")


_BROKEN: weakref.WeakKeyDictionary[Any, _Broken] = weakref.WeakKeyDictionary()


def hooks_of_executors(executor: Any) -> list[Hook]:
    """Return the hooks in the module concurrent.futures.process."""
    return [
        wrap(getattr(executor, EXECUTOR_MANAGER), EXECUTOR_BREAKS, _around_break),
        wrap(executor.ProcessPoolExecutor, "__init__", with_tuple("initargs", 3, "initializer", 2)),
        wrap(executor.ProcessPoolExecutor, "submit", _around_submit),
        wrap(executor.ProcessPoolExecutor, "__exit__", _around_exit),
    ]


def hooks_of_managers(managers: Any) -> list[Hook]:
    """Return the hooks in the module multiprocessing.managers."""
    return [wrap(managers.BaseManager, "start", _around_manager)]


def _around_break(break_: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(break_)
    def explained_break(self: Any, *arguments: Any, **keywords: Any) -> None:
        failures = _failures_of(executor_workers(self))
        if failures and current_session() is not None:
            failures.sort(key=lambda failure: failure.kind == "end")  # one with words first
            _give_error(self, failures[0])
        break_(self, *arguments, **keywords)

    return explained_break


def _failures_of(workers: list[BaseProcess]) -> list[Failure]:
    """Return why those of the workers were not born that have ended."""
    from multiprocessing.connection import wait

    over = wait([worker.sentinel for worker in workers], 0)
    ending = [worker for worker in workers if worker.sentinel in over]
    for worker in ending:  # the sentinel of a spawned one tells it a moment before the system does
        worker.join(_END_TIMEOUT)
    # With SIGTERM an executor ends its own workers; Python says so.
    ended = [worker for worker in ending if worker.exitcode not in (None, -signal.SIGTERM)]
    return [f for worker in ended if (f := failure_of(worker)) is not None]


def _give_error(manager: Any, failure: Failure) -> None:
    """Complete the futures of an executor that breaks."""
    from concurrent.futures import InvalidStateError

    from .pool_hooks import tell_if_nobody_asks

    broken = _Broken(failure)
    if (executor := executor_of(manager)) is not None:
        _BROKEN[executor] = broken
    for future in take_futures(manager):
        with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
            future.set_exception(broken.error())
    if failure.kind != "end":  # of an end, Python tells those alone who ask
        tell_if_nobody_asks(broken.is_told, broken.report)


def _around_submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(submit)
    def explained_submit(self: Any, /, *arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True  # IPython leaves this frame out
        if (broken := _BROKEN.get(self)) is not None:
            raise broken.error()
        return submit(self, *arguments, **keywords)

    return explained_submit


def _around_exit(exit_: Callable[..., bool | None]) -> Callable[..., bool | None]:
    """Let an executor whose `with` is left by an interrupt not do all that is queued first.

    A Pool does not either.
    """

    @functools.wraps(exit_)
    def interrupted_exit(self: Any, kind: Any, error: Any, trace: Any) -> bool | None:
        __tracebackhide__ = True
        if not _is_left_by_an_interrupt(error):
            return exit_(self, kind, error, trace)
        over, workers = threading.Event(), workers_at_work(self)
        threading.Thread(target=_end_later, args=(workers, over), daemon=True).start()
        try:
            self.shutdown(wait=True, cancel_futures=True)
        finally:
            over.set()
        return False

    return interrupted_exit


def _is_left_by_an_interrupt(error: BaseException | None) -> bool:
    """Tell whether it is an interrupt, or what one in a loop over a generator does to that.

    Python closes the generator then, and cancels the task of a cell with `await`.
    """
    session = current_session()
    if session is None or isinstance(error, KeyboardInterrupt):
        return session is not None
    if session.interrupts is None or not (isinstance(error, GeneratorExit) or is_interrupt(error)):
        return False
    return time.monotonic() - session.interrupts.last < GOES_ON  # not later, for another reason


def _end_later(workers: list[BaseProcess], over: threading.Event) -> None:
    if not over.wait(_TASK_TIMEOUT):
        for worker in workers:
            worker.terminate()


def _around_manager(start: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(start)
    def explained_start(self: Any, *arguments: Any, **keywords: Any) -> None:
        __tracebackhide__ = True
        try:
            start(self, *arguments, **keywords)
        except EOFError:
            server = server_of(self)
            server.join(_END_TIMEOUT)  # its pipe is closed: it has ended, or is about to
            if (failure := failure_of(server)) is None:
                raise
            from .birth_errors import ended_early

            error = ended_early(failure, "manager", EOFError)
            raise error from error.__cause__
        forget_birth(server_of(self))

    return explained_start
