"""No worker is left behind: none outlives its parent, or an interrupt of its cell.

A process is ended by the handle that its parent holds, never by its name.  The fork server and
the resource tracker are not killed: they end with their parent.  Workers import this: it is light.
"""

import contextlib
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterable
from multiprocessing import process

from .platform import LINUX
from .session import current_session
from .stdlib_internals import known_children, pool_workers, stop_refilling

if LINUX:
    from fcntl import F_SETFL, F_SETOWN, F_SETSIG, fcntl
    from select import POLLIN, poll

__all__ = ["children", "die_with_parent", "end", "end_since", "kill", "kill_since", "there"]

_END_TIMEOUT = 1.0  # seconds within which a killed process should be gone
_KILL = int(getattr(signal, "SIGKILL", signal.SIGTERM))  # no enum: see stdlib_internals
_ROUNDS = 5  # a pool may have replaced a worker just before it was told to stop


def die_with_parent(sentinel: int) -> None:
    """Make sure that this process is killed when its parent ends, in whatever way.

    On Linux the kernel of the system kills it, when the parent's end of the pipe `sentinel`
    closes (F_SETSIG and O_ASYNC, fcntl(2)).  That needs no thread, so neither a held GIL nor a
    blocked signal can prevent it.  On other systems, a waiting thread kills it.

    Args:
        sentinel: our end of the pipe; no other flags are set on it.
    """
    if not LINUX:
        threading.Thread(target=_wait_and_die, args=(sentinel,), daemon=True).start()
        return
    fcntl(sentinel, F_SETOWN, os.getpid())
    fcntl(sentinel, F_SETSIG, _KILL)
    fcntl(sentinel, F_SETFL, os.O_ASYNC)
    pipe = poll()
    pipe.register(sentinel, POLLIN)
    # Had the parent ended before this request?  Only the pipe can tell: a process that ends
    # closes its files first, and is still our parent for a moment.
    if pipe.poll(0):
        os.kill(os.getpid(), _KILL)


def _wait_and_die(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os.kill(os.getpid(), _KILL)


def children() -> set[process.BaseProcess]:
    """Return the workers of this process whose end is not yet known.

    This is `multiprocessing.active_children` without polling: if another thread joins a
    worker of the fork server meanwhile, a poll here would take the exit code away from it.
    """
    return known_children()


def kill(workers: Iterable[process.BaseProcess]) -> None:
    """Kill these workers of ours; `die_with_parent` then ends their children."""
    for worker in workers:
        with contextlib.suppress(ValueError, AttributeError):  # closed, or not yet started
            worker.kill()


def end(workers: Iterable[process.BaseProcess]) -> None:
    """Kill these workers of ours and wait until they are gone."""
    ending = list(workers)
    kill(ending)
    until = time.monotonic() + _END_TIMEOUT
    for worker in ending:
        with contextlib.suppress(ValueError):
            worker.join(max(0.0, until - time.monotonic()))


def there() -> set[object]:
    """Return the workers that are there now, and references to the pools, for `end_since`.

    They are weak: a pool that the reader lets go of has to end.
    """
    session = current_session()
    return {*children(), *map(weakref.ref, session.pools if session is not None else ())}


def _since(before: Iterable[object]) -> set[process.BaseProcess]:
    """Return the workers that were not there before; those of an older pool belong to it."""
    older = set(before)
    session = current_session()
    for pool in list(session.pools) if session is not None else []:
        if weakref.ref(pool) in older:
            older.update(pool_workers(pool))
    return {worker for worker in children() if worker not in older}


def kill_since(before: Iterable[object]) -> set[process.BaseProcess]:
    """Kill the workers that were not there before, without waiting; return these workers."""
    doomed = _since(before)
    _stop_pools(doomed)
    kill(doomed)
    return doomed


def end_since(before: Iterable[object]) -> set[process.BaseProcess]:
    """Kill the workers that were not there before, wait for their end; return these workers."""
    ended: set[process.BaseProcess] = set()
    for _ in range(_ROUNDS):
        doomed = _since(before)
        if not doomed:
            break
        _stop_pools(doomed)
        end(doomed)
        ended |= doomed
    return ended


def _stop_pools(doomed: set[process.BaseProcess]) -> None:
    """Keep the pools of these workers from replacing them."""
    session = current_session()
    for pool in list(session.pools) if session is not None else []:
        if doomed.intersection(pool_workers(pool)):
            stop_refilling(pool)
