"""Wall times by the size of the work: where the lines cross, and how they are drawn."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from ..comparisons.crossing import break_even
from .style import (
    ACCENT,
    INK,
    QUIET,
    check_type,
    note,
    points_high,
    set_labels,
    spread,
    styled_axes,
)

if TYPE_CHECKING:
    from ..comparisons.comparison import Comparison

__all__ = ["crossings", "crossings_in_words", "plot_break_even"]

LOOKS = ((INK, "-"), (ACCENT, "--"), (QUIET, ":"))  # of the lines, in turn
REMEDY = "give it {10: compare(...), 100: compare(...)}, with the size of the work as the key"


def plot_break_even(
    comparisons: "Mapping[float, Comparison]", ax: Axes | None = None, *, size: str = "size"
) -> Axes:
    """Draw the wall time of each contestant over the size of the work, on logarithmic scales.

    Lines go through the medians, and every repeat is a dot.  A ring marks from where on a
    contestant is faster than the first one.

    Args:
        comparisons: what `compare` returned for each size, with the same contestants.
        ax: where to draw; by default a new figure.
        size: what the size is, for the axis.

    Raises:
        TypeError: if `comparisons` holds anything but Comparisons, or if `ax` is no Axes.
        ValueError: if it is empty, or if a size is not above zero.
    """
    fits = isinstance(comparisons, Mapping) and all(
        hasattr(one, "contestants") for one in comparisons.values()
    )
    check_type(fits, "plot_break_even", comparisons, "Comparisons by size", REMEDY)
    title = crossings(comparisons)
    with styled_axes(ax, 3.8) as ax:
        for name, (colour, line) in zip(_names(comparisons), _looks(comparisons), strict=True):
            _draw_line(ax, comparisons, name, colour, line)
        _scale(ax, sorted(comparisons))
        _name_lines(ax, comparisons)
        set_labels(ax, title, size, "wall time in seconds (dots: every repeat)")
    return ax


def _draw_line(
    ax: Axes, comparisons: "Mapping[float, Comparison]", name: str, colour: str, line: str
) -> None:
    """Draw the medians as a line, every repeat as a dot, and a ring at the break-even."""
    sizes = sorted(comparisons)
    ax.plot(sizes, _medians(comparisons, name), color=colour, linestyle=line)
    dots = [(s, wall) for s in sizes for wall in comparisons[s][name].wall_seconds]
    ax.plot(*zip(*dots, strict=True), "o", ms=4, color=colour, mec="white", mew=0.6)
    crossing = break_even(comparisons, name)
    if crossing is not None and crossing > sizes[0]:
        wall = _between(sizes, _medians(comparisons, name), crossing)
        ax.plot([crossing], [wall], "o", ms=9, mfc="none", mec=colour, mew=1.2)


def _between(sizes: list[float], walls: list[float], size: float) -> float:
    """Return the height of a line at a size, on logarithmic scales."""
    after = next(place for place, one in enumerate(sizes) if one >= size)
    left, right = sizes[after - 1], sizes[after]
    share = math.log(size / left) / math.log(right / left)
    return float(walls[after - 1] * (walls[after] / walls[after - 1]) ** share)


def _scale(ax: Axes, sizes: list[float]) -> None:
    """Make both scales logarithmic, with plain numbers beside them."""
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    ax.yaxis.set_minor_locator(NullLocator())


def _name_lines(ax: Axes, comparisons: "Mapping[float, Comparison]") -> None:
    """Write the name of each line at its right end, apart from the others."""
    names, right = _names(comparisons), max(comparisons)
    low, high = map(math.log, ax.get_ylim())
    gap = 11 * (high - low) / max(1.0, points_high(ax))
    ends = [math.log(_medians(comparisons, name)[-1]) for name in names]
    heights = spread(ends, gap, high)
    for name, height, (colour, _) in zip(names, heights, _looks(comparisons), strict=True):
        note(ax, name, right, math.exp(height), color=colour)


def _names(comparisons: "Mapping[float, Comparison]") -> list[str]:
    return [one.name for one in comparisons[min(comparisons)].contestants]


def _looks(comparisons: "Mapping[float, Comparison]") -> list[tuple[str, str]]:
    return [LOOKS[place % len(LOOKS)] for place in range(len(_names(comparisons)))]


def _medians(comparisons: "Mapping[float, Comparison]", name: str) -> list[float]:
    return [comparisons[size][name].median_wall_seconds for size in sorted(comparisons)]


def crossings(comparisons: "Mapping[float, Comparison]") -> str:
    """Return the message: from which size on each contestant is faster than the first one."""
    if not comparisons:
        raise ValueError(f"plot_break_even was given nothing: {REMEDY}")
    first, *others = _names(comparisons)
    told = [f"{name} {_from(comparisons, name)}" for name in others]
    return f"faster than {first}: {'; '.join(told)}" if told else first


def _from(comparisons: "Mapping[float, Comparison]", name: str) -> str:
    crossing = break_even(comparisons, name)
    if crossing is None:
        return "at none of these sizes" if _never(comparisons, name) else "not at the largest size"
    if crossing == min(comparisons):
        return "at all of these sizes"
    return f"from about {float(f'{crossing:.2g}'):,.0f} on"


def _never(comparisons: "Mapping[float, Comparison]", name: str) -> bool:
    return all(one.speedup(name) <= 1 for one in comparisons.values())


def crossings_in_words(comparisons: "Mapping[float, Comparison]") -> str:
    """Return in sentences what the lines show."""
    told = [
        f"At {size:,}: " + ", ".join(f"{c.name} {c.median_wall_seconds:.3g} s" for c in one)
        for size, one in ((size, comparisons[size].contestants) for size in sorted(comparisons))
    ]
    return f"Lines of wall times by size. {crossings(comparisons)}. {'. '.join(told)}."
