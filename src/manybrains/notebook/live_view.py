"""The lanes of a `%%watch --live` cell: they grow where its picture is going to stand.

Only the picture is stored.  So a view is shown only to a reader whose front end can show it and
replace it, and nobody else gets anything of it.
"""

import contextlib
import uuid
from typing import TYPE_CHECKING, Any

from IPython.core.displaypub import CapturingDisplayPublisher

from ..lens.watched_run import WatchedRun
from ..records.frontend import is_headless
from .ipython_internals import (
    cell_id,
    is_kernel,
    reads_when_the_cell_is_over,
    request_of_cell,
)

if TYPE_CHECKING:
    from .live_lanes import LiveLanes

__all__ = ["LiveView", "live_view"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def live_view(shell: Any, name: str) -> "LiveView | None":
    """Return the view for the cell that runs; None where no lanes could be seen growing."""
    if is_headless() or not _takes_widgets(shell):
        return None
    try:
        from .live_lanes import LiveLanes
    except ImportError:  # anywidget is not installed
        return None
    return LiveView(LiveLanes(), name)


def _takes_widgets(shell: Any) -> bool:
    """Tell whether the front end can show a widget in this cell, and put a picture in its place.

    Those that can (JupyterLab, Notebook 7, VS Code) say which cell it is that runs.  A console of
    Jupyter does not, and would keep the view's text; nor does what runs a whole notebook.
    """
    return (
        is_kernel(shell)
        and cell_id(shell) is not None
        and reads_when_the_cell_is_over(request_of_cell(shell))
        and not isinstance(shell.display_pub, CapturingDisplayPublisher)
    )


class LiveView:
    """A view of lanes in the output of a cell, until a picture takes its place."""

    def __init__(self, lanes: "LiveLanes", name: str) -> None:
        self._lanes = lanes
        self._name = name
        self._id = uuid.uuid4().hex
        self._is_there = False
        self._following = contextlib.ExitStack()

    def show(self) -> None:
        """Show the view; nothing is in it so far."""
        self._is_there = True
        view = {"version_major": 2, "version_minor": 0, "model_id": self._lanes.model_id}
        self._display({WIDGET_VIEW: view, "text/plain": f"lanes of {self._name}, growing"})

    def follow(self, run: WatchedRun) -> None:
        """Let the lanes of a block grow in it."""
        with contextlib.suppress(RuntimeError):  # no more threads: nothing grows
            self._following.enter_context(self._lanes.follow(run))

    def replace(self, data: dict[str, str], metadata: dict[str, Any]) -> None:
        """Put a picture into the place of the view."""
        self._is_there = False
        self._following.close()
        self._display(data, metadata, update=True)

    def close(self) -> None:
        """Close the widget; without a picture, nothing stands in its place."""
        if self._is_there:
            self.replace({"text/plain": ""}, {})
        self._lanes.layout.close()
        self._lanes.close()

    def _display(
        self, data: dict[str, Any], metadata: dict[str, Any] | None = None, update: bool = False
    ) -> None:
        from IPython.display import display

        display(data, metadata=metadata, raw=True, display_id=self._id, update=update)  # type: ignore[no-untyped-call]
