"""The timeline, painted: rows onto an Axes, with few artists however many lanes."""

import itertools
import operator
import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from ..records.run import OVER, Run
from .style import ALARM, FAINT, INK, PLAIN, QUIET, colour_of, frame, note, palette
from .timeline_data import Row, Step, headline, stopped_by

__all__ = ["draw_lanes"]

SPACING = 1.25  # from row to row; a row is 1 high, so that drawn area is CPU seconds
LETTER = 8.0  # points: the least pitch of rows that can all carry a name
SHORTEST = 0.001  # seconds: an empty cell is not blown up
EVERY = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)

Corners = list[tuple[float, float]]


def draw_lanes(ax: Axes, run: Run, rows: Sequence[Row], pitch: float) -> None:
    """Paint the rows of a run; `pitch` is the distance from row to row in points."""
    span = max(run.wall_seconds, SHORTEST)
    ax.set_xlim(0, span)
    ax.set_ylim(_base(max(len(rows) - 1, 0)) - 0.2, 1.2)
    _draw_lives(ax, rows, pitch, span)
    _draw_work(ax, rows, pitch, span)
    _draw_endings(ax, rows, pitch, run.wall_seconds)
    frame(ax, headline(run), "seconds since the cell began", pad=23)
    _name_rows(ax, run, rows, pitch)
    _key(ax, rows)
    if not run.finished:
        _draw_stop(ax, run)


def _base(place: int) -> float:
    return -SPACING * place


def _draw_lives(ax: Axes, rows: Sequence[Row], pitch: float, span: float) -> None:
    """Outline every life on white, and dot every wait; thinly where rows are thin."""
    lives: list[Corners] = []
    waits: list[Corners] = []
    for place, row in enumerate(rows):
        y, (begin, end) = _base(place), row.life
        if end > begin or not row.wait:
            lives.append([(begin, y), (begin, y + 1), (end, y + 1), (end, y)])
        if row.wait and row.wait[1] - row.wait[0] > span / 150:  # less would be a speck
            waits.append([(t, y + 0.5) for t in row.wait])
    outline = PolyCollection(lives, facecolors="white", edgecolors=FAINT, label="lives")
    outline.set(linewidth=min(0.7, pitch * 0.05), clip_on=False, zorder=1)
    # On top of the work: a spawned worker imports what it needs before it begins.
    dots = LineCollection(waits, colors=INK, linestyles=":", label="waits")
    dots.set(linewidth=min(1.3, pitch * 0.1), zorder=3)
    ax.add_collection(outline, autolim=False)
    ax.add_collection(dots, autolim=False)


def _draw_work(ax: Axes, rows: Sequence[Row], pitch: float, span: float) -> None:
    """Fill what was computed; rule what went over the row; mark what is too short to be seen."""
    areas: list[Corners] = []
    over: list[Corners] = []
    short: list[Corners] = []
    inks, short_inks = [], []
    colours = palette()
    for place, row in enumerate(rows):
        y, (begin, end) = _base(place), (row.steps[0].begin, row.steps[-1].end)
        for colour, outline in _areas(y, row.steps, colours).items():
            areas.append(outline)
            inks.append(colour)
        if row.peak_cores >= OVER:
            for high, same in itertools.groupby(row.steps, key=lambda step: step.cores >= OVER):
                times = [time for step in same for time in (step.begin, step.end)]
                over += [[(times[0], y + 1), (times[-1], y + 1)]] if high else []
        if row.used and end - begin < span / 250:
            middle, share = (begin + end) / 2, min(1.0, row.used / max(end - begin, 1e-9))
            short.append([(middle, y), (middle, y + share)])
            short_inks.append(colour_of(row.steps[-1].core, colours))
    work = PolyCollection(areas, facecolors=inks, linewidths=0, label="work")
    marks = LineCollection(short, colors=short_inks, label="short")
    marks.set(linewidth=1.5 if pitch > 3 else 2.2, capstyle="butt")
    rules = LineCollection(over, colors=INK, linewidths=2.0, label="over", capstyle="butt")
    # Edges are sharp on whole pixels; but thin rows would all be rounded, to nothing or to double.
    work.set_snap(pitch >= 2 * LETTER)
    for artist in (work, marks, rules):
        artist.set(zorder=2)
        ax.add_collection(artist, autolim=False)


def _areas(base: float, steps: Sequence[Step], colours: Sequence[str]) -> dict[str, Corners]:
    """Return for each colour the outline of all that it fills in a row.

    One outline however often the worker moved: between its stays it runs along the base.
    """
    outlines: dict[str, Corners] = {}
    for core, same in itertools.groupby(steps, key=operator.attrgetter("core")):
        outline = outlines.setdefault(colour_of(core, colours), [])
        stay = list(same)
        outline.append((stay[0].begin, base))
        for begin, end, cores, _ in stay:
            top = base + min(cores, 1.0)
            outline += ((begin, top), (end, top))
        outline.append((stay[-1].end, base))
    return outlines


def _draw_endings(ax: Axes, rows: Sequence[Row], pitch: float, wall: float) -> None:
    """Rule off the lanes that failed, and write what is to be said where there is room."""
    failed = [
        [(row.life[1], _base(place)), (row.life[1], _base(place) + 1)]
        for place, row in enumerate(rows)
        if row.failed
    ]
    rules = LineCollection(failed, colors=ALARM, linewidths=1.8, label="failed", zorder=3)
    rules.set(clip_on=False, capstyle="butt")
    ax.add_collection(rules, autolim=False)
    written = -len(rows) * LETTER
    for place, row in enumerate(rows):
        if row.ending and (place - written) * pitch >= LETTER:
            x = wall if row.life[1] > 0.97 * wall else row.life[1]
            note(ax, row.ending, x, _base(place) + 0.5, color=ALARM if row.failed else QUIET)
            written = place


def _name_rows(ax: Axes, run: Run, rows: Sequence[Row], pitch: float) -> None:
    """Write the names at the left: as texts, for ticks are three times as dear to draw."""
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    every = next((n for n in EVERY if n * pitch >= LETTER), EVERY[-1])
    shift = ScaledTranslation(-5 / 72, 0, ax.figure.dpi_scale_trans)
    where = ax.get_yaxis_transform() + shift
    shapes = set()
    for place in range(0, len(rows), every):
        kind = run.lanes[place].kind
        text = ax.text(0, _base(place) + 0.5, rows[place].name, transform=where, gid="name")
        text.set(ha="right", va="center", color=QUIET if kind == "thread" else INK)
        text.set_fontweight("bold" if kind == "main" else "normal")
        text.set_fontsize(8.5 if every * pitch > 10 else 8)
        shape = (kind == "main", re.sub(r"\d", "0", rows[place].name))
        text.set_in_layout(shape not in shapes)  # all digits are as wide: measured once
        shapes.add(shape)
    if every > 1:
        _above(ax, f"one in {every} named", 0, "right", -5)


def _key(ax: Axes, rows: Sequence[Row]) -> None:
    """Say above the rows what their height and their colours mean."""
    cores = {step.core for row in rows for step in row.steps if step.cores}
    numbers = sorted(core for core in cores if core is not None)
    keys = [Patch(facecolor="white", edgecolor=FAINT, label="row height: one core")]
    for place, colour in enumerate(palette()):
        same = [str(n) for n in numbers if n % len(palette()) == place]
        if same:
            words = ", ".join(same[:2]) + ("…" if len(same) > 2 else "")
            alone = len(keys) == 1 or len(numbers) <= 4
            keys.append(Patch(facecolor=colour, label=f"core {words}" if alone else words))
    if None in cores:
        keys.append(Patch(facecolor=PLAIN, label="core not known" if numbers else "busy"))
    legend = ax.legend(
        handles=keys,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(keys),
        borderaxespad=0.2,
        borderpad=0.2,
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.4,
        columnspacing=1.2,
    )
    legend.set_zorder(1)


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
