"""The timeline: rows painted onto an Axes, with their names, their key and what they say."""

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

SHORTEST = 0.001  # seconds: an empty cell is not blown up
LEAST_LINED = 5.0  # points from row to row: in thinner ones a line could not be seen
EVERY = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


def plot_timeline(run: Run, ax: Axes | None = None) -> Axes:
    """Draw when each worker lived, how much of a core it used, and on which core.

    A row is a lane.  Its height is one core, the filled part is what the lane used of
    it, the colour is the core's; a dotted line is the wait from `start()` to the first
    instruction.  What is filled before the outline, a process used to import.
    Where no look fell into a life, its average is hatched.  A lane that used more than one core
    is cut at the row's height and says how many; a worker that ended badly says how, and one
    that was stopped says where it stood.

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
    """Return the timeline as PNG: the same bytes for the same run, without touching pyplot."""
    run = run_given("timeline_png", run)
    with our_style(after_reset=True):
        rows = rows_of(run)
        inches = inches_for(len(rows))
        figure = Figure(figsize=(WIDTH, inches), layout="constrained")
        pitch = (inches - FRAME) * 72 / max(1, len(rows))
        _draw_lanes(figure.subplots(), run, rows, pitch)
        return png_of(figure, SPACING, _every(pitch))


def _draw_lanes(ax: Axes, run: Run, rows: Sequence[Row], pitch: float) -> None:
    """Paint the rows of a run; `pitch` is the distance from row to row in points."""
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
    """Return the cores on which something was seen to be done."""
    return {step.core for row in rows if not row.average for step in row.steps if step.cores}


def _every(pitch: float) -> int:
    """Return how many rows share one name, where rows are too thin for a name each."""
    return next((n for n in EVERY if n * pitch >= LETTER), EVERY[-1])


def _name_rows(ax: Axes, run: Run, rows: Sequence[Row], pitch: float) -> None:
    """Write the names at the left: as texts, for ticks are three times as dear to draw."""
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
        text.set_in_layout(shape not in shapes)  # all digits are as wide: measured once
        shapes.add(shape)
    if every > 1:
        _above(ax, f"one in {every} named", 0, "right", -5)


def _draw_stop(ax: Axes, run: Run) -> None:
    line = ax.axvline(run.wall_seconds, color=ALARM, linewidth=1.2, linestyle=(0, (4, 2)))
    line.set_clip_on(False)
    _above(ax, stopped_by(run), 1, "right", 0, ALARM)


def _above(ax: Axes, text: str, x: float, side: str, shift: float, color: str = QUIET) -> None:
    """Write a small word just above the rows, in line with the key."""
    place = ax.annotate(
        text, (x, 1), xycoords="axes fraction", xytext=(shift, 6), textcoords="offset points"
    )
    place.set(ha=side, va="baseline", color=color, fontsize=8.5)
