"""Private names of the standard library at the birth and the end of workers and of their pools.

A second door beside `stdlib_internals`, with a test for each in
tests/hooks/test_worker_internals.py, on every Python.  Workers import this: it is light.
"""

from __future__ import annotations

import contextlib
import weakref

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing.process import BaseProcess
    from typing import Any

__all__ = [
    "CANNOT_PICKLE",
    "EXECUTOR_BREAKS",
    "EXECUTOR_MANAGER",
    "INHERITED",
    "MANAGER_BODY",
    "POOL_IS_RUNNING",
    "POOL_LOSES_WORKERS",
    "POOL_MAPS",
    "WORKER_PREPARES",
    "answers_of",
    "arguments_by_name",
    "end_pool",
    "executor_of",
    "executor_workers",
    "fail_answer",
    "has_callback",
    "initializer_of",
    "is_being_made",
    "is_ended",
    "pool_is_not_made",
    "pool_with",
    "remember_pool",
    "server_of",
    "size_of",
    "take_futures",
    "workers_at_work",
    "wrap_initializer",
]

# Of multiprocessing.spawn: called once in a worker that is not forked, with what it has unpickled
# of SPAWN_DATA.  It imports the main module.  Then the worker unpickles its Process object; an
# error in that goes to sys.excepthook.  Keys that it does not know are ignored.
WORKER_PREPARES = "prepare"
# What the process of a manager does: (module, method).
MANAGER_BODY = ("multiprocessing.managers", "_run_server")
# Of Pool, static: one thread calls it with the list of the workers.  It takes out those that have
# ended, and tells whether there were any: only then are others started in their place.
POOL_LOSES_WORKERS = "_join_exited_workers"
# Of Pool: called first in whatever gives it work, and in `__enter__`; raises if it has ended.
POOL_IS_RUNNING = "_check_running"
# Of Pool: called with function, iterable, mapper and chunk size, as `map` and its like got them.  A
# chunk size of None is made from the number of workers just now, which may be 0 for a moment.
POOL_MAPS = "_map_async"
# Of concurrent.futures.process: the thread of an executor, which calls this once, when one of its
# workers has ended too early.
EXECUTOR_MANAGER = "_ExecutorManagerThread"
EXECUTOR_BREAKS = "terminate_broken"

# Of what multiprocessing raises for a queue, a lock or a Value that is not sent at a start, and
# of what pickle raises for a file, a socket, a generator.
INHERITED = "objects should only be shared between processes through inheritance"
CANNOT_PICKLE = "cannot pickle "


def arguments_by_name(worker: BaseProcess) -> list[tuple[str, Any]]:
    """Return what a worker is sent for its function, each with its place, as "`args[0]`"."""
    given = enumerate(getattr(worker, "_args", None) or ())
    named = (getattr(worker, "_kwargs", None) or {}).items()
    return [(f"`args[{n}]`", a) for n, a in given] + [(f"`kwargs[{k!r}]`", a) for k, a in named]


# --- pools --------------------------------------------------------------------------------

_POOLS: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def remember_pool(pool: Any) -> None:
    """Let `pool_with` find a Pool, which has no worker yet.

    Its thread knows only its list of workers, which stays the same object.
    """
    _POOLS[id(pool._pool)] = pool


def pool_is_not_made(pool: Any) -> None:
    """Let the end of a Pool whose `__init__` may be refused find what it looks for."""
    from multiprocessing.pool import INIT

    pool._state = INIT


def pool_with(workers: list[BaseProcess]) -> Any:
    """Return the Pool that has just this list of workers; None if it is unknown or gone."""
    pool = _POOLS.get(id(workers))
    return pool if pool is not None and pool._pool is workers else None


def size_of(pool: Any) -> int:
    """Return how many workers a Pool should have."""
    return int(pool._processes)


def is_being_made(pool: Any) -> bool:
    """Tell whether the `__init__` of a Pool has not come to its end; its thread may run already."""
    from multiprocessing.pool import INIT

    return bool(pool._state == INIT)


def is_ended(pool: Any) -> bool:
    """Tell whether a Pool was terminated."""
    from multiprocessing.pool import TERMINATE

    return bool(pool._state == TERMINATE)


def answers_of(pool: Any) -> list[Any]:
    """Return the answers of a Pool that are not complete: AsyncResult, MapResult, iterators."""
    return list(pool._cache.values())


def has_callback(answer: Any) -> bool:
    """Tell whether an answer hands its error to a function of the reader's."""
    return getattr(answer, "_error_callback", None) is not None


class _ThenTheError:
    """The items of an iterator: those that have arrived, then the error, again and again."""

    def __init__(self, items: Any, error: BaseException) -> None:
        self._items = items
        self._error = error

    def popleft(self) -> tuple[bool, Any]:
        return self._items.popleft() if self._items else (False, self._error)

    def append(self, item: tuple[bool, Any]) -> None:
        pass  # too late


def fail_answer(answer: Any, error: BaseException) -> None:
    """Complete an answer of a Pool with an error; who waits for it gets that."""
    with contextlib.suppress(KeyError):  # complete meanwhile
        if not hasattr(answer, "_cond"):
            if hasattr(answer, "_number_left"):  # of map: it waits for all parts
                answer._number_left = 1
            answer._set(0, (False, error))
            return
        with answer._cond:
            answer._items = _ThenTheError(answer._items, error)
            answer._index = float("-inf")  # never equal to the length, which may be set later
            del answer._cache[answer._job]
            answer._cond.notify_all()


def end_pool(pool: Any) -> None:
    """Terminate a Pool, in the thread that starts its workers.

    That thread, which is busy here, cannot end the thread that hands out tasks: that is done
    first.  `terminate` of the reader's may have begun meanwhile; then nothing more is done.
    """
    from multiprocessing.pool import TERMINATE

    pool._state = TERMINATE
    pool._taskqueue.put(None)
    pool._terminate()


# --- executors and managers ---------------------------------------------------------------


def wrap_initializer(worker: BaseProcess, wrapper: Callable[..., Any]) -> None:
    """Let a worker of an executor, before it runs, call `wrapper(initializer, *initargs)`."""
    import functools

    tasks, results, initializer, *more = worker._args  # type: ignore[attr-defined]
    if initializer is not None:
        wrapped = functools.partial(wrapper, initializer)
        wrapped.initializer = initializer  # type: ignore[attr-defined] # for `initializer_of`
        worker._args = (tasks, results, wrapped, *more)  # type: ignore[attr-defined]


def initializer_of(worker: BaseProcess) -> tuple[Any, tuple[Any, ...]]:
    """Return the initializer of this worker of a pool or executor, and its arguments.

    That is None and () in any other process.
    """
    given: tuple[Any, ...] = getattr(worker, "_args", ())
    if len(given) < 4 or not callable(given[2]):
        return None, ()
    return getattr(given[2], "initializer", given[2]), given[3]


def executor_of(manager: Any) -> ProcessPoolExecutor | None:
    """Return the executor of its thread, if it still exists."""
    return manager.executor_reference()  # type: ignore[no-any-return]


def executor_workers(manager: Any) -> list[BaseProcess]:
    """Return the workers of the executor of this thread, also those that have ended."""
    return list(manager.processes.values())


def workers_at_work(executor: Any) -> list[BaseProcess]:
    """Return the workers of an executor; none once it was shut down."""
    return list((executor._processes or {}).values())


def take_futures(manager: Any) -> list[Future[Any]]:
    """Take the futures from an executor that breaks, so that somebody else completes them."""
    with manager.shutdown_lock:
        items = list(manager.pending_work_items.values())
        manager.pending_work_items.clear()
    return [item.future for item in items]


def server_of(manager: Any) -> BaseProcess:
    """Return the process of a multiprocessing manager that `start` has started."""
    return manager._process  # type: ignore[no-any-return]
