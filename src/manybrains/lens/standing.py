"""Where main, its threads and its workers stand when a block is stopped."""

import os
import threading
from collections.abc import Iterable

from ..deadlines.places import place_of, place_of_worker
from ..deadlines.stacks import Stack, stacks_here, stacks_of_workers
from ..workers.session import Session
from .observations import Key

__all__ = ["where_everybody_stands"]

_WORKERS_TIMEOUT = 0.2  # seconds within which workers can answer


def where_everybody_stands(
    session: Session, block: Stack, workers: Iterable[int | None]
) -> dict[Key, str]:
    """Return the place of this process, of each of its threads, and of each worker.

    Args:
        block: the stack of the watched block: where main stands.
        workers: the pids of the workers.
    """
    renamed = session.script.readable if session.script is not None else str
    own, pids = os.getpid(), sorted(pid for pid in workers if pid is not None)
    asked = stacks_of_workers(session, pids, _WORKERS_TIMEOUT)
    stood = {(own, 0): place_of(block, renamed)}
    here = stacks_here()
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.native_id is not None:
            stood[own, thread.native_id] = place_of(here.get(thread.ident or 0, ()), renamed)
    for pid, told in asked.items():
        stood[pid, 0] = told if isinstance(told, str) else place_of_worker(told, renamed)
    return stood
