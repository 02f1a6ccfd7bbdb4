"""What the sampler reports of a block, read from the form in which it travels."""

import itertools
import marshal
from typing import NamedTuple

from ..records.run import Helper
from .observations import Exit, Look, SeenMemory, Unrecorded

__all__ = ["Report", "read_report"]


class Report(NamedTuple):
    """What the sampler saw of a block; `sampler.record` says how it travels.

    Attributes:
        looks, exits, unrecorded: as in `Observations`.
        helpers: the helper processes that it found.
        busy: cores that all processes of the machine kept busy; None if too short to tell.
        kills: how many processes the system had killed for memory before the block.
        memory: as in `Observations`.
    """

    looks: tuple[Look, ...] = ()
    exits: tuple[Exit, ...] = ()
    unrecorded: tuple[Unrecorded, ...] = ()
    helpers: tuple[Helper, ...] = ()
    busy: float | None = None
    kills: int | None = None
    memory: tuple[SeenMemory, ...] = ()


def read_report(data: bytes) -> Report:
    """Return the report that the sampler has sent, see `sampler.record`."""
    looks, exits, unrecorded, helpers, *of_the_end = marshal.loads(data)
    busy, kills, memory = of_the_end or (None, None, ())  # while the block runs, they are not told
    return Report(
        tuple(itertools.starmap(Look, looks)),
        tuple(itertools.starmap(Exit, exits)),
        tuple(itertools.starmap(Unrecorded, unrecorded)),
        tuple(Helper(name, pid, parent) for pid, name, parent in helpers),
        busy,
        kills,
        tuple(itertools.starmap(SeenMemory, memory)),
    )
