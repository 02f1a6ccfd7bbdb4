"""How a notebook shows figures of Matplotlib: sharp on screens of double density, and small.

Matplotlib is not imported for it: what the reader has set up for figures stays as it is.
"""

import base64
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["show_sharply"]


def show_sharply(shell: Any) -> Callable[[], None]:
    """Let the inline backend leave its figures to us; return how to undo that.

    The backend registers its own formatter for the class Figure.  Ours stands at its base class,
    so one that the reader asks for, as by `set_matplotlib_formats("svg")`, goes before it.
    """
    config = shell.config.InlineBackend
    if "figure_formats" in config or "figure_format" in config:
        return lambda: None
    config.figure_formats = set()
    backend = _backend()
    if backend is not None and backend.figure_formats == {"png"}:
        backend.figure_formats = set()
    formatter = shell.display_formatter.formatters["image/png"]
    formatter.for_type_by_name("matplotlib.figure", "FigureBase", _png)

    def undo() -> None:
        if config.get("figure_formats") == set():
            del config["figure_formats"]
        backend = _backend()
        if backend is not None and backend.figure_formats == set():
            backend.figure_formats = {"png"}
        formatter.pop("matplotlib.figure.FigureBase", None)

    return undo


def _backend() -> Any:
    """Return the inline backend's settings, if a figure has been made."""
    module = sys.modules.get("matplotlib_inline.config")
    made = module is not None and module.InlineBackend.initialized()
    return module.InlineBackend.instance() if module is not None and made else None


def _png(figure: Any) -> tuple[str, dict[str, int | str]] | None:
    from ..plots.png import sharp_png, size_on_screen

    png = sharp_png(figure)
    if not png:
        return None
    metadata: dict[str, int | str] = {**size_on_screen(png)}
    if titles := _titles(figure):
        metadata["alt"] = titles
    return base64.b64encode(png).decode("ascii"), metadata


def _titles(figure: Any) -> str:
    """Return what stands above the figure and its Axes: for a reader who cannot see it."""
    above = [figure.get_suptitle()] if hasattr(figure, "get_suptitle") else []
    above += [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center", "right")]
    return ". ".join(" ".join(title.split()) for title in above if title)
