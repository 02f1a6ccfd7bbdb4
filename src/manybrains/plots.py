"""Last in the data flow: pictures.  Each takes data and an Axes, and returns that Axes.

Nothing here samples, sleeps, reads a clock, shows, saves or changes a global style.
"""

import dataclasses
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .canvas import (
    ACCENT,
    FAINT,
    FRAME,
    INK,
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
    points_high,
    spread,
)
from .lanes import draw_lanes
from .rows import in_words, rows_of, shortened
from .runs import Run
from .tree import draw_tree, family_of, tree_inches

if TYPE_CHECKING:
    from .comparing import Comparison, Contestant
    from .work import Ticks

__all__ = [
    "alt_text",
    "plot_cores",
    "plot_memory",
    "plot_processes",
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
    instruction.  A lane that used more than one core is cut at the row's height and
    says how many; a worker that ended badly says how.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    _expect_run("plot_timeline", run)
    with look():
        rows = rows_of(run)
        inches = inches_for(len(rows))
        ours = axes_for(ax, inches)
        height = points_high(ours) if ax else (inches - FRAME) * 72
        draw_lanes(ours, run, rows, height / max(1, len(rows)))
    return ours


def timeline_png(run: Run) -> bytes:
    """Return the timeline as PNG: the same bytes for the same run, without touching pyplot."""
    _expect_run("timeline_png", run)
    with look(after_reset=True):
        rows = rows_of(run)
        inches = inches_for(len(rows))
        figure = Figure(figsize=(WIDTH, inches), layout="constrained")
        pitch = (inches - FRAME) * 72 / max(1, len(rows))
        draw_lanes(figure.subplots(), run, rows, pitch)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def alt_text(data: "Run | Comparison | Sequence[Ticks]") -> str:
    """Return what the picture of the data shows as sentences, for a screen reader."""
    if isinstance(data, Run):
        return in_words(data)
    if not isinstance(data, Sequence):
        bars = "; ".join(f"{one.name} {_figures(one)}" for one in data.contestants)
        return f"Bars of wall times. {_race(data)}. {bars}."
    return f"When each worker computed. {_meeting(_ticks('alt_text', data))}."


def plot_cores(run: Run, ax: Axes | None = None) -> Axes:
    """Draw how many cores all lanes together kept busy, over time, and how many are yours.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    _expect_run("plot_cores", run)
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
    _expect_run("plot_memory", run)
    with look():
        ax = axes_for(ax, 3.0)
        lines: dict[int, list[tuple[float, float]]] = {}
        for sample in run.samples:
            if sample.memory_bytes is not None:
                lines.setdefault(sample.lane, []).append(
                    (sample.time, sample.memory_bytes / MEGABYTE)
                )
        peaks = {lane: max(mb for _, mb in line) for lane, line in lines.items()}
        ranked = sorted(peaks, key=peaks.__getitem__, reverse=True)
        for lane in reversed(ranked):
            ink, width = (ACCENT, 2.0) if lane == ranked[0] else (PLAIN, 1.2)
            dot = "." if len(lines[lane]) == 1 else ""
            ax.plot(*zip(*lines[lane], strict=True), color=ink, linewidth=width, marker=dot)
        ax.set_xlim(0, run.wall_seconds or 1)
        ax.set_ylim(0, 1.08 * max(peaks.values(), default=1.0))
        message = "nobody looked at its memory"
        if ranked:
            _name_lines(ax, run, {lane: lines[lane][-1] for lane in ranked[:MOST_LINES]})
            largest = shortened(run.lanes[ranked[0]].name, 26)
            message = f"{largest} held most memory, {peaks[ranked[0]]:.0f} MB"
        if len(ranked) > MOST_LINES:
            message += f" ({MOST_LINES} of {len(ranked):,} named)"
        frame(
            ax,
            f"{shortened(run.name, 24)}: {message}",
            "seconds since the cell began",
            "resident memory (MB, 10⁶ bytes)",
        )
    return ax


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
    A tree more than six wide is drawn as a list, indented.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    _expect_run("plot_processes", run)
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
        entries = comparison.contestants
        ax = axes_for(ax, inches_for(len(entries)))
        best = min(one.median_wall_seconds for one in entries)
        for place, one in enumerate(entries):
            median, walls = one.median_wall_seconds, one.wall_seconds
            ax.barh(place, median, 0.62, color=ACCENT if median == best else SOFT)
            ax.plot(walls, [place] * len(walls), "o", ms=5, color=INK, mec="white", mew=0.8)
            note(ax, _figures(one), max(median, *walls), place, color=INK)
        ax.set_ylim(len(entries) - 0.5, -0.5)
        ax.set_xlim(left=0)
        frame(ax, _race(comparison), "wall time in seconds (bar: median, dots: every repeat)")
        ax.set_yticks(range(len(entries)), labels=[shortened(one.name, 26) for one in entries])
        ax.tick_params(axis="y", length=0)
    return ax


def _figures(one: "Contestant") -> str:
    return f"{one.median_wall_seconds:.2f} s, {one.cores_in_use:.2f} cores"


def _race(comparison: "Comparison") -> str:
    """Return the message of a comparison: who beat the first, and by how much."""
    first, *others = comparison.contestants
    if not others:
        return f"{first.name}: {_figures(first)}"
    best = min(others, key=lambda one: one.median_wall_seconds)
    ratio = comparison.speedup(best.name)
    if ratio >= 1.05:
        return f"{best.name}: {ratio:.1f} times as fast as {first.name}"
    if len(others) == 1:
        return f"{best.name}: no faster than {first.name}"
    return f"nothing was faster than {first.name}"


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
        zero = min((one.intervals[0][0] for one in workers if one.intervals), default=0.0)
        begin = _common(workers)[0] - zero
        for place, one in enumerate(workers):
            turns = _clipped(one, zero + begin, zero + begin + window)
            bars = [(1e3 * (a - zero), 1e3 * (b - a)) for a, b in turns]
            ax.broken_barh(bars, (place - 0.36, 0.72), color=ACCENT, linewidth=0)
        ax.set_xlim(1e3 * begin, 1e3 * (begin + window))
        ax.set_ylim(len(workers) - 0.5, -0.5)
        frame(ax, _meeting(workers), "milliseconds since the first tick")
        ax.set_yticks(range(len(workers)), labels=[shortened(one.name, 26) for one in workers])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
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


def _common(workers: "Sequence[Ticks]") -> tuple[float, float]:
    """Return the stretch of time in which all workers were at it, on their clock."""
    seen = [one.intervals for one in workers if one.intervals]
    begin = max((turns[0][0] for turns in seen), default=0.0)
    return begin, max(begin, min((turns[-1][1] for turns in seen), default=0.0))


def _clipped(one: "Ticks", begin: float, end: float) -> tuple[tuple[float, float], ...]:
    turns = ((max(a, begin), min(b, end)) for a, b in one.intervals)
    return tuple((a, b) for a, b in turns if b > a)


def _meeting(workers: "Sequence[Ticks]") -> str:
    """Return the message of some ticks: did the workers compute at the same moment?"""
    from .work import overlap_seconds

    begin, end = _common(workers)
    if len(workers) == 1:
        share = 100 * workers[0].busy_seconds / (end - begin) if end > begin else 0.0
        return f"{workers[0].name} computed {share:.0f} % of the time"
    inside = [dataclasses.replace(one, intervals=_clipped(one, begin, end)) for one in workers]
    share = 100 * overlap_seconds(inside) / (end - begin) if end > begin else 0.0
    kind = "threads" if len({one.pid for one in workers}) == 1 else "processes"
    did = "took turns" if share < 10 else "overlapped" if share >= 50 else "overlapped at times"
    who = "both" if len(workers) == 2 else "two or more"
    return f"{kind} {did}: {who} at once {share:.0f} % of the time"


RUN_REMEDY = "give it what `with watch() as run:` or `%%watch` left, or Run.load(path)"


def _expect_run(function: str, given: object) -> None:
    expect(isinstance(given, Run), function, given, "a Run", RUN_REMEDY)
