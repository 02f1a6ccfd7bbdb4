"""Run: what was seen while a block of code was watched.

Frozen, plain data, equal before and after JSON.  The watcher makes it,
comparisons and pictures are made from it; it never touches a live process.
"""

import bisect
import dataclasses
import functools
import json
import math
import os
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from .machine import Machine
from .plain_data import fields_of, from_plain

__all__ = ["Cores", "Lane", "Run", "Sample"]

FORMAT = "manybrains run 1"
OVER = 1.15  # cores: what can no longer be a clock's error
_TOO_CLOSE = 0.002  # seconds between two points: over less, a late clock reading is no rate
_SHUTDOWN = 0.1  # CPU seconds: the most that an interpreter needs to shut down; more is other work


@dataclass(frozen=True, slots=True)
class Lane:
    """One worker: the process or thread that did some of the work.

    Times are seconds since the watched block began, on the clock of
    ``time.perf_counter``; ``None`` where nobody could know.  A worker that was
    already there when the block began has a negative or unknown ``requested``.

    Attributes:
        kind: ``"main"`` (the process that was watched, less its thread lanes),
            ``"process"`` or ``"thread"``.
        name: what the worker is called, as ``Process.name`` or ``Thread.name``.
        pid: process id; ``parent_pid`` that of the process which started it.
        thread_id: native id of a thread, ``None`` for processes.
        requested: when ``start()`` was called.
        started: the worker's own first instruction; ``ended`` its last.
        cpu_seconds: CPU time it used inside the block, user and system.
        exit_code: as ``Process.exitcode``; ``None`` for threads, for the main
            process, and while the worker lives.
    """

    kind: typing.Literal["main", "process", "thread"]
    name: str
    pid: int
    parent_pid: int | None = None
    thread_id: int | None = None
    requested: float | None = None
    started: float | None = None
    ended: float | None = None
    cpu_seconds: float = 0.0
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one lane.

    Attributes:
        time: seconds since the block began.
        lane: index into ``Run.lanes``.
        cpu_seconds: CPU time of the lane in the block so far, cumulative.
        core: number of the core it was last on, ``None`` if the platform keeps it to itself.
        memory_bytes: resident memory of the lane's process, ``None`` for threads.
    """

    time: float
    lane: int
    cpu_seconds: float
    core: int | None = None
    memory_bytes: int | None = None


class Cores(float):
    """A number of cores in use, which remembers how many others used meanwhile, if known."""

    used_by_others: float | None = None


@dataclass(frozen=True)
class Run:
    """What happened in one watched block.

    Attributes:
        name: what the reader called it.
        machine: where it ran.
        wall_seconds: length of the block.
        lanes: the watched process first, then every worker in order of birth.
        samples: looks at the lanes, in order of time.
        helpers: helper processes that were there, by what they are
            (``"resource tracker"``, ``"fork server"``, ``"sampler"``); never lanes.
        interval: seconds between looks that were asked for.
        finished: False if the deadline or an exception ended the block.
        note: why it did not finish, in one sentence; else empty.
        used_by_others: cores that anybody else kept busy meanwhile, on average; None where
            the block was too short to tell.
    """

    name: str
    machine: Machine
    wall_seconds: float
    lanes: tuple[Lane, ...]
    samples: tuple[Sample, ...]
    helpers: tuple[str, ...] = ()
    interval: float = 0.05
    finished: bool = True
    note: str = ""
    used_by_others: float | None = None

    @property
    def workers(self) -> tuple[Lane, ...]:
        """Every lane but the watched process itself."""
        return tuple(lane for lane in self.lanes if lane.kind != "main")

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all lanes together."""
        return math.fsum(lane.cpu_seconds for lane in self.lanes)

    @property
    def cores_in_use(self) -> float:
        """Cores kept busy on average: CPU seconds per wall second."""
        return self._cores(self.cpu_seconds / self.wall_seconds if self.wall_seconds > 0 else 0.0)

    def points(self, lane: int) -> tuple[tuple[float, float], ...]:
        """Return the cumulative CPU time of a lane as (time, cpu_seconds) pairs.

        From its beginning inside the block (zero) over every look to its end
        (the exact total), never falling; the slope is the share of a core.  A
        process computes before its first own instruction, while it imports, and
        after its last, while the interpreter shuts down: what one core could not
        have done between the two lies before the one and after the other.
        """
        return self._points[lane]

    @functools.cached_property
    def _points(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        looks: list[list[tuple[float, float]]] = [[] for _ in self.lanes]
        for sample in self.samples:
            looks[sample.lane].append((sample.time, sample.cpu_seconds))
        return tuple(
            _anchored(lane, seen, self.wall_seconds)
            for lane, seen in zip(self.lanes, looks, strict=True)
        )

    @functools.cached_property
    def cores_over_time(self) -> tuple[tuple[float, float], ...]:
        """Cores in use between looks, as (middle of the gap in seconds, cores) pairs.

        Gaps are at least a tenth of a second where the block is long enough, for
        under a CPU quota a shorter one shows bursts that are no parallelism; and a
        thousandth of the block where it is longer.
        """
        if self.wall_seconds <= 0:
            return ()
        width = max(0.1, self.interval, self.wall_seconds / 1_000)
        gaps = max(1, math.floor(self.wall_seconds / width))
        times = [*(self.wall_seconds * k / gaps for k in range(gaps)), self.wall_seconds]
        totals = [math.fsum(_at(points, t) for points in self._points) for t in times]
        totals[0] = 0.0  # what was used in no time at all belongs to the first gap
        return tuple(
            ((t0 + t1) / 2, (c1 - c0) / (t1 - t0))
            for (t0, c0), (t1, c1) in pairwise(zip(times, totals, strict=True))
        )

    @property
    def peak_cores(self) -> float:
        """The most cores in use in any gap of `cores_over_time`: a tenth of a second or more."""
        return self._cores(max((cores for _, cores in self.cores_over_time), default=0.0))

    def _cores(self, cores: float) -> Cores:
        figure = Cores(cores)
        figure.used_by_others = self.used_by_others
        return figure

    def __repr__(self) -> str:
        if "lanes" not in vars(self):
            return "a run that is still being watched"
        workers = len(self.workers)
        sentence = (
            f"{self.name}: {self.wall_seconds:.2f} s wall, "
            f"{workers} worker{'' if workers == 1 else 's'}, "
            f"{self.cores_in_use:.2f} cores in use"
        )
        return f"{sentence}; {self.note}" if self.note else sentence

    def __getattr__(self, name: str) -> Any:
        # Reached only while the block is running: the watcher fills the fields in at its end,
        # and what is derived from them (vars) fails until then.
        if name in vars(Run) or name in {field.name for field in dataclasses.fields(Run)}:
            raise AttributeError(
                f"this run is still being watched: its {name} can be asked for after the block"
            )
        raise AttributeError(f"a Run has no {name!r}")

    def to_json(self) -> str:
        """Return the run as JSON text that `from_json` turns into an equal run."""
        return json.dumps({"format": FORMAT, **fields_of(self)}, allow_nan=False, default=fields_of)

    @classmethod
    def from_json(cls, text: str) -> "Run":
        """Return the run that `to_json` wrote.

        Raises:
            ValueError: if the text is not such a run; the message names the field.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not a saved run: it is not JSON ({error})") from None
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise ValueError(f"not a saved run: its 'format' should be {FORMAT!r}")
        run: Run = from_plain(cls, data, "run")
        for index, sample in enumerate(run.samples):
            if not 0 <= sample.lane < len(run.lanes):
                raise ValueError(
                    f"run.samples[{index}].lane is {sample.lane}, "
                    f"but the run has {len(run.lanes)} lanes"
                )
        return run

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a JSON file, for `Run.load` to read."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Run":
        """Return the run that `save` wrote to this file.

        Raises:
            ValueError: if the file holds no run; the message names the file and the field.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None


# A default would stand on the class, and answer for a run that has no such figure yet.
for _name in ("helpers", "interval", "finished", "note", "used_by_others"):
    delattr(Run, _name)


def _anchored(
    lane: Lane, looks: Sequence[tuple[float, float]], wall_seconds: float
) -> tuple[tuple[float, float], ...]:
    # A spawned worker computes before its first own instruction: it imports what it needs.
    known = [t for t in (lane.requested, lane.started) if t is not None]
    begin = 0.0 if lane.kind == "main" else max(0.0, known[0] if known else 0.0)
    end = wall_seconds if lane.ended is None else min(lane.ended, wall_seconds)
    end = max(end, begin)
    points = [(begin, 0.0)]
    earliest, used = begin + _TOO_CLOSE, 0.0
    latest, total = end - _TOO_CLOSE, lane.cpu_seconds
    for time, cpu in looks:
        if earliest < time < latest:
            used = min(max(cpu, used), total)
            earliest = time + _TOO_CLOSE
            points.append((time, used))
    points.append((end, total))
    time, cpu = points[1]
    if lane.started is not None and lane.started < time:  # no earlier than it must, for that much
        points[0] = (max(begin, min(lane.started, time - cpu)), 0.0)
    if lane.kind == "process" and lane.ended is not None:
        points[-1] = (min(end + _after_the_end(points), max(end, wall_seconds)), total)
    return tuple(points)


def _after_the_end(points: Sequence[tuple[float, float]]) -> float:
    """Return the seconds that a process computed after its last own instruction.

    The operating system counts until the process is gone.  In the last gap, what is more than
    one core can do belongs there, unless the process had been using more than one core before.
    """
    (t0, c0), (t1, c1) = points[-2:]
    late = (c1 - c0) - (t1 - t0)
    if not 0 < late <= _SHUTDOWN:
        return 0.0
    if len(points) > 2 and c0 - points[-3][1] > OVER * (t0 - points[-3][0]):
        return 0.0
    return late


def _at(points: Sequence[tuple[float, float]], time: float) -> float:
    """Return the CPU seconds at a moment, on the straight line between two points."""
    after = bisect.bisect_right(points, (time, math.inf))
    if after == 0:
        return 0.0
    if after == len(points):
        return points[-1][1]
    (t0, c0), (t1, c1) = points[after - 1], points[after]
    return c0 + (c1 - c0) * (time - t0) / (t1 - t0)
