"""What a run used over time: the cores of all lanes, and the memory of each process."""

import itertools

from matplotlib.axes import Axes

from ..records.run import Run
from .headlines import why_above_yours
from .style import (
    ACCENT,
    ALARM,
    FAINT,
    PLAIN,
    QUIET,
    SOFT,
    hatched,
    note,
    points_high,
    run_given,
    set_labels,
    spread,
    styled_axes,
)
from .words import shortened

__all__ = ["plot_cores", "plot_memory_over_time"]

MEGABYTE = 1e6
MOST_LINES = 12  # with names; more names have no room


def plot_cores(run: Run, ax: Axes | None = None) -> Axes:
    """Draw how many cores all lanes together kept busy, over time, and how many are yours.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_cores", run)
    with styled_axes(ax, 2.4) as ax:
        values = [cores for _, cores in run.cores_over_time]
        edges = [run.wall_seconds * k / max(1, len(values)) for k in range(len(values) + 1)]
        if values:
            ax.stairs(values, edges, fill=True, color=SOFT, label="cores in use")
            ax.stairs(values, edges, baseline=None, color=ACCENT, linewidth=1.6)
        yours, top = run.machine.cores_yours, max(1.0, run.peak_cores)
        why = why_above_yours(run)
        if why:
            above = [max(yours, cores) for cores in values]
            ax.stairs(
                above, edges, baseline=yours, fill=True, label="above yours", **hatched(ALARM)
            )
        far = yours > 4 * top
        ax.set_xlim(0, run.wall_seconds or 1)
        ax.set_ylim(0, 1.12 * (top if far else max(top, yours)))
        references = {1.0: "one core"} | ({} if far else {yours: f"yours: {yours:g}"})
        _draw_references(ax, references)
        title = f"{_use(run, far)}; {why}" if why else _use(run, far)
        set_labels(ax, title, "seconds since the cell began", "cores in use")
    return ax


def _use(run: Run, all_yours: bool) -> str:
    return (
        f"{shortened(run.name, 24)}: {run.cores_in_use:.2f} cores in use on average, "
        f"{run.peak_cores:.2f} at most"
        + (f" of {run.machine.cores_yours:g} that are yours" if all_yours else "")
    )


def _draw_references(ax: Axes, references: dict[float, str]) -> None:
    (_, right), (_, top) = ax.get_xlim(), ax.get_ylim()
    gap = 11 * top / max(1.0, points_high(ax))
    places = spread(list(references), gap, top)
    for (cores, words), place in zip(references.items(), places, strict=True):
        ax.axhline(cores, color=QUIET, linewidth=0.8, linestyle=(0, (5, 3)), zorder=3)
        note(ax, words, right, place)


def plot_memory_over_time(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the resident memory of each process over time, in megabytes of 10^6 bytes.

    Several processes can share a page of memory, and each of them counts it.  So do not add
    up the lines.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_memory_over_time", run)
    lines = _memory_lines(run)
    with styled_axes(ax, 3.0) as ax:
        for lane, line in reversed(lines.items()):
            ink, width = (ACCENT, 2.0) if lane == next(iter(lines)) else (PLAIN, 1.2)
            dot = "." if len(line) == 1 else ""
            ax.plot(*zip(*line, strict=True), color=ink, linewidth=width, marker=dot)
        ax.set_xlim(0, run.wall_seconds or 1)
        ax.set_ylim(0, 1.08 * max((mb for line in lines.values() for _, mb in line), default=1.0))
        ends = {lane: line[-1] for lane, line in lines.items()}
        _name_lines(ax, run, dict(itertools.islice(ends.items(), MOST_LINES)))
        title = f"{shortened(run.name, 24)}: {_largest(run, lines)}"
        set_labels(ax, title, "seconds since the cell began", "resident memory (MB, 10⁶ bytes)")
    return ax


Lines = dict[int, list[tuple[float, float]]]


def _memory_lines(run: Run) -> Lines:
    """Return (time, megabytes) pairs of each lane with looks, the largest lane first."""
    lines: Lines = {}
    for sample in run.samples:
        if sample.memory_bytes is not None:
            lines.setdefault(sample.lane, []).append((sample.time, sample.memory_bytes / MEGABYTE))
    return dict(sorted(lines.items(), key=lambda item: -max(mb for _, mb in item[1])))


def _largest(run: Run, lines: Lines) -> str:
    if not lines:
        return "nobody looked at its memory"
    lane, line = next(iter(lines.items()))
    who, peak = shortened(run.lanes[lane].name, 26), max(mb for _, mb in line)
    some = f" ({MOST_LINES} of {len(lines):,} named)" if len(lines) > MOST_LINES else ""
    return f"{who} held most memory, {peak:.0f} MB{some}"


def _name_lines(ax: Axes, run: Run, ends: dict[int, tuple[float, float]]) -> None:
    """Write the names at the right, apart from each other; a dotted line leads to each."""
    (_, right), (_, top) = ax.get_xlim(), ax.get_ylim()
    gap = 11 * top / max(1.0, points_high(ax))
    places = spread([mb for _, mb in ends.values()], gap, top)
    for (lane, (time, mb)), place in zip(ends.items(), places, strict=True):
        ax.plot([time, right], [mb, place], color=FAINT, linewidth=0.7, linestyle=":", zorder=0)
        largest = lane == next(iter(ends))
        note(ax, shortened(run.lanes[lane].name, 26), right, place, ACCENT if largest else QUIET)
