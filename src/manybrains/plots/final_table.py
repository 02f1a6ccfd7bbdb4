"""The final table: verdicts with their evidence, what the picture says, and how it is drawn."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .style import (
    ALARM,
    INK,
    QUIET,
    SOFT,
    check_type,
    hatched,
    set_labels,
    styled_axes,
)

if TYPE_CHECKING:
    from ..lessons.evidence import Evidence

__all__ = ["plot_final_table", "table_in_words", "told"]

LEFT, COLUMN = 0.62, 1.0  # widths: of the questions, and of a cell
HEAD, ROW_INCHES = 0.34, 0.82  # the height of the head in rows, and of a row in inches
LETTERS = 33  # in one line of a cell
REMEDY = "give it what Evidence(...) made, in a list"


def plot_final_table(evidence: "Sequence[Evidence]", ax: Axes | None = None) -> Axes:
    """Draw a row for each question and a column for each way; in a cell stand verdict and figure.

    A cell that cannot be told is hatched, and says what the course saw.  Where the verdict
    differs from that of the course, the cell has a strong frame and says both.  Of several
    verdicts on one cell the last counts, so that a reader can measure again.

    Raises:
        TypeError: if `evidence` holds anything but Evidence, or if `ax` is no Axes.
        ValueError: if there is none.
    """
    fits = isinstance(evidence, Sequence) and all(hasattr(one, "measured") for one in evidence)
    check_type(fits, "plot_final_table", evidence, "a list of Evidence", REMEDY)
    if not evidence:
        raise ValueError(f"plot_final_table was given no evidence: {REMEDY}")
    from ..lessons.evidence import COURSE, WAYS

    evidence = _latest(evidence)
    rows = [question for question in COURSE if any(one.question == question for one in evidence)]
    with styled_axes(ax, 0.6 + ROW_INCHES * (len(rows) + HEAD)) as ax:
        for place, way in enumerate(WAYS):
            ax.text(LEFT + place + 0.04, -HEAD / 2, way, va="center", fontweight="bold")
        for row, question in enumerate(rows):
            words = textwrap.fill(question, 10)
            ax.text(0, row + 0.5, words, va="center", fontweight="bold", fontsize=9.5)
        for one in evidence:
            _draw_cell(ax, one, LEFT + WAYS.index(one.way), rows.index(one.question))
        ax.set_xlim(0, LEFT + COLUMN * len(WAYS))
        ax.set_ylim(len(rows), -HEAD)
        set_labels(ax, told(evidence), "")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def _latest(evidence: "Sequence[Evidence]") -> "list[Evidence]":
    return [*{(one.question, one.way): one for one in evidence}.values()]


def _draw_cell(ax: Axes, one: "Evidence", left: float, row: int) -> None:
    """Draw the box of a cell, its verdict in large letters, and below it what was measured."""
    looks = {
        "holds": ({"facecolor": SOFT, "linewidth": 0}, INK, one.measured),
        "does not hold": (
            {"facecolor": "white", "edgecolor": ALARM, "linewidth": 2},
            ALARM,
            f"{one.measured}; the course saw: {one.course}",
        ),
    }
    untold = (hatched(SOFT), QUIET, f"the course saw: {one.course}; here {one.measured}")
    look, colour, words = looks.get(one.outcome, untold)
    ax.add_patch(Rectangle((left + 0.01, row + 0.04), 0.98, 0.92, **look))
    ax.text(left + 0.05, row + 0.26, one.verdict, color=colour, fontsize=11.5, va="center")
    lines = textwrap.fill(words, LETTERS)
    ax.text(left + 0.05, row + 0.44, lines, color=INK, fontsize=8.5, va="top", linespacing=1.25)


def told(evidence: "Sequence[Evidence]") -> str:
    """Return the message: how many verdicts of the course hold here, and how many do not."""
    outcomes = [one.outcome for one in _latest(evidence)]
    hold, differ = outcomes.count("holds"), outcomes.count("does not hold")
    message = f"{hold} of {len(outcomes)} verdicts of the course hold here"
    if differ:
        message += f", {differ} {'does' if differ == 1 else 'do'} not"
    if untold := len(outcomes) - hold - differ:
        message += f", {untold} cannot be told"
    return message


def table_in_words(evidence: "Sequence[Evidence]") -> str:
    """Return in sentences what the cells show."""
    cells = "; ".join(map(repr, _latest(evidence)))
    return f"A table of verdicts. {told(evidence)}. {cells}."
