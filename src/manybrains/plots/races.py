"""Contestants and ticking workers: what their pictures say, and how they are painted."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from .style import ACCENT, INK, SOFT, frame, note
from .timeline_data import shortened

if TYPE_CHECKING:
    from ..comparisons.comparison import Comparison, Contestant
    from ..lessons.workloads import Ticks

__all__ = ["draw_ticks", "draw_walls", "faster", "meeting", "race", "race_in_words"]


def draw_walls(ax: Axes, comparison: "Comparison") -> None:
    """Paint a bar and dots for each contestant, the first on top."""
    entries = comparison.contestants
    best = min(one.median_wall_seconds for one in entries)
    for place, one in enumerate(entries):
        median, walls = one.median_wall_seconds, one.wall_seconds
        ax.barh(place, median, 0.62, color=ACCENT if median == best else SOFT)
        ax.plot(walls, [place] * len(walls), "o", ms=5, color=INK, mec="white", mew=0.8)
        note(ax, _figures(one), max(median, *walls), place, color=INK)
    ax.set_xlim(left=0)
    frame(ax, race(comparison), "wall time in seconds (bar: median, dots: every repeat)")
    _name_places(ax, [one.name for one in entries])


def race(comparison: "Comparison") -> str:
    """Return the message of a comparison: who beat the first, and by how much."""
    first, *others = comparison.contestants
    if not others:
        return f"{first.name}: {_figures(first)}"
    best = min(others, key=lambda one: one.median_wall_seconds)
    ratio = comparison.speedup(best.name)
    if ratio >= 1.05:
        return faster(best, first, ratio)
    if len(others) == 1:
        return f"{best.name}: no faster than {first.name}"
    return f"nothing was faster than {first.name}"


def faster(best: "Contestant", first: "Contestant", ratio: float) -> str:
    """Return who was how many times as fast, if every round of the repeats says who was faster."""
    rounds = zip(best.wall_seconds, first.wall_seconds, strict=True)
    if all(one < other for one, other in rounds):
        return f"{best.name}: {ratio:.{1 if ratio < 10 else 0}f} times as fast as {first.name}"
    return f"{best.name} or {first.name}: the repeats contradict each other"


def race_in_words(comparison: "Comparison") -> str:
    """Return what the bars show as sentences."""
    bars = "; ".join(f"{one.name} {_figures(one)}" for one in comparison.contestants)
    return f"Bars of wall times. {race(comparison)}. {bars}."


def _figures(one: "Contestant") -> str:
    median = one.median_wall_seconds
    wall = f"{median:.2f} s" if median >= 0.1 else f"{1000 * median:.3g} ms"
    return f"{wall}, {one.cores_in_use:.2f} cores"


def draw_ticks(ax: Axes, workers: "Sequence[Ticks]", window: float) -> None:
    """Paint a row for each worker, from the moment when all have begun."""
    zero = min((one.intervals[0][0] for one in workers if one.intervals), default=0.0)
    begin, _ = _common(workers)
    for place, one in enumerate(workers):
        turns = _clipped(one, begin, begin + window)
        bars = [(1e3 * (a - zero), 1e3 * (b - a)) for a, b in turns]
        ax.broken_barh(bars, (place - 0.36, 0.72), color=ACCENT, linewidth=0)
    ax.set_xlim(1e3 * (begin - zero), 1e3 * (begin - zero + window))
    frame(ax, meeting(workers), "milliseconds since the first tick")
    ax.spines["left"].set_visible(False)
    _name_places(ax, [one.name for one in workers])


def meeting(workers: "Sequence[Ticks]") -> str:
    """Return the message of some ticks: did the workers compute at the same moment?

    Only the time in which all of them were at it counts.
    """
    from ..lessons.workloads import overlap_seconds

    begin, end = _common(workers)
    span = max(end - begin, 1e-9)
    inside = [dataclasses.replace(one, intervals=_clipped(one, begin, end)) for one in workers]
    if len(workers) == 1:
        return f"{inside[0].name} computed {100 * inside[0].busy_seconds / span:.0f} % of the time"
    share = 100 * overlap_seconds(inside) / span
    kind = "threads" if len({one.pid for one in workers}) == 1 else "processes"
    did = "took turns" if share < 10 else "overlapped" if share >= 50 else "overlapped at times"
    who = "both" if len(workers) == 2 else "two or more"
    return f"{kind} {did}: {who} at once {share:.0f} % of the time"


def _common(workers: "Sequence[Ticks]") -> tuple[float, float]:
    """Return the stretch of time in which all workers were at it, on their clock."""
    seen = [one.intervals for one in workers if one.intervals]
    begin = max((turns[0][0] for turns in seen), default=0.0)
    return begin, max(begin, min((turns[-1][1] for turns in seen), default=0.0))


def _clipped(one: "Ticks", begin: float, end: float) -> tuple[tuple[float, float], ...]:
    turns = ((max(a, begin), min(b, end)) for a, b in one.intervals)
    return tuple((a, b) for a, b in turns if b > a)


def _name_places(ax: Axes, names: Sequence[str]) -> None:
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), labels=[shortened(name, 26) for name in names])
    ax.tick_params(axis="y", length=0)
