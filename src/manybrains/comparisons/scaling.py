"""Scaling: the same work done by more and more workers; it is made from Runs only.

`measure_scaling` lets `compare` watch every number of workers in turn.  Speedup,
efficiency and serial fraction are calculated from the wall times.
"""

import functools
import operator
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..records.machine import Machine
from .comparison import Contestant, compare

__all__ = ["Scaling", "ScalingPoint", "measure_scaling"]


@dataclass(frozen=True, repr=False)
class ScalingPoint(Contestant):
    """One number of workers, and the run of every repeat with that number."""

    workers: int


@dataclass(frozen=True)
class Scaling:
    """What `measure_scaling` saw; its text is a table.

    Attributes:
        points: one for each number of workers, in rising order; the others are compared
            with the first.
        answer: the answers in the order of the inputs, the same for each number of workers.
    """

    points: tuple[ScalingPoint, ...]
    answer: Any = None

    def __getitem__(self, workers: int) -> ScalingPoint:
        for point in self.points:
            if point.workers == workers:
                return point
        known = ", ".join(str(point.workers) for point in self.points)
        raise KeyError(f"{workers!r} workers were not measured: there are {known}")

    @property
    def machine(self) -> Machine:
        """Where it was measured."""
        return self.points[0].runs[0].machine

    def speedup(self, workers: int) -> float:
        """Return how many times as fast it was as with the fewest workers, by median wall time."""
        wall = self[workers].median_wall_seconds
        return self.points[0].median_wall_seconds / wall if wall > 0 else 1.0

    def efficiency(self, workers: int) -> float:
        """Return the speedup per worker: 1 if every further worker gains as much as the first."""
        return self.speedup(workers) * self.points[0].workers / workers

    def serial_fraction(self, workers: int) -> float:
        """Return the share of the work that only one worker at a time can do, by the speedup.

        This is the experimentally determined serial fraction, e = (1/S - 1/p) / (1 - 1/p) with
        speedup S and p workers (A. H. Karp and H. P. Flatt, Measuring Parallel Processor
        Performance, Communications of the ACM 33(5), 1990, pages 539-543).  It grows with
        p if starting workers and sending data cost more with more workers, or if workers
        share cores, as they all do beyond `machine.cores_yours`.  Noise and caches can make
        it negative.

        Raises:
            ValueError: if `workers` is 1, or if one worker was not measured.
        """
        speedup = self.speedup(workers)
        if workers == 1 or self.points[0].workers != 1:
            raise ValueError(
                f"no serial fraction of {workers} worker{'' if workers == 1 else 's'}: it compares "
                "several workers with one, so measure one and several, as workers=(1, 2)"
            )
        return (1 / speedup - 1 / workers) / (1 - 1 / workers)

    def __repr__(self) -> str:
        repeats = len(self.points[0].runs)
        walls = [f"wall {repeat} [s]" for repeat in range(1, repeats + 1)]
        head = ["workers", *walls, "median [s]", "speedup", "efficiency", "serial fraction"]
        rows = [head, *(self._row(point) for point in self.points)]
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _row(self, point: ScalingPoint) -> list[str]:
        workers = point.workers
        has_fraction = workers > 1 == self.points[0].workers
        return [
            str(workers),
            *(f"{seconds:.3f}" for seconds in point.wall_seconds),
            f"{point.median_wall_seconds:.3f}",
            f"{self.speedup(workers):.2f}",
            f"{self.efficiency(workers):.2f}",
            f"{self.serial_fraction(workers):.2f}" if has_fraction else "",
        ]


def measure_scaling(
    work: Callable[[Any], Any],
    inputs: Iterable[Any],
    workers: Iterable[int] = (1, 2, 4),
    repeats: int = 3,
    *,
    executor: Callable[[int], Executor] = ProcessPoolExecutor,
    deadline: float | None = None,
) -> Scaling:
    """Map `work` over `inputs` with each number of workers, and return the runs as a Scaling.

    Each repeat tries every number of workers in turn, so that a busy moment of the machine
    does not hit one number alone.  The measurement includes the start and the end of the
    workers.  Each input goes to one worker: give at least as many inputs as workers.

    Args:
        work: a function of one input; its answer must not depend on the worker.
        inputs: the inputs, the same for each number of workers.
        workers: the numbers of workers to try.
        repeats: how many times each number is tried.
        executor: a function that takes a number of workers and returns an executor.
        deadline: seconds that a single run may take; its workers are then killed.

    Raises:
        TypeError: if `work` or `executor` cannot be called, or if two answers cannot be
            compared.
        ValueError: if there are no inputs, a number of workers or of repeats makes no sense,
            or the answers differ.
        TimeoutError: if a run has not ended at the deadline.
        Exception: whatever `work` raises, with a note that names the workers and the repeat.
    """
    numbers, given = _checked(work, inputs, workers, executor)
    ways = {
        f"{n} worker{'' if n == 1 else 's'}": functools.partial(_mapped, executor, n, work, given)
        for n in numbers
    }
    compared = compare(ways, repeats, deadline=deadline)
    points = zip(compared.contestants, numbers, strict=True)
    return Scaling(tuple(ScalingPoint(c.name, c.runs, n) for c, n in points), compared.answer)


def _mapped(
    executor: Callable[[int], Executor], workers: int, work: Callable[[Any], Any], inputs: list[Any]
) -> list[Any]:
    with executor(workers) as pool:
        return list(pool.map(work, inputs))


def _checked(
    work: object, inputs: Iterable[Any], workers: Iterable[int], executor: object
) -> tuple[list[int], list[Any]]:
    for role, given in (("work", work), ("executor", executor)):
        if not callable(given):
            raise TypeError(
                f"{role} is {given!r}, which cannot be called: "
                "give the function or class itself, without parentheses"
            )
    every = list(inputs)
    if not every:
        raise ValueError("there are no inputs: give at least one for each worker, as [10**6] * 4")
    try:
        numbers = sorted({operator.index(number) for number in workers})
    except TypeError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise ValueError(f"workers is {workers!r}: give numbers from 1 on, such as (1, 2, 4)")
    return numbers, every
