"""Which colour stands for which core, in one picture.

There are eight colours that colour-blind eyes can tell apart.  Up to eight cores have one colour
each.  Of more cores, the fill tells the number within a group of eight, and a line below the
fill tells the group.
"""

from collections.abc import Iterable
from typing import NamedTuple

from matplotlib import rcParams

from .style import PLAIN

__all__ = ["EIGHT", "Mark", "Marks", "marks_of", "palette"]

EIGHT = 8  # colours
LINES = (None, 7, 0, 5, 2, 3, 4, 1)  # the line's colour of each group; yellow is too faint


class Mark(NamedTuple):
    """How the work on a core is drawn: the colour of its fill, and of a line below, if any."""

    fill: str
    line: str | None = None


Marks = dict[int | None, Mark]


def palette() -> list[str]:
    """Return the colours of cores 0, 1, 2 and so on."""
    return [entry["color"] for entry in rcParams["axes.prop_cycle"]]


def marks_of(cores: Iterable[int | None], lines: bool = True) -> Marks:
    """Return the mark of each core that appears in a picture, in order of their numbers.

    A core has the same mark in every picture, with one exception.  If the picture has at most
    eight cores and another core has its colour already, the core takes the next free colour.
    The unknown core, None, is grey.

    Args:
        cores: the numbers of the cores; None for work on an unknown core.
        lines: False if rows are too thin for lines; more than eight cores then share colours.
    """
    known = set(cores)
    numbers = sorted(core for core in known if core is not None)
    colours = palette()
    marks: Marks = {}
    if len(numbers) <= EIGHT:
        marks.update({core: Mark(colours[place]) for core, place in _places(numbers).items()})
    for core in numbers[len(marks) :]:
        eight, place = divmod(core, EIGHT)
        line = LINES[eight % len(LINES)] if lines else None
        marks[core] = Mark(colours[place], None if line is None else colours[line])
    if None in known:
        marks[None] = Mark(PLAIN)
    return marks


def _places(numbers: list[int]) -> dict[int, int]:
    """Return the number of a colour for each core: its own colour, or the next free one."""
    places: dict[int, int] = {}
    for core in numbers:
        if core < EIGHT:
            places[core] = core
    for core in numbers:
        if core not in places:
            free = (core + shift for shift in range(EIGHT))
            places[core] = next(p % EIGHT for p in free if p % EIGHT not in places.values())
    return {core: places[core] for core in numbers}
