"""Every undocumented name of ipykernel that the widgets touch.

tests/widgets/test_panel_in_a_subshell.py and test_panel_in_a_kernel.py say what is relied on.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["call_between_cells", "hear_while_a_cell_runs"]


def call_between_cells(shell: Any, do: Callable[[], object]) -> None:
    """Call something in the kernel's main thread while no cell runs; any thread may ask for it."""
    shell.kernel.io_loop.add_callback(do)


def hear_while_a_cell_runs(widget: Any) -> None:
    """Let a subshell of the kernel hear what the front end tells a widget, while a cell runs.

    ipykernel 7.4 passes it on to where the widget has spoken last: to the main thread, which is
    busy, if a cell has shown it.  What is not told that, goes where the front end sends it.
    """
    vars(widget.comm).pop("_reply_subshell_id", None)
