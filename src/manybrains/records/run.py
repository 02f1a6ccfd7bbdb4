"""Run: what the lens saw while it watched a block of code.

A run is frozen, plain data, equal before and after JSON.  The lens makes it; comparisons and
pictures are made from it.  A run never touches a live process.
"""

import functools
import json
import math
import os
import typing
from dataclasses import dataclass
from pathlib import Path

from .cpu_curve import Curve, cores_between, curve_of
from .machine import Machine
from .measured import Measured
from .memory_look import MemoryLook, largest
from .plain_data import fields_of, from_plain
from .trace import trace_of

__all__ = ["OVER", "Helper", "Lane", "Run", "Sample", "require_known_lanes"]

FORMAT = "manybrains run 3"
OVER = 1.15  # times as many cores: a larger excess is more than an error of the CPU clocks


@dataclass(frozen=True, slots=True)
class Lane:
    """One worker: the process or thread that did some of the work.

    Times are seconds since the watched block began, on the clock of
    ``time.perf_counter``; ``None`` means that the time is not known.  If a worker was
    already there when the block began, its ``requested`` is negative or not known.

    Attributes:
        kind: ``"main"`` (the watched process, without the threads that have their own lanes),
            ``"process"`` or ``"thread"``.
        name: ``Process.name`` or ``Thread.name``; for another program, what it runs.
        pid: the process id.
        parent_pid: the process id of the process that really started it.
        requested_by: the process id of the process that called ``start()``, if it is not the
            one that really started it.  Under forkserver, main calls ``start()`` and the fork
            server starts the worker.
        thread_id: native id of a thread, ``None`` for processes.
        requested: when ``start()`` was called.
        started: when the worker ran its own first instruction.
        ended: when the process was gone, as the operating system says; for a thread, when it
            ran its last instruction.
        cpu_seconds: CPU time it used inside the block, user and system.
        exit_code: as ``Process.exitcode``; ``None`` for threads, for the main
            process, and while the worker lives.
        stood_at: where the worker was when the block was stopped: function, line, or what it
            waited for; empty if the block was not stopped or the lens could not find out.  An
            interrupt in JupyterLab reaches the workers as well: then it is where they went next.
    """

    kind: typing.Literal["main", "process", "thread"]
    name: str
    pid: int
    parent_pid: int | None = None
    requested_by: int | None = None
    thread_id: int | None = None
    requested: float | None = None
    started: float | None = None
    ended: float | None = None
    cpu_seconds: float = 0.0
    exit_code: int | None = None
    stood_at: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one lane.

    Attributes:
        time: seconds since the block began.
        lane: index into ``Run.lanes``.
        cpu_seconds: CPU time of the lane in the block so far, cumulative.
        core: number of the core it was last on, ``None`` if the platform does not say.
        memory_bytes: resident memory of the lane's process, ``None`` for threads.
    """

    time: float
    lane: int
    cpu_seconds: float
    core: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Helper:
    """A process that serves multiprocessing or the lens; it runs none of the reader's code.

    Attributes:
        name: what it is: ``"resource tracker"``, ``"fork server"``, ``"sampler"``.
        pid: its process id.
        parent_pid: the process id of its parent; None if it is not known.
    """

    name: str
    pid: int
    parent_pid: int | None = None

    def __repr__(self) -> str:
        return f"{self.name} (pid {self.pid})"


@dataclass(frozen=True)
class Run:
    """What happened in one watched block.

    Attributes:
        name: the name that the reader gave it.
        machine: where it ran.
        wall_seconds: length of the block.
        lanes: the watched process first, then every worker in order of birth.
        samples: the looks at the lanes, in order of time.
        helpers: the helper processes that were there; they are never lanes.
        interval: seconds from one look to the next, as the reader asked for.
        finished: False if the deadline or an exception ended the block.
        note: why the block did not finish, and where each lane stood; else empty.
        used_by_others: cores that other programs kept busy meanwhile, on average; None if
            the block was too short to tell.
        memory: the looks at the memory of each process, if the reader asked for them.
    """

    name: str
    machine: Machine
    wall_seconds: float
    lanes: tuple[Lane, ...]
    samples: tuple[Sample, ...]
    helpers: tuple[Helper, ...] = ()
    interval: float = 0.05
    finished: bool = True
    note: str = ""
    used_by_others: float | None = None
    memory: tuple[MemoryLook, ...] = ()

    @property
    def workers(self) -> tuple[Lane, ...]:
        """Every lane except the watched process itself."""
        return tuple(lane for lane in self.lanes if lane.kind != "main")

    @property
    def stood_at(self) -> dict[str, str]:
        """Where each lane was when the block was stopped, by the lane's name; see `Lane`."""
        return {lane.name: lane.stood_at for lane in self.lanes if lane.stood_at}

    @property
    def resident_bytes(self) -> dict[str, int]:
        """The most resident memory that each process was seen with, by the lane's name."""
        return largest((self.lanes[look.lane].name, look.resident_bytes) for look in self.memory)

    @property
    def private_bytes(self) -> dict[str, int]:
        """The most private memory that each process was seen with; empty if nobody tells."""
        return largest((self.lanes[look.lane].name, look.private_bytes) for look in self.memory)

    @property
    def cpu_seconds(self) -> Measured:
        """CPU time of all lanes together."""
        return self._measured(math.fsum(lane.cpu_seconds for lane in self.lanes))

    @property
    def cores_in_use(self) -> Measured:
        """Cores kept busy on average: CPU seconds per wall second."""
        if self.wall_seconds > 0:
            return self.cpu_seconds / self.wall_seconds
        return Measured(0.0, self.used_by_others)

    @property
    def peak_cores(self) -> Measured:
        """The most cores in use in one gap of `cores_over_time`."""
        gaps = self.cores_over_time
        if not gaps:
            return Measured(0.0, self.used_by_others)
        return self._measured(max(cores for _, cores in gaps), self.wall_seconds / len(gaps))

    def _measured(self, figure: float, seconds: float = 1.0) -> Measured:
        """Return a figure made of CPU time per so many seconds, with what limits it."""
        clocks = sum(lane.kind != "thread" for lane in self.lanes)  # each may be a step behind
        step = clocks * self.machine.cpu_clock_step / seconds
        return Measured(figure, self.used_by_others, step)

    def points(self, lane: int) -> Curve:
        """Return the cumulative CPU time of a lane as (time, cpu_seconds) pairs.

        The first point is the lane's beginning inside the block, with zero; the last is its
        end, with the exact total.  Between them are the looks.  The CPU time never falls, and
        its slope is the share of a core.
        """
        return self._curves[lane]

    @functools.cached_property
    def _curves(self) -> tuple[Curve, ...]:
        looks: list[list[tuple[float, float]]] = [[] for _ in self.lanes]
        for sample in self.samples:
            looks[sample.lane].append((sample.time, sample.cpu_seconds))
        return tuple(map(self._curve, self.lanes, looks))

    def _curve(self, lane: Lane, looks: list[tuple[float, float]]) -> Curve:
        known = [t for t in (lane.requested, lane.started) if t is not None]
        return curve_of(
            looks,
            begin=0.0 if lane.kind == "main" else max(0.0, known[0] if known else 0.0),
            started=lane.started,
            end=self.wall_seconds if lane.ended is None else min(lane.ended, self.wall_seconds),
            total=lane.cpu_seconds,
        )

    @functools.cached_property
    def cores_over_time(self) -> Curve:
        """Cores in use over time, as (middle of a gap in seconds, cores) pairs.

        The block is divided into equal gaps.  A gap is at least as long as `interval` and as
        a tenth of a second, or it is the whole block: under a CPU quota, shorter gaps show
        bursts that are no parallelism.  A long block has at most a thousand gaps.
        """
        if self.wall_seconds <= 0:
            return ()
        width = max(0.1, self.interval, self.wall_seconds / 1_000)
        return cores_between(self._curves, self.wall_seconds, width)

    def __repr__(self) -> str:
        workers = len(self.workers)
        sentence = (
            f"{self.name}: {self.wall_seconds:.2f} s wall, "
            f"{workers} worker{'' if workers == 1 else 's'}, "
            f"{self.cores_in_use:.2f} cores in use"
        )
        return f"{sentence}; {self.note}" if self.note else sentence

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
        require_known_lanes(run, "run")
        return run

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a JSON file; `Run.load` reads it."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the run as trace events to a JSON file, which trace viewers open.

        Such viewers are ui.perfetto.dev and the page chrome://tracing of Chromium.
        """
        trace = json.dumps(trace_of(self), allow_nan=False)
        Path(path).write_text(trace + "\n", encoding="utf-8")

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


def require_known_lanes(run: Run, where: str) -> None:
    """Raise a ValueError that names the field if a look of the run is at a lane it has not."""
    lanes_of = {
        "samples": [sample.lane for sample in run.samples],
        "memory": [look.lane for look in run.memory],
    }
    for field, lanes in lanes_of.items():
        for index, lane in enumerate(lanes):
            if not 0 <= lane < len(run.lanes):
                raise ValueError(
                    f"{where}.{field}[{index}].lane is {lane}, "
                    f"but the run has {len(run.lanes)} lanes"
                )
