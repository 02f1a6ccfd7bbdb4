"""The work that every peer is to watch: two processes that count, then a swarm of short ones.

    python peer_work.py MODE COUNT RESULT

writes to RESULT what the work took.  The modes `bare`, `manybrains`, `dask`, `mpire` and `mpire
insights` watch from inside, the tools that watch a whole program run the mode `bare`.
"""

import contextlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workloads import SWARM, SWARM_SECONDS, burn, count, swarm, two_processes


def plain(to: int) -> dict[str, Any]:
    """Do the work and return the wall seconds of each half."""
    context = multiprocessing.get_context()
    began = time.perf_counter()
    two_processes(context, to)
    between = time.perf_counter()
    swarm(context, SWARM)
    return {"duel": between - began, "swarm": time.perf_counter() - between}


def bare(to: int) -> dict[str, Any]:
    return plain(to)


def manybrains(to: int) -> dict[str, Any]:
    from manybrains import watch

    with watch() as run:
        figures = plain(to)
    return figures | {"seen": len(run.workers)}


def dask(to: int) -> dict[str, Any]:
    from dask.diagnostics import ResourceProfiler

    with ResourceProfiler(dt=0.05):
        return plain(to)


def mpire(to: int, insights: bool = False) -> dict[str, Any]:
    """Do the same in its own pools: it watches no others."""
    from mpire import WorkerPool

    figures: dict[str, Any] = {"seen": 0}
    for name, workers, work, task in (
        ("duel", 2, count, to),
        ("swarm", SWARM, burn, SWARM_SECONDS),
    ):
        began = time.perf_counter()
        with WorkerPool(workers, enable_insights=insights) as pool:
            pool.map(work, [task] * workers, chunk_size=1)
            figures[name] = time.perf_counter() - began
            told = pool.get_insights() if insights else {}
        figures["seen"] += len(told.get("n_completed_tasks", ()))  # one had perhaps no task
    return figures


MODES: dict[str, Callable[[int], dict[str, Any]]] = {
    "bare": bare,
    "manybrains": manybrains,
    "dask": dask,
    "mpire": mpire,
    "mpire insights": lambda to: mpire(to, True),
}

if __name__ == "__main__":
    _, mode, to, result = sys.argv
    with contextlib.suppress(OSError):
        Path(result).write_text(json.dumps(MODES[mode](int(to))), encoding="utf-8")
