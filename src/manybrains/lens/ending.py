"""Ends what a cell has started: its workers, and the pools that would replace them."""

from collections.abc import Iterable
from multiprocessing import process

from ..workers import cleanup as guard
from ..workers.session import current

__all__ = ["end_since", "kill_since"]

_ROUNDS = 5  # a pool may have replaced a worker just before it was told to stop


def kill_since(before: Iterable[process.BaseProcess]) -> None:
    """Kill the workers that were not there before, without waiting for their end."""
    doomed = guard.children() - set(before)
    _stop_pools(doomed)
    guard.kill(doomed)


def end_since(before: Iterable[process.BaseProcess]) -> None:
    """Kill the workers that were not there before, and wait until they are gone."""
    for _ in range(_ROUNDS):
        doomed = guard.children() - set(before)
        if not doomed:
            return
        _stop_pools(doomed)
        guard.end(doomed)


def _stop_pools(doomed: set[process.BaseProcess]) -> None:
    """Keep the pools of these workers from replacing them, as `Pool.terminate` begins.

    The rest of it may wait for a lock that a killed worker held.
    """
    from multiprocessing import pool

    session = current()
    for one in list(session.pools) if session is not None else []:
        if doomed.intersection(one._pool):
            one._state = pool.TERMINATE
            if (handler := getattr(one, "_worker_handler", None)) is not None:
                handler._state = pool.TERMINATE
                one._change_notifier.put(None)
            # else its making was interrupted: nobody is there to replace anybody
