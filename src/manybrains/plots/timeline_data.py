"""What a timeline shows, as numbers and words: a Run in, one Row per lane out.

`timeline` draws what this module works out.  So tests can check a picture by its numbers.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..records.run import OVER, Lane, Run
from .headlines import headline
from .words import exit_words, shortened

__all__ = ["Row", "Step", "failed", "in_words", "row_name", "rows_of"]

STEADY_SECONDS = 0.1  # CPU clocks step by up to 16 ms: a rate above one core must last so long
MOST_STEPS = 15_000  # in a whole picture; one row has at most 1,000: it has fewer pixels


class Step(NamedTuple):  # a tuple, because a picture has thousands
    """A stretch of time in which a lane used `cores` cores, last seen on core number `core`."""

    begin: float
    end: float
    cores: float
    core: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One lane as it is drawn.

    Attributes:
        name: the lane's name, shortened.
        wait: from the call of `start()` to the first instruction, in seconds; None if there
            was no wait.
        life: from the first instruction to the end, in seconds, inside the block.
        steps: what the lane used; together they are exactly its CPU seconds.  They begin
            before the life if a process used CPU time for its imports.
        failed: True if the worker ended with an error or was killed.
        average: True if no look fell into its life: what it used is known, but not when.
        ending: the text at its end; empty for most lanes.
        stood_at: where it was when the block was stopped; empty if the block was not stopped.
    """

    name: str
    wait: tuple[float, float] | None
    life: tuple[float, float]
    steps: tuple[Step, ...]
    failed: bool
    average: bool = False
    ending: str = ""
    stood_at: str = ""

    @property
    def used(self) -> float:
        """CPU seconds under the steps."""
        return sum(step.cores * (step.end - step.begin) for step in self.steps)

    @property
    def peak_cores(self) -> float:
        """The most cores in use for at least a twentieth of a second."""
        return max(
            (s.cores for s in self.steps if s.end - s.begin >= STEADY_SECONDS / 2), default=0.0
        )


def rows_of(run: Run) -> tuple[Row, ...]:
    """Return one row per lane, without steps that are too short to be seen in the picture."""
    looks: list[list[tuple[float, int | None]]] = [[] for _ in run.lanes]
    for sample in run.samples:
        looks[sample.lane].append((sample.time, sample.core))
    most = max(20, min(1_000, MOST_STEPS // max(1, len(run.lanes))))
    return tuple(
        dataclasses.replace(
            _row(run, lane, _steps(run.points(index), looks[index], run.wall_seconds / most)),
            average=not looks[index],
        )
        for index, lane in enumerate(run.lanes)
    )


def _row(run: Run, lane: Lane, steps: tuple[Step, ...]) -> Row:
    begin, end = steps[0].begin, steps[-1].end
    if lane.ended is not None:
        end = max(begin, min(lane.ended, end))
    if lane.started is not None:
        begin = min(max(lane.started, 0.0), end)
    elif lane.requested is not None and lane.exit_code is None:
        begin = end  # asked for, but it had not begun: what it used so far are its imports
    wait = None
    if lane.requested is not None and max(lane.requested, 0.0) < begin:
        wait = (max(lane.requested, 0.0), begin)
    row = Row(row_name(lane), wait, (begin, end), steps, failed(lane), stood_at=lane.stood_at)
    return dataclasses.replace(row, ending=_ending(run, lane, row.peak_cores))


def _ending(run: Run, lane: Lane, peak: float) -> str:
    words = []
    if peak >= OVER and lane.kind != "thread":
        words.append(f"up to {peak:.1f} cores")
    if lane.exit_code:
        words.append(exit_words(lane.exit_code, run.machine.system))
    return ", ".join(words)


def failed(lane: Lane) -> bool:
    """Tell whether the worker ended with an error or was killed; `terminate()` is no failure."""
    return lane.exit_code not in (None, 0, -15)


def _steps(
    points: Sequence[tuple[float, float]],
    looks: Sequence[tuple[float, int | None]],
    finest: float,
) -> tuple[Step, ...]:
    """Return the steps between points, without points that are too close to be seen."""
    last = points[0]
    kept = [last]
    for point in points[1:-1]:
        if point[0] - last[0] >= finest and not _too_fine(last, point, finest):
            kept.append(last := point)
    while len(kept) > 1 and _too_fine(kept[-1], points[-1], finest):
        kept.pop()
    kept.append(points[-1])
    times = [time for time, _ in looks]
    steps = []
    for (t0, c0), (t1, c1) in itertools.pairwise(kept):
        look = min(bisect.bisect_left(times, t1), len(times) - 1)
        core = looks[look][1] if looks else None
        steps.append(Step(t0, t1, (c1 - c0) / (t1 - t0) if t1 > t0 else 0.0, core))
    return tuple(steps)


def _too_fine(last: tuple[float, float], point: tuple[float, float], finest: float) -> bool:
    gap, used = point[0] - last[0], point[1] - last[1]
    return gap < finest or (used > 1.02 * gap and gap < STEADY_SECONDS)


def row_name(lane: Lane) -> str:
    """Return the name of a lane as it stands beside its row."""
    name = lane.name
    if lane.kind == "thread" and "thread" not in name.lower():
        name = f"{name} (thread)"
    return shortened(name, 26)


def in_words(run: Run, most: int = 8) -> str:
    """Return in sentences what the timeline shows, for readers who cannot see it."""
    told = [
        f"{row.name} from {row.life[0]:.2f} to {row.life[1]:.2f} s used "
        f"{lane.cpu_seconds:.2f} CPU seconds{f', {row.ending}' if row.ending else ''}"
        f"{f', stood at {row.stood_at}' if row.stood_at else ''}"
        for row, lane in zip(rows_of(run)[:most], run.lanes, strict=False)
    ]
    more = len(run.lanes) - len(told)
    told += [f"and {more:,} more"] if more > 0 else []
    return f"Timeline. {headline(run)}. {'; '.join(told)}".rstrip() + "."
