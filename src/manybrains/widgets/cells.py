"""What a panel has to know of the notebook: which cell runs, and when the reader interrupts."""

import signal
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..workers.interrupts import is_interrupt
from ..workers.stdlib_internals import get_handler, set_handler, start_bare_thread
from .kernel_internals import call_between_cells

__all__ = ["Cells"]

_known: "weakref.WeakKeyDictionary[Any, Cells]" = weakref.WeakKeyDictionary()


class Cells:
    """The cells of a notebook; there is one of these for each shell.

    Args:
        shell: of IPython; a cell of it runs now.

    Attributes:
        running: the first line of the cell that runs now; None if none runs.
    """

    def __init__(self, shell: Any) -> None:
        self.running: str | None = "this one"
        self._shell = shell
        self._interrupted: Callable[[], object] | None = None
        self._begun: Callable[[], object] | None = None
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    @classmethod
    def of(cls, shell: Any) -> "Cells":
        """Return those of this shell."""
        if shell not in _known:
            _known[shell] = cls(shell)
        return _known[shell]

    def _begin(self, info: Any) -> None:
        lines = str(getattr(info, "raw_cell", "")).strip().splitlines()
        self.running = lines[0] if lines else ""
        if self._begun is not None:
            self._begun()

    def _end(self, result: Any) -> None:
        self.running = None
        if is_interrupt(getattr(result, "error_in_exec", None)) and self._interrupted is not None:
            self._interrupted()

    def call_between(self, do: Callable[[], object]) -> None:
        """Call something in the main thread, while no cell runs; do not wait for it."""
        call_between_cells(self._shell, do)

    def accompany(self, begun: Callable[[], object], interrupted: Callable[[], object]) -> None:
        """Call one when a cell begins, the other when the reader interrupts; `leave` ends it.

        A kernel ignores interrupts while no cell runs, so a handler is put there for that time.
        """
        self._begun, self._interrupted = begun, interrupted
        self.call_between(self._listen)

    def leave(self) -> None:
        """Call none of them any more."""
        self._begun = self._interrupted = None
        self.call_between(self._listen_no_more)

    def _listen(self) -> None:
        if self._interrupted is not None and get_handler(signal.SIGINT) == signal.SIG_IGN:
            set_handler(signal.SIGINT, self._note)

    def _listen_no_more(self) -> None:
        if self._interrupted is None and get_handler(signal.SIGINT) == self._note:
            set_handler(signal.SIGINT, int(signal.SIG_IGN))

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self._interrupted is not None:
            start_bare_thread(self._interrupted)  # a lock that it needs may be held here
