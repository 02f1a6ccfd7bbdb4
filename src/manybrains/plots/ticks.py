"""The microscope of the GIL: the moments in which each ticking worker really computed."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from matplotlib.axes import Axes

from .style import ACCENT, check_type, inches_for, name_places, set_labels, styled_axes

if TYPE_CHECKING:
    from ..lessons.workloads import Ticks

__all__ = ["meeting", "plot_ticks", "ticks_given"]

MOSTLY = 0.7  # of the time: else other programs had the cores


def plot_ticks(ticks: "Sequence[Ticks]", ax: Axes | None = None, window: float = 0.1) -> Axes:
    """Draw the moments in which each worker really computed: the microscope of the GIL.

    Args:
        ticks: a list of what `tick` returned, one for each worker.
        ax: where to draw; a new figure if None.
        window: how many seconds to show, from the moment when all workers have begun.

    Raises:
        TypeError: if `ticks` holds anything but Ticks, or `ax` is no Axes.
        ValueError: if there are no ticks, or `window` is not above zero.
    """
    workers = ticks_given("plot_ticks", ticks)
    if not window > 0:
        raise ValueError(f"window is {window!r}: it should be a number of seconds such as 0.1")
    with styled_axes(ax, inches_for(len(workers) + 1)) as ax:
        _draw_ticks(ax, workers, window)
    return ax


def ticks_given(function: str, given: object) -> "list[Ticks]":
    """Return the ticks to draw, as a list.

    Raises:
        TypeError: if `given` is no list of Ticks.
        ValueError: if the list is empty.
    """
    remedy = "give it a list of what tick() returned, one for each worker"
    check_type(isinstance(given, Sequence), function, given, "a list of Ticks", remedy)
    workers = list(cast("Sequence[Ticks]", given))
    for one in workers:
        check_type(hasattr(one, "intervals"), function, one, "a list of Ticks", remedy)
    if not workers:
        raise ValueError(f"{function} was given no ticks: {remedy}")
    return workers


def _draw_ticks(ax: Axes, workers: "Sequence[Ticks]", window: float) -> None:
    """Draw a row for each worker, from the moment when all workers have begun."""
    zero = min((one.intervals[0][0] for one in workers if one.intervals), default=0.0)
    begin, _ = _common(workers)
    for place, one in enumerate(workers):
        turns = _clipped(one, begin, begin + window)
        bars = [(1e3 * (a - zero), 1e3 * (b - a)) for a, b in turns]
        ax.broken_barh(bars, (place - 0.36, 0.72), color=ACCENT, linewidth=0)
    ax.set_xlim(1e3 * (begin - zero), 1e3 * (begin - zero + window))
    set_labels(ax, meeting(workers), "milliseconds since the first tick")
    ax.spines["left"].set_visible(False)
    name_places(ax, [one.name for one in workers])


def meeting(workers: "Sequence[Ticks]") -> str:
    """Return the message of some ticks: did the workers compute at the same time?

    It counts only the time after the last worker's beginning and before the first worker's end.
    """
    from ..lessons.workloads import overlap_seconds

    begin, end = _common(workers)
    span = max(end - begin, 1e-9)
    inside = [dataclasses.replace(one, intervals=_clipped(one, begin, end)) for one in workers]
    if len(workers) == 1:
        return f"{inside[0].name} computed {100 * inside[0].busy_seconds / span:.0f} % of the time"
    share = 100 * overlap_seconds(inside) / span
    kind = "threads" if len({one.pid for one in workers}) == 1 else "processes"
    did = "overlapped" if share >= 50 else "overlapped at times"
    if share < 10:  # in turns there is always one that computes
        at_work = math.fsum(one.busy_seconds for one in inside) - overlap_seconds(inside)
        in_turns = begin == end or at_work > MOSTLY * span
        did = "took turns" if in_turns else "had little of the cores"
    who = "both" if len(workers) == 2 else "two or more"
    return f"{kind} {did}: {who} at once {share:.0f} % of the time"


def _common(workers: "Sequence[Ticks]") -> tuple[float, float]:
    """Return the last beginning and the first end of the workers, on their clock."""
    seen = [one.intervals for one in workers if one.intervals]
    begin = max((turns[0][0] for turns in seen), default=0.0)
    return begin, max(begin, min((turns[-1][1] for turns in seen), default=0.0))


def _clipped(one: "Ticks", begin: float, end: float) -> tuple[tuple[float, float], ...]:
    turns = ((max(a, begin), min(b, end)) for a, b in one.intervals)
    return tuple((a, b) for a, b in turns if b > a)
