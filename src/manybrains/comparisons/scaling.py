"""Scaling: the same work done by more and more workers; it is made from Runs only.

`compare_workers` and `measure_scaling` let `compare` watch every number of workers in turn.
Speedup, efficiency and serial fraction are calculated from the wall times.
"""

import functools
import json
import operator
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..records.machine import Machine
from ..records.plain_data import fields_of, from_plain
from ..records.run import require_known_lanes
from .comparison import Contestant, compare

__all__ = ["Scaling", "ScalingPoint", "compare_workers", "measure_scaling"]

FORMAT = "manybrains scaling 1"


@dataclass(frozen=True, repr=False)
class ScalingPoint(Contestant):
    """One number of workers, and the run of every repeat with that number."""

    workers: int


@dataclass(frozen=True)
class Scaling:
    """What `measure_scaling` or `compare_workers` saw; its text is a table.

    Attributes:
        points: one for each number of workers, in rising order; the others are compared
            with the first.
        answer: what was answered with each number of workers; for `measure_scaling` the answers
            in the order of the inputs.  It is not saved.
        note: when and how a recording was made; else empty.
    """

    points: tuple[ScalingPoint, ...]
    answer: Any = None
    note: str = ""

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

    @property
    def fitted_serial_fraction(self) -> float:
        """The serial fraction whose curve by Amdahl's law comes nearest to all measured points.

        The law says that n workers take s + (1 - s) / n times as long as one (G. M. Amdahl,
        AFIPS Spring Joint Computer Conference 1967, pages 483-485).  The fit is that of the
        least squares, to the wall times.  It means something if `serial_fraction` is about the
        same at each point.

        Raises:
            ValueError: if one worker and several were not measured.
        """
        parts = [1 - 1 / point.workers for point in self.points[1:]]
        fractions = [self.serial_fraction(point.workers) for point in self.points[1:]]
        if not parts:
            self.serial_fraction(self.points[0].workers)  # raises an error that says why
        weighted = [f * part**2 for f, part in zip(fractions, parts, strict=True)]
        return sum(weighted) / sum(part**2 for part in parts)

    def to_json(self) -> str:
        """Return points and note as JSON text that `from_json` turns into an equal scaling."""
        data = {"format": FORMAT, "note": self.note, "points": self.points}
        return json.dumps(data, allow_nan=False, default=fields_of)

    @classmethod
    def from_json(cls, text: str) -> "Scaling":
        """Return the scaling that `to_json` wrote.

        Raises:
            ValueError: if the text is not such a scaling; the message names the field.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not a saved scaling: it is not JSON ({error})") from None
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise ValueError(f"not a saved scaling: its 'format' should be {FORMAT!r}")
        saved: _Saved = from_plain(_Saved, data, "scaling")
        if not saved.points:
            raise ValueError("scaling.points is empty: it should have a point or more")
        for i, point in enumerate(saved.points):
            if not point.runs:
                raise ValueError(f"scaling.points[{i}].runs is empty: it should have a run or more")
            for j, run in enumerate(point.runs):
                require_known_lanes(run, f"scaling.points[{i}].runs[{j}]")
        return cls(saved.points, note=saved.note)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the scaling to a JSON file, without its answer; `Scaling.load` reads it."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Scaling":
        """Return the scaling that `save` wrote to this file.

        Raises:
            ValueError: if the file holds no scaling; the message names the file and the field.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None

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


@dataclass(frozen=True, slots=True)
class _Saved:
    """What of a scaling is in a file."""

    note: str
    points: tuple[ScalingPoint, ...]


def compare_workers(
    program: Callable[[int], Any],
    workers: Iterable[int] = (1, 2, 4),
    repeats: int = 3,
    *,
    deadline: float | None = None,
) -> Scaling:
    """Call `program` with each number of workers, and return the runs as a Scaling.

    Each repeat tries every number of workers in turn, so that a busy moment of the machine
    does not hit one number alone.

    Args:
        program: a function of a number of workers; its answer must not depend on that number.
        workers: the numbers of workers to try.
        repeats: how many times each number is tried.
        deadline: seconds that a single run may take; its workers are then killed.

    Raises:
        TypeError: if `program` cannot be called, or if two answers cannot be compared.
        ValueError: if a number of workers or of repeats makes no sense, or the answers differ.
        TimeoutError: if a run has not ended at the deadline.
        Exception: whatever `program` raises, with a note that names the workers and the repeat.
    """
    _require_callable("program", program)
    numbers = _numbers(workers)
    ways = {f"{n} worker{'' if n == 1 else 's'}": functools.partial(program, n) for n in numbers}
    compared = compare(ways, repeats, deadline=deadline)
    points = zip(compared.contestants, numbers, strict=True)
    return Scaling(tuple(ScalingPoint(c.name, c.runs, n) for c, n in points), compared.answer)


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
    _require_callable("work", work)
    _require_callable("executor", executor)
    given = list(inputs)
    if not given:
        raise ValueError("there are no inputs: give at least one for each worker, as [10**6] * 4")
    program = functools.partial(_mapped, executor, work, given)
    return compare_workers(program, workers, repeats, deadline=deadline)


def _mapped(
    executor: Callable[[int], Executor], work: Callable[[Any], Any], inputs: list[Any], workers: int
) -> list[Any]:
    with executor(workers) as pool:
        return list(pool.map(work, inputs))


def _require_callable(role: str, given: object) -> None:
    if not callable(given):
        raise TypeError(
            f"{role} is {given!r}, which cannot be called: "
            "give the function or class itself, without parentheses"
        )


def _numbers(workers: Iterable[int]) -> list[int]:
    try:
        numbers = sorted({operator.index(number) for number in workers})
    except TypeError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise ValueError(f"workers is {workers!r}: give numbers from 1 on, such as (1, 2, 4)")
    return numbers
