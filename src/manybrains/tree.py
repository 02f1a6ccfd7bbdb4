"""The tree of processes: who started whom, worked out from a Run, then painted."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from .canvas import FAINT, INK, QUIET, TALLEST
from .rows import exit_words, shortened
from .runs import Run

__all__ = ["Member", "draw_tree", "family_of", "tree_inches"]

WIDEST = 6  # leaves side by side; a wider tree is turned on its side
MOST_MEMBERS = 64  # drawn; more could not be read
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
GENERATIONS = (("main", "main"), ("child", "children"), ("grandchild", "grandchildren"))


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the tree: what is said of it, and the place of its parent in the list."""

    words: tuple[str, ...]
    parent: int | None
    generation: int
    helper: bool = False


def family_of(run: Run) -> tuple[Member, ...]:
    """Return main, every process it led to, in order of birth, and the helpers last.

    A process whose parent is no lane (the fork server's children, say) counts as main's.
    """
    members: list[Member] = []
    last_of_pid: dict[int, int] = {}  # a pid may be used again, so the latest counts
    for lane in run.lanes:
        if lane.kind == "thread":
            continue
        parent = last_of_pid.get(lane.parent_pid or 0, 0) if members else None
        generation = 0 if parent is None else members[parent].generation + 1
        words = [shortened(lane.name, 22), f"pid {lane.pid}"]
        if lane.exit_code is not None:
            code = lane.exit_code
            words.append(exit_words(code, run.machine.system) if code else "exit 0")
        last_of_pid[lane.pid] = len(members)
        members.append(Member(tuple(words), parent, generation))
    for helper in run.helpers if members else ():
        members.append(Member((helper, "helper process"), 0, 1, helper=True))
    return tuple(members)


def census(family: Sequence[Member]) -> str:
    """Return how many processes there are, as a sentence: helpers are counted apart."""
    own = [member.generation for member in family if not member.helper]
    helpers = len(family) - len(own)
    parts = []
    for generation, names in enumerate(GENERATIONS):
        count = own.count(generation)
        if count:
            parts.append(f"{_number(count)} {names[count > 1]}")
    deeper = sum(generation >= len(GENERATIONS) for generation in own)
    parts += [f"{_number(deeper)} further down"] if deeper else []
    text = f"{len(own):,} process{'' if len(own) == 1 else 'es'}: {', '.join(parts)}"
    if helpers:
        text += f" (and {_number(helpers)} helper{'' if helpers == 1 else 's'})"
    return text if own else "no process was watched"


def _number(count: int) -> str:
    return WORDS[count] if count < len(WORDS) else f"{count:,}"


def _places(family: Sequence[Member]) -> list[float]:
    """Return where each member stands across the tree: leaves in a row, parents amid children."""
    children: list[list[int]] = [[] for _ in family]
    for index, member in enumerate(family):
        if member.parent is not None:
            children[member.parent].append(index)
    places = [0.0] * len(family)
    order, todo = [], [0] if family else []
    while todo:
        order.append(todo.pop())
        todo += reversed(children[order[-1]])
    leaves = 0
    for index in order:
        if not children[index]:
            places[index] = leaves
            leaves += 1
    for index in reversed(order):
        if children[index]:
            places[index] = statistics.fmean(places[child] for child in children[index])
    return places


def _sideways(family: Sequence[Member]) -> bool:
    return max(_places(family), default=0) + 1 > WIDEST


def tree_inches(family: Sequence[Member]) -> float:
    """Return how high a figure the tree needs."""
    family = family[:MOST_MEMBERS]
    if _sideways(family):
        return min(TALLEST, 0.6 + 0.3 * (max(_places(family)) + 1))
    return 0.6 + 0.95 * (1 + max((member.generation for member in family), default=0))


def draw_tree(ax: Axes, family: Sequence[Member]) -> None:
    """Paint the tree: boxes with words, a line from each to its parent, helpers dashed."""
    title = census(family)
    if len(family) > MOST_MEMBERS:
        family, title = family[:MOST_MEMBERS], f"{title} (first {MOST_MEMBERS} drawn)"
    places, sideways = _places(family), _sideways(family)
    spots = [
        (member.generation, -place) if sideways else (place, -member.generation)
        for member, place in zip(family, places, strict=True)
    ]
    for member, (x, y) in zip(family, spots, strict=True):
        dash = "--" if member.helper else "-"
        if member.parent is not None:
            px, py = spots[member.parent]
            ax.plot([px, x], [py, y], color=FAINT, linewidth=1, linestyle=dash, zorder=1)
        ax.text(
            x,
            y,
            (", " if sideways else "\n").join(member.words),
            ha="center",
            va="center",
            fontsize=8 if sideways else 9,
            color=QUIET if member.helper else INK,
            linespacing=1.3,
            bbox={
                "boxstyle": "round,pad=0.35",
                "facecolor": "white",
                "edgecolor": QUIET,
                "linestyle": dash,
                "linewidth": 0.8,
            },
        )
    _make_room(ax, spots)
    ax.set_title(title, loc="left")
    ax.set_axis_off()


def _make_room(ax: Axes, spots: Sequence[tuple[float, float]]) -> None:
    xs, ys = [x for x, _ in spots] or [0], [y for _, y in spots] or [0]
    ax.set_xlim(min(xs) - 0.6, max(xs) + 0.6)
    ax.set_ylim(min(ys) - 0.5, max(ys) + 0.5)
