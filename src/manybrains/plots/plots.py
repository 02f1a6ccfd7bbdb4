"""Last in the data flow: pictures.  Each takes data and an Axes, and returns that Axes.

Nothing here samples, sleeps, reads a clock, shows, saves or changes a global style.
"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..records.run import Run
from .process_tree import draw_tree, family_of, tree_inches
from .races import draw_ticks, draw_walls, meeting, race_in_words
from .speedup import draw_speedup, gain_in_words
from .style import (
    ACCENT,
    FAINT,
    FRAME,
    PLAIN,
    QUIET,
    SOFT,
    WIDTH,
    axes_for,
    expect,
    frame,
    inches_for,
    look,
    note,
    png_of,
    points_high,
    run_given,
    spread,
)
from .timeline import draw_lanes
from .timeline_data import in_words, rows_of, shortened

if TYPE_CHECKING:
    from ..comparisons.comparison import Comparison
    from ..comparisons.scaling import Scaling
    from ..lessons.workloads import Ticks

__all__ = [
    "alt_text",
    "plot_cores",
    "plot_memory",
    "plot_processes",
    "plot_speedup",
    "plot_ticks",
    "plot_timeline",
    "plot_wall_times",
    "timeline_png",
]

MEGABYTE = 1e6
MOST_LINES = 12  # of memory that can carry a name


def plot_timeline(run: Run, ax: Axes | None = None) -> Axes:
    """Draw when each worker lived, how much of a core it used, and on which core.

    A row is a lane.  Its height is one core, the filled part is what the lane used of
    it, the colour is the core's; a dotted line is the wait from `start()` to the first
    instruction.  What is filled before the outline, a process used to import.
    A lane that used more than one core is cut at the row's height and says how many; a worker
    that ended badly says how.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_timeline", run)
    with look():
        rows = rows_of(run)
        inches = inches_for(len(rows))
        ours = axes_for(ax, inches)
        height = points_high(ours) if ax is not None else (inches - FRAME) * 72
        draw_lanes(ours, run, rows, height / max(1, len(rows)))
    return ours


def timeline_png(run: Run) -> bytes:
    """Return the timeline as PNG: the same bytes for the same run, without touching pyplot."""
    run = run_given("timeline_png", run)
    with look(after_reset=True):
        rows = rows_of(run)
        inches = inches_for(len(rows))
        figure = Figure(figsize=(WIDTH, inches), layout="constrained")
        pitch = (inches - FRAME) * 72 / max(1, len(rows))
        draw_lanes(figure.subplots(), run, rows, pitch)
        return png_of(figure)


def alt_text(data: "Run | Comparison | Scaling | Sequence[Ticks]") -> str:
    """Return what the picture of the data shows as sentences, for a screen reader.

    Raises:
        TypeError: if `data` is none of those that can be drawn.
    """
    if isinstance(data, Run):
        return in_words(data)
    if hasattr(data, "contestants"):
        return race_in_words(cast("Comparison", data))
    if hasattr(data, "points"):
        return gain_in_words(cast("Scaling", data))
    return f"When each worker computed. {meeting(_ticks('alt_text', data))}."


def plot_cores(run: Run, ax: Axes | None = None) -> Axes:
    """Draw how many cores all lanes together kept busy, over time, and how many are yours.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_cores", run)
    with look():
        ax = axes_for(ax, 2.4)
        values = [cores for _, cores in run.cores_over_time]
        edges = [run.wall_seconds * k / max(1, len(values)) for k in range(len(values) + 1)]
        if values:
            ax.stairs(values, edges, fill=True, color=SOFT, label="cores in use")
            ax.stairs(values, edges, baseline=None, color=ACCENT, linewidth=1.6)
        yours, top = run.machine.cores_yours, max(1.0, run.peak_cores)
        far = yours > 4 * top
        ax.set_xlim(0, run.wall_seconds or 1)
        ax.set_ylim(0, 1.12 * (top if far else max(top, yours)))
        references = {1.0: "one core"} | ({} if far else {yours: f"yours: {yours:g}"})
        _draw_references(ax, references)
        frame(ax, _use(run, far), "seconds since the cell began", "cores in use")
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


def plot_memory(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the resident memory of each process over time, in megabytes of 10^6 bytes.

    Resident memory counts pages that processes share once for each of them, so
    the lines must not be added up.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_memory", run)
    lines = _memory_lines(run)
    with look():
        ax = axes_for(ax, 3.0)
        for lane, line in reversed(lines.items()):
            ink, width = (ACCENT, 2.0) if lane == next(iter(lines)) else (PLAIN, 1.2)
            dot = "." if len(line) == 1 else ""
            ax.plot(*zip(*line, strict=True), color=ink, linewidth=width, marker=dot)
        ax.set_xlim(0, run.wall_seconds or 1)
        ax.set_ylim(0, 1.08 * max((mb for line in lines.values() for _, mb in line), default=1.0))
        ends = {lane: line[-1] for lane, line in lines.items()}
        _name_lines(ax, run, dict(itertools.islice(ends.items(), MOST_LINES)))
        title = f"{shortened(run.name, 24)}: {_largest(run, lines)}"
        frame(ax, title, "seconds since the cell began", "resident memory (MB, 10⁶ bytes)")
    return ax


Lines = dict[int, list[tuple[float, float]]]


def _memory_lines(run: Run) -> Lines:
    """Return (time, megabytes) of each lane that was looked at, the largest first."""
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
    """Write the names at the right, apart from each other, each led to the end of its line."""
    (_, right), (_, top) = ax.get_xlim(), ax.get_ylim()
    gap = 11 * top / max(1.0, points_high(ax))
    places = spread([mb for _, mb in ends.values()], gap, top)
    for (lane, (time, mb)), place in zip(ends.items(), places, strict=True):
        ax.plot([time, right], [mb, place], color=FAINT, linewidth=0.7, linestyle=":", zorder=0)
        largest = lane == next(iter(ends))
        note(ax, shortened(run.lanes[lane].name, 26), right, place, ACCENT if largest else QUIET)


def plot_processes(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the processes as a tree: main on top, under each process those that it started.

    Helper processes of multiprocessing and of the lens are dashed: they ran none of the code.
    A tree more than five wide is drawn as a list, indented.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_processes", run)
    with look():
        family = family_of(run)
        ax = axes_for(ax, tree_inches(family))
        draw_tree(ax, family)
    return ax


def plot_wall_times(comparison: "Comparison", ax: Axes | None = None) -> Axes:
    """Draw the median wall time of each contestant as a bar, and every repeat as a dot.

    Raises:
        TypeError: if `comparison` is no Comparison or `ax` no Axes.
    """
    expect(
        hasattr(comparison, "contestants"),
        "plot_wall_times",
        comparison,
        "a Comparison",
        'give it what compare({"serial": f, "processes": g}) returned',
    )
    with look():
        ax = axes_for(ax, inches_for(len(comparison.contestants)))
        draw_walls(ax, comparison)
    return ax


def plot_speedup(scaling: "Scaling", ax: Axes | None = None) -> Axes:
    """Draw the speedup by each number of workers, every repeat as a dot, beside the ideal line.

    A dotted line stands where the cores that are yours end.

    Raises:
        TypeError: if `scaling` is no Scaling or `ax` no Axes.
    """
    expect(
        hasattr(scaling, "points") and hasattr(scaling, "serial_fraction"),
        "plot_speedup",
        scaling,
        "a Scaling",
        "give it what measure_scaling(work, inputs) returned",
    )
    with look():
        ax = axes_for(ax, 3.6)
        draw_speedup(ax, scaling)
    return ax


def plot_ticks(ticks: "Sequence[Ticks]", ax: Axes | None = None, window: float = 0.1) -> Axes:
    """Draw the moments in which each worker really computed: the microscope of the GIL.

    Args:
        ticks: what `tick` returned, one of each worker.
        ax: where to draw; a new figure if None.
        window: how many seconds to show, from the moment when all have begun.

    Raises:
        TypeError: if `ticks` holds anything but Ticks, or `ax` is no Axes.
        ValueError: if there are no ticks, or `window` is not above zero.
    """
    workers = _ticks("plot_ticks", ticks)
    if not window > 0:
        raise ValueError(f"window is {window!r}: it should be a number of seconds such as 0.1")
    with look():
        ax = axes_for(ax, inches_for(len(workers) + 1))
        draw_ticks(ax, workers, window)
    return ax


def _ticks(function: str, given: object) -> "list[Ticks]":
    remedy = "give it a list of what tick() returned, one of each worker"
    expect(isinstance(given, Sequence), function, given, "a list of Ticks", remedy)
    workers = list(cast("Sequence[Ticks]", given))
    for one in workers:
        expect(hasattr(one, "intervals"), function, one, "a list of Ticks", remedy)
    if not workers:
        raise ValueError(f"{function} was given no ticks: {remedy}")
    return workers
