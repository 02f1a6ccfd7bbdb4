"""Orders of two workers' steps: what their picture says, and how it is drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .style import ACCENT, ALARM, INK, SOFT, check_type, inches_for, set_labels, styled_axes

if TYPE_CHECKING:
    from ..lessons.interleavings import Interleaving

__all__ = ["interleavings_in_words", "losses", "plot_interleavings"]

BLOCKS = 2  # side by side, so that the picture is not too tall
BLOCK = 7.9  # steps: the width of a block with what stands beside it
COLOURS = {"A": (ACCENT, "white"), "B": (SOFT, INK)}  # of a worker's steps and of their words
REMEDY = "give it what interleavings() returned"


def plot_interleavings(orders: "Sequence[Interleaving]", ax: Axes | None = None) -> Axes:
    """Draw each order as a row of steps, with what the number is afterwards beside it.

    Raises:
        TypeError: if `orders` holds anything but Interleavings, or if `ax` is no Axes.
        ValueError: if there are none.
    """
    fits = isinstance(orders, Sequence) and all(hasattr(one, "loses") for one in orders)
    check_type(fits, "plot_interleavings", orders, "a list of Interleavings", REMEDY)
    if not orders:
        raise ValueError(f"plot_interleavings was given no orders: {REMEDY}")
    rows = -(-len(orders) // BLOCKS)
    with styled_axes(ax, inches_for(rows + 1)) as ax:
        for place, order in enumerate(orders):
            _draw_order(ax, order, BLOCK * (place // rows), place % rows)
        ax.set_xlim(-0.1, BLOCK * min(BLOCKS, -(-len(orders) // rows)))
        ax.set_ylim(rows - 0.4, -0.6)
        set_labels(ax, losses(orders), "steps in order, worker A dark, worker B light")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def _draw_order(ax: Axes, order: "Interleaving", left: float, row: int) -> None:
    """Draw a box for each step, and write beside them what became of the number."""
    from ..lessons.interleavings import STEPS

    for turn, worker in enumerate(order.turns):
        colour, ink = COLOURS[worker]
        step = STEPS[order.turns[:turn].count(worker)]
        box = Rectangle((left + turn, row - 0.4), 0.94, 0.8, facecolor=colour, linewidth=0)
        ax.add_patch(box)
        middle = (left + turn + 0.47, row)
        ax.text(*middle, f"{worker} {step}", color=ink, fontsize=8, ha="center", va="center")
    told = f"{order.total}: one lost" if order.loses else f"{order.total}: none lost"
    colour = ALARM if order.loses else INK
    ax.text(left + len(order.turns) + 0.1, row, told, color=colour, fontsize=8.5, va="center")


def losses(orders: "Sequence[Interleaving]") -> str:
    """Return the message: how many of the orders lose an update."""
    lost = sum(order.loses for order in orders)
    return f"{lost} of {len(orders)} orders lose an update"


def interleavings_in_words(orders: "Sequence[Interleaving]") -> str:
    """Return in sentences what the rows show."""
    kept = ", ".join(order.turns for order in orders if not order.loses)
    return f"Rows of steps of two workers, A and B. {losses(orders)}. None lost: {kept or 'none'}."
