"""MemoryLook: how much memory a process had at one moment, and how much of it was its own."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["MemoryLook", "largest"]


@dataclass(frozen=True, slots=True)
class MemoryLook:
    """One look at the memory of one process; those of one round have the same time.

    Attributes:
        time: seconds since the block began.
        lane: index into ``Run.lanes``.
        resident_bytes: its memory that is in the machine's memory now.
        private_bytes: the part of it that no other process has now, and that would be free if
            it ended; ``None`` if the system does not tell.  The rest is shared: each process
            that has it counts it.
    """

    time: float
    lane: int
    resident_bytes: int
    private_bytes: int | None = None


def largest(sizes: Iterable[tuple[str, int | None]]) -> dict[str, int]:
    """Return the largest known size for each name."""
    found: dict[str, int] = {}
    for name, size in sizes:
        if size is not None:
            found[name] = max(size, found.get(name, 0))
    return found
