"""The tree of processes, drawn: which process started which."""

import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes

from ..records.run import Run
from .family import ASKED, Member, census, family_of
from .style import ALARM, FAINT, INK, QUIET, run_given, styled_axes

__all__ = ["plot_processes"]

WIDEST = 5  # leaves side by side; a wider tree becomes a list
MOST_MEMBERS = 48  # at most; the text of more would be too small


def plot_processes(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the processes as a tree: main on top, below each process those that it started.

    Helper processes of multiprocessing and of the lens are dashed: they ran none of the
    reader's code.  A tree with more than five leaves is drawn as an indented list.

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_processes", run)
    family = family_of(run)
    with styled_axes(ax, _tree_inches(family)) as ax:
        _draw_tree(ax, family)
    return ax


def _across(family: Sequence[Member]) -> list[float]:
    """Return the x of each member: leaves are in a row, a parent stands amid its children."""
    children = _children(family)
    places = [0.0] * len(family)
    order = _order(family)
    leaves = [index for index in order if not children[index]]
    for place, index in enumerate(leaves):
        places[index] = place
    for index in reversed(order):
        if children[index]:
            places[index] = statistics.fmean(places[child] for child in children[index])
    return places


def _children(family: Sequence[Member]) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in family]
    for index, member in enumerate(family):
        if member.parent is not None:
            children[member.parent].append(index)
    return children


def _order(family: Sequence[Member]) -> list[int]:
    """Return the members in reading order: each one before its children, main first."""
    children, order, todo = _children(family), [], [0] if family else []
    while todo:
        order.append(todo.pop())
        todo += reversed(children[order[-1]])
    return order


def _wide(family: Sequence[Member]) -> bool:
    return max(_across(family), default=0) + 1 > WIDEST


def _tree_inches(family: Sequence[Member]) -> float:
    """Return the height of the figure that the tree needs."""
    family = family[:MOST_MEMBERS]
    if _wide(family):
        return 0.5 + 0.17 * len(family)
    return 0.4 + _level_inches(family) * (1 + max((member.depth for member in family), default=0))


def _level_inches(family: Sequence[Member]) -> float:
    """Return the distance from level to level: boxes have three lines or more."""
    return 0.95 + 0.17 * max(0, max((len(member.words) for member in family), default=0) - 3)


def _draw_tree(ax: Axes, family: Sequence[Member]) -> None:
    """Draw the tree: main on top, below each process those that it started, helpers dashed."""
    title = census(family)
    if len(family) > MOST_MEMBERS:
        family, title = family[:MOST_MEMBERS], f"{title} (first {MOST_MEMBERS} drawn)"
    paint = _draw_list if _wide(family) else _draw_boxes
    paint(ax, family)
    ax.set_title(title, loc="left")
    ax.set_axis_off()


def _draw_boxes(ax: Axes, family: Sequence[Member]) -> None:
    places = _across(family)
    for member, x in zip(family, places, strict=True):
        y = -member.depth
        if member.parent is not None:
            _draw_line(ax, member, [places[member.parent], x], [y + 1, y])
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "linewidth": 0.9}
        box["edgecolor"], box["linestyle"] = _ink(member, QUIET), _dash(member)
        words = ax.text(x, y, "\n".join(member.words), bbox=box, linespacing=1.3)
        words.set(ha="center", va="center", color=_ink(member, INK), fontsize=9)
    ax.set_xlim(min(places, default=0) - 0.6, max(places, default=0) + 0.6)
    ax.set_ylim(-max((member.depth for member in family), default=0) - 0.45, 0.45)


def _draw_list(ax: Axes, family: Sequence[Member]) -> None:
    """Draw a wide tree as an indented list, like a file manager."""
    rows = {index: -row for row, index in enumerate(_order(family))}
    for index, y in rows.items():
        member = family[index]
        x = 0.5 * member.depth
        if member.parent is not None:
            stem = x - 0.35
            _draw_line(ax, member, [stem, stem, x - 0.05], [rows[member.parent] - 0.4, y, y])
        words = ax.text(x, y, ", ".join(member.words).replace(f"{ASKED}, ", f"{ASKED} "))
        words.set(ha="left", va="center_baseline", color=_ink(member, INK), fontsize=8.5)
    ax.set_xlim(-0.1, 8)
    ax.set_ylim(-len(rows) + 0.4, 0.6)


def _draw_line(ax: Axes, member: Member, xs: list[float], ys: list[float]) -> None:
    ax.plot(xs, ys, color=FAINT, linewidth=1, linestyle=_dash(member), zorder=1)


def _ink(member: Member, usual: str) -> str:
    return ALARM if member.failed else QUIET if member.helper else usual


def _dash(member: Member) -> str:
    return "--" if member.helper else "-"
