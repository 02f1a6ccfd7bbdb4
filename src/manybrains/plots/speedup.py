"""The speedup with more and more workers: what its picture says, and how it is drawn."""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

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
from .wall_times import faster

if TYPE_CHECKING:
    from ..comparisons.scaling import Scaling

__all__ = ["gain", "gain_in_words", "plot_speedup"]

WORTH = 1.05  # a smaller speedup counts as none: two equal runs differ by as much


def plot_speedup(
    scaling: "Scaling", ax: Axes | None = None, *, serial_fraction: float | None = None
) -> Axes:
    """Draw the speedup with each number of workers, every repeat as a dot, and the ideal line.

    A dotted line shows how many cores are yours.  With a `serial_fraction`, the speedup that
    Amdahl's law allows with it is drawn too.

    Raises:
        TypeError: if `scaling` is no Scaling or `ax` no Axes.
    """
    check_type(
        hasattr(scaling, "points") and hasattr(scaling, "serial_fraction"),
        "plot_speedup",
        scaling,
        "a Scaling",
        "give it what measure_scaling(work, inputs) returned",
    )
    with styled_axes(ax, 3.6) as ax:
        _draw_speedup(ax, scaling, serial_fraction)
    return ax


def _draw_speedup(ax: Axes, scaling: "Scaling", serial_fraction: float | None) -> None:
    """Draw the ideal line, the measured line with every repeat, and how many cores are yours."""
    numbers = [point.workers for point in scaling.points]
    first, most = numbers[0], numbers[-1]
    measured = [scaling.speedup(number) for number in numbers]
    repeats = [
        (point.workers, scaling.points[0].median_wall_seconds / wall)
        for point in scaling.points
        for wall in point.wall_seconds
        if wall > 0
    ]
    ideal = most / first
    ax.plot([first, most], [1, ideal], color=QUIET, linewidth=0.9, linestyle=(0, (5, 3)))
    ax.plot(numbers, measured, color=ACCENT, linewidth=1.8, marker="o", ms=4)
    ax.plot(*zip(*repeats, strict=True), "o", ms=5, color=INK, mec="white", mew=0.8, zorder=3)
    top = max(ideal, *(high for _, high in repeats), 1.0)
    beside = 0.03 * (most - first) or 0.5
    ax.set_xlim(first - beside, most + beside)
    ax.set_ylim(0, 1.08 * top)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _mark_yours(ax, scaling.machine.cores_yours, first, most)
    lines = [("ideal", ideal, QUIET), (f"measured: {measured[-1]:.2f}", measured[-1], ACCENT)]
    if serial_fraction is not None:
        end = _draw_amdahl(ax, serial_fraction, first, most)
        lines.append((f"Amdahl: {100 * serial_fraction:.0f} % serial", end, INK))
    ends = [end for _, end, _ in lines]
    places = spread(ends, 11 * 1.08 * top / max(1.0, points_high(ax)), 1.08 * top)
    for (words, _, color), place in zip(lines, places, strict=True):
        note(ax, words, most + beside, place, color=color)
    one = "1 worker" if first == 1 else f"{first} workers"
    set_labels(
        ax,
        gain(scaling),
        "workers",
        f"times as fast as {one} (dots: every repeat)",
    )


def _draw_amdahl(ax: Axes, serial: float, first: int, most: int) -> float:
    """Draw the speedup by Amdahl's law, compared with the fewest workers; return its end."""
    steps = [first + (most - first) * k / 100 for k in range(101)]
    wall = [serial + (1 - serial) / workers for workers in steps]
    curve = [wall[0] / one for one in wall]
    ax.plot(steps, curve, color=INK, linewidth=1.0, linestyle=(0, (1, 1.5)), gid="amdahl")
    return curve[-1]


def _mark_yours(ax: Axes, yours: float, first: int, most: int) -> None:
    """Draw a line at the number of cores that are yours: more workers have to share them."""
    words = f"yours: {yours:g} core{'' if yours == 1 else 's'}"
    if first <= yours <= most:
        ax.axvline(yours, color=QUIET, linewidth=0.8, linestyle=":", zorder=0)
    yours = min(max(yours, first), most)
    right = yours > (first + most) / 2
    ax.annotate(
        words,
        (yours, 0),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if right else 5, 6),
        textcoords="offset points",
        ha="right" if right else "left",
        color=QUIET,
        fontsize=8.5,
    )


def gain(scaling: "Scaling") -> str:
    """Return the message of a scaling: which number of workers gained most, and how much."""
    first, *others = scaling.points
    if not others:
        return f"{first.name}: {first.median_wall_seconds:.2f} s"
    best = max(others, key=lambda point: scaling.speedup(point.workers))
    ratio = scaling.speedup(best.workers)
    if ratio < WORTH:
        return f"more workers were no faster than {first.name}"
    return faster(best, first, ratio)


def gain_in_words(scaling: "Scaling") -> str:
    """Return in sentences what the line shows."""
    told = "; ".join(
        f"{point.name} {scaling.speedup(point.workers):.2f} times as fast "
        f"({point.median_wall_seconds:.2f} s)"
        for point in scaling.points
    )
    yours = scaling.machine.cores_yours
    return f"Line of speedups. {gain(scaling)}. {told}. Cores that are yours: {yours:g}."
