"""The key of a timeline: what the height of a row and its colours mean."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from .core_colours import EIGHT, Marks
from .style import FAINT, PLAIN, hatched
from .timeline_data import Row

__all__ = ["draw_key"]

WIDEST = 440  # points for a line of the key
LINE = 14  # points from line to line


def draw_key(ax: Axes, rows: Sequence[Row], marks: Marks) -> float:
    """Write the key above the rows; return how many points it is high."""
    general = [Patch(facecolor="white", edgecolor=FAINT, label="row height: one core")]
    if any(row.average and row.used for row in rows):
        general.append(Patch(**hatched(PLAIN), label="average: no look fell into it"))
    if None in marks:
        words = "core not known" if len(marks) > 1 else "busy"
        general.append(Patch(facecolor=PLAIN, label=words))
    lines = [general]
    for section in (_fills(marks), _lines(marks)):
        if _width([*lines[-1], *section]) <= WIDEST:
            lines[-1] = [*lines[-1], *section]
        else:
            lines.append(section)
    *lower, highest = enumerate(reversed(lines))
    for place, line in lower:
        ax.add_artist(_draw_line(ax, line, place * LINE))  # else the next line replaces it
    _draw_line(ax, highest[1], highest[0] * LINE)
    return len(lines) * LINE


def _fills(marks: Marks) -> list[Patch]:
    """Return an entry for each colour of a fill, with the numbers of its cores."""
    numbers: dict[str, list[int]] = {}
    for core, mark in marks.items():
        if core is not None:
            numbers.setdefault(mark.fill, []).append(core)
    lined = any(mark.line for mark in marks.values())
    keys: list[Patch] = []
    for fill, same in sorted(numbers.items(), key=lambda item: item[1][0] % EIGHT if lined else 0):
        shown = [same[0] % EIGHT] if lined else same
        words = ", ".join(map(str, shown[:2])) + ("…" if len(shown) > 2 else "")
        alone = not keys or len(numbers) <= 4
        keys.append(Patch(facecolor=fill, label=f"core {words}" if alone else words))
    return keys


def _lines(marks: Marks) -> list[Patch]:
    """Return an entry for each colour of a line, with the number that it adds to the core's."""
    more: dict[str, list[str]] = {}
    for core, mark in marks.items():
        if core is not None and mark.line is not None:
            words = more.setdefault(mark.line, [])
            words += {f"+{core - core % EIGHT}"} - set(words)
    return [
        Patch(facecolor=line, label=("" if place else "line below: ") + ", ".join(words))
        for place, (line, words) in enumerate(more.items())
    ]


def _width(keys: Sequence[Patch]) -> float:
    """Return about how many points wide a line of the key is."""
    return sum(5 * len(str(key.get_label())) + 22 for key in keys)


def _draw_line(ax: Axes, keys: Sequence[Patch], above: float) -> Legend:
    higher = ScaledTranslation(0, above / 72, ax.figure.dpi_scale_trans)
    legend = ax.legend(
        handles=keys,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        bbox_transform=ax.transAxes + higher,
        ncols=len(keys),
        borderaxespad=0.2,
        borderpad=0.2,
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.4,
        columnspacing=1.2,
    )
    legend.set_zorder(1)
    return legend
