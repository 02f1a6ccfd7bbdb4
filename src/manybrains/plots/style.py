"""What all pictures share: the style, an Axes to draw on, its labels, and clear errors."""

import itertools
import reprlib
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from matplotlib import rc_params_from_file, rcParams, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..records.run import Run
from .words import shortened

__all__ = [
    "hatched",
    "check_type",
    "set_labels",
    "inches_for",
    "our_style",
    "name_places",
    "note",
    "run_given",
    "spread",
    "styled_axes",
]

STYLE = Path(__file__).with_name("manybrains.mplstyle")
# Inches: the width of a figure; the height of its labels, of a row, of the tallest figure.
WIDTH, FRAME, ROW, TALLEST = 8.0, 1.0, 0.32, 8.6
LETTERS = 78  # in one line of a title; a longer title has more lines
INK, QUIET, FAINT, ALARM = "#262626", "#737373", "#b3b3b3", "#b23a00"
PLAIN, SOFT, ACCENT = "#8a97a3", "#ccd4db", "#4f6b85"  # busy, on whichever core


def our_style(after_reset: bool = False) -> AbstractContextManager[None]:
    """Apply our style to what is drawn inside the block; afterwards rcParams are as before."""
    return style.context(STYLE, after_reset=after_reset)


@contextmanager
def styled_axes(ax: Axes | None, inches: float) -> Iterator[Axes]:
    """Yield the given Axes, or that of a new pyplot figure of this height, with our style.

    Raises:
        TypeError: if `ax` is neither an Axes nor None.
    """
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(
            f"ax should be a matplotlib Axes, not {_named(ax)}: "
            "give it one from plt.subplots(), or leave it out"
        )
    # Make the figure before our style begins.  The first figure sets `interactive` in rcParams
    # of a notebook; the end of our style would undo that, and no later figure would be shown.
    figure = _new_figure(inches) if ax is None else None
    with our_style():
        yield ax if ax is not None else cast("Figure", figure).subplots()


def _new_figure(inches: float) -> Figure:
    from matplotlib import pyplot  # takes half a second: imported only for a new figure

    ours = rc_params_from_file(STYLE, use_default_template=False)
    return pyplot.figure(
        figsize=(WIDTH, inches),
        dpi=ours["figure.dpi"],
        facecolor=ours["figure.facecolor"],
        edgecolor=ours["figure.edgecolor"],
        layout="constrained",
    )


def hatched(ink: str) -> dict[str, Any]:
    """Return the look of an area that is no plain measurement: hatched, on white."""
    return {"facecolor": "white", "edgecolor": ink, "hatch": "/" * 8, "linewidth": 0}


def inches_for(rows: int) -> float:
    """Return the height of a figure with that many rows."""
    return min(FRAME + ROW * max(1, rows), TALLEST)


def points_high(ax: Axes) -> float:
    """Return the height of the Axes in points; the layout may still change it a little."""
    figure = ax.get_figure()
    return float(ax.bbox.height * 72 / figure.dpi) if figure else 0.0


def set_labels(ax: Axes, title: str, xlabel: str, ylabel: str = "", pad: float = 8) -> None:
    """Set title and labels of the Axes, and our style for ticks that matplotlib makes later."""
    ax.set_title(textwrap.fill(title, LETTERS), loc="left", pad=pad)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(
        color=rcParams["xtick.color"],
        labelcolor=rcParams["xtick.labelcolor"],
        labelsize=rcParams["xtick.labelsize"],
    )


def note(ax: Axes, text: str, x: float, y: float, color: str = QUIET) -> None:
    """Write a short text just right of a point; the layout makes the Axes narrower for it."""
    ax.annotate(
        text,
        (x, y),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        color=color,
        fontsize=8.5,
        annotation_clip=False,
    )


def name_places(ax: Axes, names: Sequence[str]) -> None:
    """Write the names at the left, one per place, the first on top."""
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), labels=[shortened(name, 26) for name in names])
    ax.tick_params(axis="y", length=0)


def spread(places: Sequence[float], gap: float, top: float) -> list[float]:
    """Return the places, moved apart to at least `gap`, in the same order, none above `top`."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for lower, upper in itertools.pairwise(order):
        moved[upper] = max(moved[upper], moved[lower] + gap)
    ceiling = top
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def check_type(fits: bool, function: str, given: object, wanted: str, remedy: str) -> None:
    """Check that a picture can be made from what was given.

    Raises:
        TypeError: unless `fits`; the message says what was given and what to give.
    """
    if not fits:
        raise TypeError(f"{function} takes {wanted}, not {_named(given)}: {remedy}")


def run_given(function: str, given: object) -> Run:
    """Return the Run to draw: the one that is given, or that of a `with watch() as run:`.

    Raises:
        TypeError: if it is neither.
    """
    run = given if isinstance(given, Run) else getattr(given, "run", None)
    remedy = "give it what `with watch() as run:` or `%%watch` left, or Run.load(path)"
    check_type(isinstance(run, Run), function, given, "a Run", remedy)
    return cast("Run", run)


def _named(given: object) -> str:
    return f"{reprlib.repr(given)} (of type {type(given).__name__})"
