"""The rows of a timeline, painted: lives, work and ends, with few artists however many lanes."""

import itertools
import operator
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection

from ..records.run import OVER
from .style import ALARM, FAINT, INK, QUIET, colour_of, note, palette
from .timeline_data import Row, Step

__all__ = ["LETTER", "SPACING", "base", "draw_endings", "draw_lives", "draw_work"]

SPACING = 1.25  # from row to row; a row is 1 high, so that drawn area is CPU seconds
LETTER = 8.0  # points: the least pitch of rows that can all carry a name

Corners = list[tuple[float, float]]


def base(place: int) -> float:
    """Return the height at which a row stands: row 0 on top."""
    return -SPACING * place


def draw_lives(ax: Axes, rows: Sequence[Row], pitch: float, span: float) -> None:
    """Outline every life on white, and dot every wait; thinly where rows are thin."""
    lives: list[Corners] = []
    waits: list[Corners] = []
    for place, row in enumerate(rows):
        y, (begin, end) = base(place), row.life
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


def draw_work(ax: Axes, rows: Sequence[Row], pitch: float, span: float) -> None:
    """Fill what was computed; rule what went over the row; mark what is too short to be seen."""
    areas: list[Corners] = []
    over: list[Corners] = []
    short: list[Corners] = []
    inks, short_inks = [], []
    colours = palette()
    for place, row in enumerate(rows):
        y, (begin, end) = base(place), (row.steps[0].begin, row.steps[-1].end)
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


def draw_endings(ax: Axes, rows: Sequence[Row], pitch: float, wall: float) -> None:
    """Rule off the lanes that failed, and write what is to be said where there is room."""
    failed = [
        [(row.life[1], base(place)), (row.life[1], base(place) + 1)]
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
            note(ax, row.ending, x, base(place) + 0.5, color=ALARM if row.failed else QUIET)
            written = place
