"""What a panel shows of its runs, as HTML: the picture, the table of all runs, the lines to type.

The colours are those of the reader's JupyterLab, light or dark; the picture is white.
"""

import base64
from collections.abc import Sequence
from html import escape

from ..records.run import Run
from .plan import Plan, size_in_words

__all__ = ["STYLE", "lines_html", "picture_html", "table_html"]

STYLE = """<style>
.manybrains-panel { max-width: 900px; }
.manybrains-panel :focus-visible { outline: 2px solid; outline-offset: 1px; }
.manybrains-panel .widget-html-content { line-height: 1.5; }
.manybrains-panel img { display: block; max-width: 100%; height: auto; background: white; }
.manybrains-panel table { border-collapse: collapse; }
.manybrains-panel caption { text-align: left; font-weight: bold; }
.manybrains-panel th, .manybrains-panel td { padding: 2px 12px 2px 0; text-align: left; }
.manybrains-panel td.figure { text-align: right; font-variant-numeric: tabular-nums; }
.manybrains-panel td.bar { width: 220px; padding-right: 0; }
.manybrains-panel td.bar div { height: 12px; background: #4f6b85; }
.manybrains-panel pre { margin: 4px 0 0; padding: 6px 10px; white-space: pre-wrap;
    border: 1px solid var(--jp-border-color2, #ccc); }
</style>"""
_MOST_ROWS = 8


def picture_html(run: Run) -> str:
    """Return the timeline as an image with its text for a screen reader."""
    from ..plots.alt_text import alt_text
    from ..plots.png import size_on_screen
    from ..plots.timeline import timeline_png

    png = timeline_png(run)
    data, size = base64.b64encode(png).decode("ascii"), size_on_screen(png)
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(alt_text(run))}" '
        f'width="{size["width"]}" height="{size["height"]}">'
    )


def table_html(runs: Sequence[tuple[Plan, Run]]) -> str:
    """Return the last runs as a table, the newest first, with a bar for each wall time."""
    if not runs:
        return ""
    shown = runs[-_MOST_ROWS:]
    longest = max(run.wall_seconds for _, run in shown)
    rows = "".join(_row(plan, run, longest) for plan, run in reversed(shown))
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("who", "work in all", "wall", "cores in use")
    )
    return (
        "<table><caption>Your runs, the newest first</caption>"
        f"<thead><tr>{head}<td></td></tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(plan: Plan, run: Run, longest: float) -> str:
    width = 100 * run.wall_seconds / longest if longest > 0 else 0.0
    return (
        f"<tr><td>{escape(plan.who)}</td><td>{escape(size_in_words(plan.work, plan.size))}</td>"
        f'<td class="figure">{run.wall_seconds:.3f} s</td>'
        f'<td class="figure">{run.cores_in_use:.2f}</td>'
        f'<td class="bar"><div style="width: {width:.1f}%"></div></td></tr>'
    )


def lines_html(plan: Plan) -> str:
    """Return the cell that does the same, for the reader to type."""
    return f"To do the same in a cell, type:<pre>{escape(plan.lines)}</pre>"
