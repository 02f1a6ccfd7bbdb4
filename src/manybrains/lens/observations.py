"""What was observed of one watched block: the log's lifetimes and the sampler's looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .lifetimes import Lifetime

__all__ = ["Exit", "Key", "Look", "Observations", "Unrecorded"]

Key = tuple[int, int]  # pid, and the native id of a thread, or 0 for the process


class Look(NamedTuple):
    """One look of the sampler; `thread` is 0 for a process as a whole.

    `time` is on the clock of ``time.perf_counter``, `cpu_seconds` are those of its whole life.
    """

    time: float
    pid: int
    thread: int
    cpu_seconds: float
    core: int | None
    memory_bytes: int | None


class Exit(NamedTuple):
    """The end of a process, as the system told it to the sampler.

    `cpu_seconds` are those of its whole life, None if nobody could ask any more.  If that is not
    exact, the process ended at `time` or before.
    """

    pid: int
    time: float
    cpu_seconds: float | None
    is_exact: bool


class Unrecorded(NamedTuple):
    """A process that no event tells of, found by looking: a program, a bare fork."""

    pid: int
    name: str
    parent: int


@dataclass(frozen=True, slots=True)
class Observations:
    """A watched block, as it stands when it is over; times on the clock of perf_counter.

    Attributes:
        begin, end: the block's first and last moment.
        pid, name: of the watched process.
        cpu_seconds: what the watched process used in the block, its threads included.
        lifetimes: what the log of events tells.
        looks: those of the sampler; a round of looks begins with the watched process.
        exits: the ends that the sampler saw.
        unrecorded: processes that the log does not know.
        alive: CPU seconds by now of the workers that outlive the block.
        baseline: CPU seconds at the beginning, of the watched process, its threads, and of
            workers that were there before; None where their clock cannot be asked.
        stood_at: where a process or thread was when the block was stopped.
    """

    begin: float
    end: float
    pid: int
    name: str
    cpu_seconds: float
    lifetimes: Sequence[Lifetime]
    looks: Sequence[Look] = ()
    exits: Sequence[Exit] = ()
    unrecorded: Sequence[Unrecorded] = ()
    alive: Mapping[Key, float | None] = field(default_factory=dict)
    baseline: Mapping[Key, float | None] = field(default_factory=dict)
    stood_at: Mapping[Key, str] = field(default_factory=dict)
