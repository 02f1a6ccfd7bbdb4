"""The notebook's standard output and error: what workers print goes first, to its own cell."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .ipython_internals import call_before_writes, write_for_request

__all__ = ["CellStreams", "Captured"]


class Captured:
    """The two streams in which `%%capture` collects what its cell prints.

    It stands where a cell has the message that asked for it: what workers print goes there.
    """

    def __init__(self) -> None:
        self._streams: dict[int, Any] = {1: sys.stdout, 2: sys.stderr}

    def write(self, number: int, text: str) -> None:
        self._streams[number].write(text)

    @contextlib.contextmanager
    def after(self, drain: Callable[[], object]) -> Iterator[None]:
        """Call `drain`, which shows what workers have printed, before each line of the cell."""
        mine = [_Drained(stream, drain) for stream in self._streams.values()]
        sys.stdout, sys.stderr = mine
        try:
            yield
        finally:
            if sys.stdout is mine[0]:
                sys.stdout = self._streams[1]
            if sys.stderr is mine[1]:
                sys.stderr = self._streams[2]


class _Drained:
    """A stream that calls something before each write; else it is what it was."""

    def __init__(self, stream: Any, drain: Callable[[], object]) -> None:
        self._stream = stream
        self._drain = drain

    def write(self, text: str) -> Any:
        self._drain()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class CellStreams:
    """The two streams that the notebook had when the extension was loaded.

    A cell may put streams of its own in their place; those stay as they are.
    """

    def __init__(self) -> None:
        self._own: dict[int, Any] = {1: sys.stdout, 2: sys.stderr}
        self._writes: dict[int, Callable[..., Any]] = {}
        self._undo = contextlib.ExitStack()

    def show(self, request: Any, number: int, text: str) -> None:
        """Write what a worker has printed.

        Args:
            request: the message that asked for the cell; None for the cell that runs now; or
                where the cell's output is captured.
            number: 1 for standard output, 2 for standard error.
        """
        if isinstance(request, Captured):
            request.write(number, text)
            return
        stream = self._own[number]
        write_for_request(stream, self._writes.get(number, stream.write), request, text)

    def are_replaced(self) -> bool:
        """Tell whether others stand in the place of these two."""
        return sys.stdout is not self._own[1] or sys.stderr is not self._own[2]

    def begin_cell(self, drain: Callable[[], object]) -> None:
        """Call `drain`, which shows what workers have printed, before each line of the cell."""
        for number, stream in ((1, sys.stdout), (2, sys.stderr)):
            if stream is self._own[number]:
                self._writes[number], undo = call_before_writes(stream, drain)
                self._undo.callback(undo)

    def mend(self) -> None:
        """Put the notebook's streams back where a cell has left some that cannot be used.

        IPython calls `write` and `flush` around each cell; without them no cell would run again.
        """
        for name, own in zip(("stdout", "stderr"), self._own.values(), strict=True):
            stream = getattr(sys, name)
            usable = hasattr(stream, "write") and hasattr(stream, "flush")
            if not usable or getattr(stream, "closed", False):
                setattr(sys, name, own)

    def end_cell(self) -> None:
        """Take off what `begin_cell` has put on, and send what is still in a buffer."""
        for own in self._own.values():
            if own not in (sys.stdout, sys.stderr):  # the kernel flushes only those
                own.flush()
        self.let_go()

    def let_go(self) -> None:
        """Take off what `begin_cell` has put on."""
        self._undo.close()
        self._writes.clear()
