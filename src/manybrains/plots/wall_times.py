"""The wall times of contestants: what their picture says, and how it is drawn."""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from .style import (
    ACCENT,
    INK,
    SOFT,
    check_type,
    inches_for,
    name_places,
    note,
    set_labels,
    styled_axes,
)

if TYPE_CHECKING:
    from ..comparisons.comparison import Comparison, Contestant

__all__ = ["faster", "plot_wall_times", "race", "race_in_words"]


def plot_wall_times(comparison: "Comparison", ax: Axes | None = None) -> Axes:
    """Draw the median wall time of each contestant as a bar, and every repeat as a dot.

    Raises:
        TypeError: if `comparison` is no Comparison or `ax` no Axes.
    """
    check_type(
        hasattr(comparison, "contestants"),
        "plot_wall_times",
        comparison,
        "a Comparison",
        'give it what compare({"serial": f, "processes": g}) returned',
    )
    with styled_axes(ax, inches_for(len(comparison.contestants))) as ax:
        _draw_walls(ax, comparison)
    return ax


def _draw_walls(ax: Axes, comparison: "Comparison") -> None:
    """Draw a bar and dots for each contestant, the first on top."""
    entries = comparison.contestants
    best = min(one.median_wall_seconds for one in entries)
    for place, one in enumerate(entries):
        median, walls = one.median_wall_seconds, one.wall_seconds
        ax.barh(place, median, 0.62, color=ACCENT if median == best else SOFT)
        ax.plot(walls, [place] * len(walls), "o", ms=5, color=INK, mec="white", mew=0.8)
        note(ax, _figures(one), max(median, *walls), place, color=INK)
    ax.set_xlim(left=0)
    set_labels(ax, race(comparison), "wall time in seconds (bar: median, dots: every repeat)")
    name_places(ax, [one.name for one in entries])


def race(comparison: "Comparison") -> str:
    """Return the message of a comparison: which contestant beat the first, and by how much."""
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
    """Return how many times as fast the best was, if it was faster in every repeat."""
    rounds = zip(best.wall_seconds, first.wall_seconds, strict=True)
    if all(one < other for one, other in rounds):
        return f"{best.name}: {ratio:.{1 if ratio < 10 else 0}f} times as fast as {first.name}"
    return f"{best.name} or {first.name}: the repeats contradict each other"


def race_in_words(comparison: "Comparison") -> str:
    """Return in sentences what the bars show."""
    bars = "; ".join(f"{one.name} {_figures(one)}" for one in comparison.contestants)
    return f"Bars of wall times. {race(comparison)}. {bars}."


def _figures(one: "Contestant") -> str:
    median = one.median_wall_seconds
    wall = f"{median:.2f} s" if median >= 0.1 else f"{1000 * median:.3g} ms"
    return f"{wall}, {one.cores_in_use:.2f} cores"
