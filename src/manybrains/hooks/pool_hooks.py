"""Pools whose workers are not born: such a pool ends, and who waits for an answer gets the error.

Without this, a Pool replaces such workers for ever.  Every process has these hooks, once it
imports multiprocessing.pool.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
import traceback
import weakref
from collections import Counter

from ..workers.import_hooks import wrap
from ..workers.session import current_session
from ..workers.stdlib_internals import POOL_QUEUES, pool_workers
from .births import failure_of, is_born
from .hints import with_tuple
from .worker_internals import (
    POOL_IS_RUNNING,
    POOL_LOSES_WORKERS,
    POOL_MAPS,
    answers_of,
    end_pool,
    fail_answer,
    has_callback,
    is_being_made,
    is_ended,
    pool_is_not_made,
    pool_with,
    remember_pool,
    size_of,
)

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from typing import Any

    from ..workers.import_hooks import Hook
    from .birth_errors import Failure

__all__ = ["hooks_of_pools", "tell_if_nobody_asks"]

_TIMES = 3  # workers that end in the same way before their first task are enough
_PATIENCE = 1.0  # seconds in which the reader's code may ask for an answer
_BIRTH_TIMEOUT = 0.5  # seconds in which another worker, started before, may yet be born
_MAKING_TIMEOUT = 2.0  # seconds for the rest of a Pool's __init__


def hooks_of_pools(pool: Any) -> list[Hook]:
    """Return the hooks in the module multiprocessing.pool."""
    return [
        wrap(pool.Pool, "__init__", with_tuple("initargs", 2, "initializer", 1, pool_is_not_made)),
        wrap(pool.Pool, POOL_QUEUES, _around_queues),
        wrap(pool.Pool, POOL_LOSES_WORKERS, _around_loss),
        wrap(pool.Pool, POOL_IS_RUNNING, _around_check),
        wrap(pool.Pool, POOL_MAPS, _around_map),
        wrap(pool.Pool, "join", _around_end),
        wrap(pool.Pool, "__exit__", _around_end),
    ]


class _Births:
    """What is known of the births of a pool's workers.

    Attributes:
        failure: why the pool starts no more workers, once it does not.
        asked: whether an answer that was waited for got the error.
        any_born: whether any worker was born.
    """

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.asked = False
        self.any_born = False
        self._times = 1
        self._is_certain = False
        self._alike: Counter[str] = Counter()
        self._born: weakref.WeakSet[BaseProcess] = weakref.WeakSet()
        self._errors: list[BaseException] = []  # that were given to somebody
        self._called_back = False

    def look(self, ended: list[BaseProcess], others: list[BaseProcess]) -> None:
        """Learn from the workers that have just ended, and from those that live."""
        failures = {worker: failure_of(worker) for worker in ended}
        born = [w for w in ended if failures[w] is None] + [w for w in others if is_born(w)]
        if not self._born.issuperset(born):
            self._born.update(born)
            self.any_born = True
            self._alike.clear()  # it does not always fail
        for failure in failures.values():
            if failure is not None and self.failure is None:
                self._count(failure)

    def _count(self, failure: Failure) -> None:
        self._alike[failure.key] += 1
        # The next worker would get the same main module and arguments: they are not tried again.
        self._is_certain = failure.kind in ("main", "arguments")
        if self._is_certain or self._alike[failure.key] >= _TIMES:
            self.failure, self._times = failure, self._alike[failure.key]

    def wait_for(self, others: list[BaseProcess]) -> None:
        """Wait a moment for workers that are being born, unless they cannot be."""
        until = time.monotonic() + (0.0 if self._is_certain else _BIRTH_TIMEOUT)
        while not any(map(is_born, others)) and any(w.exitcode is None for w in others):
            if time.monotonic() >= until:
                return
            time.sleep(0.005)

    def look_at_end(self, ended: list[BaseProcess]) -> None:
        """Learn from all workers of a pool that has ended; some may just have been terminated."""
        failures = [failure_of(worker) for worker in ended]
        self.any_born |= None in failures
        raised = [failure for failure in failures if failure is not None and failure.kind != "end"]
        if raised and self.failure is None:
            self.failure = raised[0]

    def error(self, is_called_back: bool = False) -> BaseException:
        """Return a new error for somebody who asks."""
        from .birth_errors import explained

        assert self.failure is not None
        self._called_back |= is_called_back
        self._errors.append(explained(self.failure, self._times))
        return self._errors[-1]

    def report(self) -> str:
        """Return the same as a text."""
        from .birth_errors import report

        assert self.failure is not None
        return report(self.failure, "pool", self._times)

    def is_told(self) -> bool:
        """Tell whether any of the errors was raised, or was handed to the reader's function."""
        return self._called_back or any(e.__traceback__ is not None for e in self._errors)


_BIRTHS: weakref.WeakKeyDictionary[Any, _Births] = weakref.WeakKeyDictionary()


def _around_queues(setup: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(setup)
    def setup_queues(self: Any) -> None:
        __tracebackhide__ = True  # IPython leaves this frame out
        setup(self)
        session = current_session()
        if session is not None:
            session.pools.add(self)
            remember_pool(self)
            _BIRTHS[self] = _Births()

    return setup_queues


def _around_loss(lose: Callable[[list[BaseProcess]], bool]) -> Callable[[list[BaseProcess]], bool]:
    @functools.wraps(lose)
    def judged_loss(workers: list[BaseProcess]) -> bool:
        pool, alive = pool_with(workers), list(workers)
        births = _BIRTHS.get(pool) if pool is not None and not is_ended(pool) else None
        if births is None or current_session() is None:
            return lose(workers)
        if not lose(alive):
            return False
        is_told = births.failure is not None
        births.look([worker for worker in workers if worker not in alive], alive)
        if births.failure is not None and not is_told:
            births.wait_for(alive)
        if births.failure is not None and not any(map(is_born, alive)):
            _end(pool, births)
        else:
            workers[:] = alive
        if births.failure is not None and not is_told:
            tell_if_nobody_asks(births.is_told, births.report)
        return births.failure is None  # then others are started in their place

    return judged_loss


def _end(pool: Any, births: _Births) -> None:
    """End a pool that has no worker, and give the error to all who wait for an answer."""
    until = time.monotonic() + _MAKING_TIMEOUT
    while is_being_made(pool) and time.monotonic() < until:
        time.sleep(0.001)
    _fail_answers(pool, births)
    end_pool(pool)
    _fail_answers(pool, births)  # somebody may have asked just before the end


def _fail_answers(pool: Any, births: _Births) -> None:
    for answer in answers_of(pool):
        births.asked = True
        try:
            fail_answer(answer, births.error(has_callback(answer)))
        except Exception:  # of the reader's error_callback
            traceback.print_exc()


def _around_check(check: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(check)
    def checked(self: Any) -> None:
        __tracebackhide__ = True
        births = _BIRTHS.get(self)
        if births is not None and births.failure is not None and is_ended(self):
            raise births.error()
        check(self)

    return checked


def _around_map(map_async: Callable[..., Any]) -> Callable[..., Any]:
    """Make the chunk size as Python does, but also while workers that have ended are replaced.

    Python divides by the number of those that are there.
    """

    @functools.wraps(map_async)
    def mapped(
        self: Any,
        func: Any,
        iterable: Any,
        mapper: Any,
        chunksize: Any = None,
        *more: Any,
        **named: Any,
    ) -> Any:
        __tracebackhide__ = True
        if chunksize is None and self in _BIRTHS:
            getattr(self, POOL_IS_RUNNING)()
            if not hasattr(iterable, "__len__"):
                iterable = list(iterable)
            chunksize = -(-len(iterable) // (size_of(self) * 4))
        return map_async(self, func, iterable, mapper, chunksize, *more, **named)

    return mapped


def _around_end(end: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(end)
    def told_end(self: Any, *raised: Any) -> None:
        __tracebackhide__ = True
        end(self, *raised)
        births = _BIRTHS.get(self)
        if births is None or any(raised):
            return
        births.look_at_end([w for w in pool_workers(self) if w.exitcode is not None])
        is_of_interest = births.asked or not births.any_born
        if births.failure is not None and is_of_interest and not births.is_told():
            raise births.error()

    return told_end


def tell_if_nobody_asks(is_told: Callable[[], bool], report: Callable[[], str]) -> None:
    """Print a report a moment later, if the error was raised nowhere by then."""

    def wait() -> None:
        time.sleep(_PATIENCE)
        if not is_told() and sys.stderr is not None:
            sys.stderr.write(report())

    with contextlib.suppress(RuntimeError):  # no more threads can be started
        threading.Thread(target=wait, name="manybrains birth", daemon=True).start()
