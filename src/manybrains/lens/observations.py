"""What the lens observed of one watched block: lifetimes from the log, looks of the sampler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .lifetimes import Lifetime

__all__ = ["Exit", "Key", "Look", "Observations", "SeenMemory", "Unrecorded"]

Key = tuple[int, int]  # pid, and the native id of a thread, or 0 for the process


class Look(NamedTuple):
    """One look of the sampler; `thread` is 0 for a whole process.

    `time` is on the clock of ``time.perf_counter``; `cpu_seconds` counts from its birth.
    """

    time: float
    pid: int
    thread: int
    cpu_seconds: float
    core: int | None
    memory_bytes: int | None


class SeenMemory(NamedTuple):
    """A look of the sampler at the memory of a process; `time` as in a `Look`."""

    time: float
    pid: int
    resident_bytes: int
    private_bytes: int | None


class Exit(NamedTuple):
    """The end of a process, as the system told it to the sampler.

    `cpu_seconds` is the CPU time of its whole life; None if its clock could not be read any more.
    If the end is not exact, the process ended at `time` or before.
    """

    pid: int
    time: float
    cpu_seconds: float | None
    is_exact: bool


class Unrecorded(NamedTuple):
    """A process that the log does not name; the sampler found it: a program, a bare fork."""

    pid: int
    name: str
    parent: int


@dataclass(frozen=True, slots=True)
class Observations:
    """All that is known of a watched block at its end; times are on the clock of perf_counter.

    Attributes:
        begin, end: the block's first and last moment.
        pid, name: of the watched process.
        cpu_seconds: what the watched process used in the block, its threads included.
        lifetimes: what the log of events tells.
        looks: the looks of the sampler; a round of looks begins with the watched process.
        exits: the ends that the sampler saw.
        unrecorded: processes that the log does not know.
        alive: CPU seconds at the end, of the workers that outlive the block.
        baseline: CPU seconds at the beginning, of the watched process, its threads, and the
            workers that were there before; None if their clock cannot be read.
        stood_at: where a process or thread was when the block was stopped.
        memory: the looks of the sampler at the memory of each process.
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
    memory: Sequence[SeenMemory] = ()
