"""What is measured: work of plain standard-library code, in a module that spawned workers import.

Every workload takes a multiprocessing context and a size, and knows nothing of the lens.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from threading import Thread
from typing import Any

SWARM = 32  # short workers at once
SWARM_SECONDS = 0.005


def count(to: int) -> int:
    n = 0
    for _ in range(to):
        n += 1
    return n


def counts_in(seconds: float) -> int:
    """Return how far one process counts in that time, on this machine as it is now."""
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        count(1_000_000)
        best = max(best, 1_000_000 / (time.perf_counter() - began))
    return int(best * seconds)


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def tiny(x: int) -> int:
    return x * x


def nothing() -> None:
    pass


def two_processes(context: BaseContext, to: int) -> None:
    _started_and_joined([context.Process(target=count, args=(to,)) for _ in range(2)])


def two_threads(_: BaseContext, to: int) -> None:
    _started_and_joined([Thread(target=count, args=(to,)) for _ in range(2)])


def serial(_: BaseContext, to: int) -> None:
    count(to)
    count(to)


def swarm(context: BaseContext, workers: int) -> None:
    _started_and_joined(
        [context.Process(target=burn, args=(SWARM_SECONDS,)) for _ in range(workers)]
    )


def empty_workers(context: BaseContext, workers: int) -> None:
    for _ in range(workers):
        _started_and_joined([context.Process(target=nothing)])


def crowd(context: BaseContext, workers: int) -> None:
    _started_and_joined([context.Process(target=nothing) for _ in range(workers)])


def pool_in_chunks(context: BaseContext, tasks: int) -> None:
    with context.Pool(2) as pool:
        pool.map(tiny, range(tasks))


def pool_one_by_one(context: BaseContext, tasks: int) -> None:
    with context.Pool(2) as pool:
        pool.map(tiny, range(tasks), chunksize=1)


def executor_one_by_one(context: BaseContext, tasks: int) -> None:
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(tiny, range(tasks)))


def executor_of_two(context: BaseContext, to: int) -> None:
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(count, [to, to]))


def fan_out(_: BaseContext, tasks: int) -> None:
    async def take_turns() -> None:
        for _ in range(10):
            await asyncio.sleep(0)
            count(100)

    async def all_at_once() -> None:
        await asyncio.gather(*(take_turns() for _ in range(tasks)))

    asyncio.run(all_at_once())


def empty(_: BaseContext, __: int) -> None:
    pass


def _started_and_joined(workers: Any) -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


WORKLOADS: dict[str, Callable[[BaseContext, int], None]] = {
    work.__name__: work
    for work in (
        two_processes,
        two_threads,
        serial,
        swarm,
        empty_workers,
        crowd,
        pool_in_chunks,
        pool_one_by_one,
        executor_one_by_one,
        executor_of_two,
        fan_out,
        empty,
    )
}
