"""The rows of a timeline, drawn: lives, work and ends.  Many lanes share a few artists."""

import itertools
import operator
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection

from ..records.run import OVER
from .core_colours import Mark, Marks
from .style import ALARM, FAINT, INK, PLAIN, QUIET, hatched, note
from .timeline_data import Row, Step
from .words import shortened

__all__ = ["LETTER", "SPACING", "base", "draw_endings", "draw_lives", "draw_places", "draw_work"]

SPACING = 1.25  # from row to row; a row is 1 high, so that drawn area is CPU seconds
LETTER = 8.0  # points: the smallest pitch at which every row can have its name

WIDTH_OF_LETTER = 5.2  # points: a letter of 8-point text is narrower on average
FEWEST_LETTERS = 12  # of the text where a lane stood; fewer say nothing
UNMARKED = Mark(PLAIN)

Corners = list[tuple[float, float]]


def base(place: int) -> float:
    """Return the y of the lower edge of a row; row 0 is on top."""
    return -SPACING * place


def draw_lives(ax: Axes, rows: Sequence[Row], pitch: float, span: float) -> None:
    """Draw each life as a white box and each wait as a dotted line; thinner in thin rows."""
    lives: list[Corners] = []
    waits: list[Corners] = []
    for place, row in enumerate(rows):
        y, (begin, end) = base(place), row.life
        if end > begin or not row.wait:
            lives.append([(begin, y), (begin, y + 1), (end, y + 1), (end, y)])
        if row.wait and row.wait[1] - row.wait[0] > span / 150:  # a shorter one is only a speck
            waits.append([(t, y + 0.5) for t in row.wait])
    outline = PolyCollection(lives, facecolors="white", edgecolors=FAINT, label="lives")
    outline.set(linewidth=min(0.7, pitch * 0.05), clip_on=False, zorder=1)
    # On top of the work: a spawned worker computes during its wait, when it imports modules.
    dots = LineCollection(waits, colors=INK, linestyles=":", label="waits")
    dots.set(linewidth=min(1.3, pitch * 0.1), zorder=3)
    ax.add_collection(outline, autolim=False)
    ax.add_collection(dots, autolim=False)


def draw_work(ax: Axes, rows: Sequence[Row], marks: Marks, pitch: float, span: float) -> None:
    """Fill the area of the work, hatched if only its average is known; colour shows the core."""
    areas: list[Corners] = []
    inks: list[str] = []
    averages: list[Corners] = []
    lines: list[Corners] = []
    line_inks: list[str] = []
    for place, row in enumerate(rows):
        outlines = _areas(base(place), row.steps)
        if row.average:
            averages += outlines.values()
            continue
        areas += outlines.values()
        inks += [_mark(marks, core).fill for core in outlines]
        for begin, end, _, core in filter(_busy, row.steps):
            if (ink := _mark(marks, core).line) is not None:
                lines.append(_box(begin, end, base(place)))
                line_inks.append(ink)
    work = PolyCollection(areas, facecolors=inks, linewidths=0, label="work")
    # Snapping to whole pixels makes edges sharp; but it would round the height of thin rows
    # to nothing or to the double.
    work.set_snap(pitch >= 2 * LETTER)
    unseen = PolyCollection(averages, **hatched(PLAIN), label="averages")
    below = PolyCollection(lines, facecolors=line_inks, linewidths=0, label="lines", zorder=2)
    for artist in (work, unseen, below):
        artist.set_zorder(2)
        ax.add_collection(artist, autolim=False)
    _rule_what_is_over(ax, rows)
    _mark_what_is_short(ax, rows, marks, pitch, span)


def _mark(marks: Marks, core: int | None) -> Mark:
    return marks.get(core, UNMARKED)  # a core without work has no mark


def _busy(step: Step) -> bool:
    return step.cores > 0


def _box(begin: float, end: float, y: float) -> Corners:
    """Return the corners of a line in the gap below a row."""
    top, bottom = y - 0.06, y - 0.2
    return [(begin, top), (end, top), (end, bottom), (begin, bottom)]


def _rule_what_is_over(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw a line on top of a row where its lane used more than one core."""
    over: list[Corners] = []
    for place, row in enumerate(rows):
        if row.peak_cores >= OVER:
            for high, same in itertools.groupby(row.steps, key=lambda step: step.cores >= OVER):
                times = [time for step in same for time in (step.begin, step.end)]
                top = base(place) + 1
                over += [[(times[0], top), (times[-1], top)]] if high else []
    rules = LineCollection(over, colors=INK, linewidths=2.0, label="over", capstyle="butt")
    rules.set_zorder(2)
    ax.add_collection(rules, autolim=False)


def _mark_what_is_short(
    ax: Axes, rows: Sequence[Row], marks: Marks, pitch: float, span: float
) -> None:
    """Draw a line for each lane that is too short to be seen as an area."""
    short: list[Corners] = []
    inks: list[str] = []
    for place, row in enumerate(rows):
        y, (begin, end) = base(place), (row.steps[0].begin, row.steps[-1].end)
        if row.used and end - begin < span / 250:
            middle, share = (begin + end) / 2, min(1.0, row.used / max(end - begin, 1e-9))
            short.append([(middle, y), (middle, y + share)])
            inks.append(_mark(marks, None if row.average else row.steps[-1].core).fill)
    lines = LineCollection(short, colors=inks, label="short")
    lines.set(linewidth=1.5 if pitch > 3 else 2.2, capstyle="butt", zorder=2)
    ax.add_collection(lines, autolim=False)


def _areas(base: float, steps: Sequence[Step]) -> dict[int | None, Corners]:
    """Return for each core the outline of all that a lane used on it.

    It is one outline, however often the worker moved: between two stays on the core, the
    outline runs along the base.
    """
    outlines: dict[int | None, Corners] = {}
    for core, same in itertools.groupby(steps, key=operator.attrgetter("core")):
        outline = outlines.setdefault(core, [])
        stay = list(same)
        outline.append((stay[0].begin, base))
        for begin, end, cores, _ in stay:
            top = base + min(cores, 1.0)
            outline += ((begin, top), (end, top))
        outline.append((stay[-1].end, base))
    return outlines


def draw_endings(ax: Axes, rows: Sequence[Row], pitch: float, wall: float) -> None:
    """Draw a line at the end of failed lanes, and write how lanes ended where there is room."""
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


def draw_places(ax: Axes, rows: Sequence[Row], pitch: float) -> None:
    """Write where each stopped lane stood, at its end, shortened to what fits inside."""
    if pitch < 1.6 * LETTER:
        return
    (_, right), points = ax.get_xlim(), ax.bbox.width * 72 / ax.figure.dpi
    for place, row in enumerate(rows):
        begin, end = row.life
        letters = int((end - begin) / right * points / WIDTH_OF_LETTER) - 2
        if row.stood_at and letters >= FEWEST_LETTERS:
            text = ax.annotate(
                shortened(row.stood_at, letters),
                (end, base(place) + 0.5),
                xytext=(-4, 0),
                textcoords="offset points",
                gid="stood at",
            )
            text.set(ha="right", va="center", color=INK, fontsize=8, clip_on=True)
            text.set_bbox({"facecolor": "white", "linewidth": 0, "pad": 1})
            text.set_in_layout(False)
