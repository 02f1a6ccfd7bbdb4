"""Executors and managers whose processes are not born: their error says why.

Python says that an executor is broken, or that a manager's pipe has ended, and no more.  Every
process has these hooks, once it imports the modules.
"""

from __future__ import annotations

import contextlib
import functools
import weakref

from .births import failure_of, forget_birth
from .import_hooks import wrap
from .session import current_session
from .worker_internals import (
    EXECUTOR_BREAKS,
    EXECUTOR_MANAGER,
    executor_of,
    executor_workers,
    server_of,
    take_futures,
)

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from typing import Any

    from .birth_errors import Failure
    from .import_hooks import Hook

__all__ = ["hooks_of_executors", "hooks_of_managers"]

_FAILURES: weakref.WeakKeyDictionary[Any, Failure] = weakref.WeakKeyDictionary()
_END_TIMEOUT = 2.0  # seconds within which a process that has closed its pipes should be gone


def hooks_of_executors(executor: Any) -> list[Hook]:
    """Return the hooks in the module concurrent.futures.process."""
    return [
        wrap(getattr(executor, EXECUTOR_MANAGER), EXECUTOR_BREAKS, _around_break),
        wrap(executor.ProcessPoolExecutor, "submit", _around_submit),
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
    ended = [worker for worker in ending if worker.exitcode is not None]
    return [f for worker in ended if (f := failure_of(worker)) is not None]


def _give_error(manager: Any, failure: Failure) -> None:
    """Complete the futures of an executor that breaks."""
    from concurrent.futures import InvalidStateError

    from .birth_errors import report
    from .pool_hooks import tell_if_nobody_asks

    if (executor := executor_of(manager)) is not None:
        _FAILURES[executor] = failure
    errors = []
    for future in take_futures(manager):
        errors.append(_broken(failure))
        with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
            future.set_exception(errors[-1])
    tell_if_nobody_asks(
        lambda: any(error.__traceback__ is not None for error in errors),
        lambda: report(failure, "executor"),
    )


def _broken(failure: Failure) -> BaseException:
    from concurrent.futures.process import BrokenProcessPool

    from .birth_errors import ended_early

    return ended_early(failure, "executor", BrokenProcessPool)


def _around_submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(submit)
    def explained_submit(self: Any, /, *arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True  # IPython leaves this frame out
        if (failure := _FAILURES.get(self)) is not None:
            raise _broken(failure)
        return submit(self, *arguments, **keywords)

    return explained_submit


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
