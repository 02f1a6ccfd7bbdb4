"""The timeline: rows drawn on an Axes, with their names, a key and a title."""

import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from ..records.run import Run
from .core_colours import marks_of
from .headlines import headline, stopped_by
from .lanes import LETTER, SPACING, base, draw_endings, draw_lives, draw_places, draw_work
from .png import png_of
from .style import (
    ALARM,
    FRAME,
    INK,
    QUIET,
    WIDTH,
    inches_for,
    our_style,
    points_high,
    run_given,
    set_labels,
    styled_axes,
)
from .timeline_data import Row, rows_of
from .timeline_key import draw_key

__all__ = ["plot_timeline", "timeline_png"]

SHORTEST = 0.001  # seconds: the time axis of an empty cell is this long
LEAST_LINED = 5.0  # points from row to row: in thinner rows, a line could not be seen
EVERY = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


def plot_timeline(run: Run, ax: Axes | None = None) -> Axes:
    """Draw when each worker lived, how much of a core it used, and on which core.

    Each lane is a row.  The height of a row is one core; the filled part is how much the lane
    used; the colour says on which core.  A dotted line is the wait from `start()` to the first
    instruction.  An area left of the outline is what a process used for its imports.
    If no look fell into a life, the row shows the lane's average, hatched.  If a lane used more
    than one core, its area ends at the height of the row, and a text says how many cores.
    Texts also say how a failed worker ended, and where a stopped worker stood.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_timeline", run)
    rows = rows_of(run)
    inches = inches_for(len(rows))
    with styled_axes(ax, inches) as ours:
        height = points_high(ours) if ax is not None else (inches - FRAME) * 72
        _draw_lanes(ours, run, rows, height / max(1, len(rows)))
    return ours


def timeline_png(run: Run) -> bytes:
    """Return the timeline as PNG, without pyplot; equal runs give equal bytes."""
    run = run_given("timeline_png", run)
    with our_style(after_reset=True):
        rows = rows_of(run)
        inches = inches_for(len(rows))
        figure = Figure(figsize=(WIDTH, inches), layout="constrained")
        pitch = (inches - FRAME) * 72 / max(1, len(rows))
        _draw_lanes(figure.subplots(), run, rows, pitch)
        return png_of(figure, SPACING, _every(pitch))


def _draw_lanes(ax: Axes, run: Run, rows: Sequence[Row], pitch: float) -> None:
    """Draw the rows of a run; `pitch` is the distance from row to row in points."""
    span = max(run.wall_seconds, SHORTEST)
    ax.set_xlim(0, span)
    ax.set_ylim(base(max(len(rows) - 1, 0)) - 0.2, 1.2)
    marks = marks_of(_busy_cores(rows), lines=pitch >= LEAST_LINED)
    draw_lives(ax, rows, pitch, span)
    draw_work(ax, rows, marks, pitch, span)
    draw_endings(ax, rows, pitch, run.wall_seconds)
    draw_places(ax, rows, pitch)
    high = draw_key(ax, rows, marks)
    set_labels(ax, headline(run), "seconds since the cell began", pad=9 + high)
    _name_rows(ax, run, rows, pitch)
    if not run.finished:
        _draw_stop(ax, run)


def _busy_cores(rows: Sequence[Row]) -> set[int | None]:
    """Return the cores on which the sampler saw work."""
    return {step.core for row in rows if not row.average for step in row.steps if step.cores}


def _every(pitch: float) -> int:
    """Return how many rows share one name; if rows are high enough, each has its own."""
    return next((n for n in EVERY if n * pitch >= LETTER), EVERY[-1])


def _name_rows(ax: Axes, run: Run, rows: Sequence[Row], pitch: float) -> None:
    """Write the names at the left, as texts: drawing ticks takes three times as long."""
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    every = _every(pitch)
    shift = ScaledTranslation(-5 / 72, 0, ax.figure.dpi_scale_trans)
    where = ax.get_yaxis_transform() + shift
    shapes = set()
    for place in range(0, len(rows), every):
        kind = run.lanes[place].kind
        text = ax.text(0, base(place) + 0.5, rows[place].name, transform=where, gid="name")
        text.set(ha="right", va="center", color=QUIET if kind == "thread" else INK)
        text.set_fontweight("bold" if kind == "main" else "normal")
        text.set_fontsize(8.5 if every * pitch > 10 else 8)
        shape = (kind == "main", re.sub(r"\d", "0", rows[place].name))
        text.set_in_layout(shape not in shapes)  # digits are equally wide: one name is measured
        shapes.add(shape)
    if every > 1:
        _above(ax, f"one in {every} named", 0, "right", -5)


def _draw_stop(ax: Axes, run: Run) -> None:
    line = ax.axvline(run.wall_seconds, color=ALARM, linewidth=1.2, linestyle=(0, (4, 2)))
    line.set_clip_on(False)
    _above(ax, stopped_by(run), 1, "right", 0, ALARM)


def _above(ax: Axes, text: str, x: float, side: str, shift: float, color: str = QUIET) -> None:
    """Write a short text just above the rows, in line with the key."""
    place = ax.annotate(
        text, (x, 1), xycoords="axes fraction", xytext=(shift, 6), textcoords="offset points"
    )
    place.set(ha=side, va="baseline", color=color, fontsize=8.5)
