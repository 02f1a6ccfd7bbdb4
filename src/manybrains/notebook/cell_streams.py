"""The notebook's standard output and error: what workers print goes before what it prints."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .ipython_internals import act_elsewhere, call_before_writes, write_for_request

__all__ = ["CellStreams"]


class _Announced:
    """A stream that calls something before each write, with the text; else it is what it was."""

    def __init__(self, stream: Any, before: Callable[[str], object]) -> None:
        self._stream = stream
        self._before = before

    def write(self, text: str) -> Any:
        self._before(text)
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
        self._captured: dict[int, Any] = {}
        self._captured_request: Any = None
        self._undo = contextlib.ExitStack()
        self._undo_elsewhere = contextlib.ExitStack()
        for stream, elsewhere in zip(self._own.values(), (_to_out, _to_err), strict=True):
            with contextlib.suppress(TypeError):  # no stream of ipykernel's
                undo = act_elsewhere(stream, flush=functools.partial(elsewhere, ""))
                self._undo_elsewhere.callback(undo)

    def show(self, request: Any, number: int, text: str) -> None:
        """Write what a worker has printed.

        Args:
            request: the message that asked for the cell; None for the cell that runs now.
            number: 1 for standard output, 2 for standard error.
        """
        if self._captured and (request is None or request is self._captured_request):
            self._captured[number].write(text)
            return
        stream = self._own[number]
        write_for_request(stream, self._writes.get(number, stream.write), request, text)

    def are_replaced(self) -> bool:
        """Tell whether others stand in the place of these two, and not yet ours."""
        both = zip((sys.stdout, sys.stderr), self._own.values(), strict=True)
        return any(now is not own and not isinstance(now, _Announced) for now, own in both)

    @contextlib.contextmanager
    def captured(self, request: Any, before: Callable[[int, str], object]) -> Iterator[None]:
        """Show what workers print in the streams that are in place now, as `%%capture` has done.

        Args:
            request: the message that asked for the cell.
            before: called, with 1 or 2 and the text, before each text that the cell prints.
        """
        outer = self._captured, self._captured_request
        self._captured, self._captured_request = {1: sys.stdout, 2: sys.stderr}, request
        sys.stdout = out = _Announced(sys.stdout, functools.partial(before, 1))
        sys.stderr = err = _Announced(sys.stderr, functools.partial(before, 2))
        try:
            yield
        finally:
            if sys.stdout is out:
                sys.stdout = self._captured[1]
            if sys.stderr is err:
                sys.stderr = self._captured[2]
            self._captured, self._captured_request = outer

    def begin_cell(self, before: Callable[[int, str], object]) -> None:
        """Call `before`, with 1 or 2 and the text, before each text that the cell prints.

        In a forked worker, who holds one of the streams prints to the worker's own, as a handler
        of `logging` does that was made before.
        """
        for number, stream, elsewhere in ((1, sys.stdout, _to_out), (2, sys.stderr, _to_err)):
            if stream is self._own[number]:
                do = functools.partial(before, number)
                self._writes[number], undo = call_before_writes(stream, do, elsewhere)
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

    def close(self) -> None:
        """Leave the streams as they were."""
        self.let_go()
        self._undo_elsewhere.close()


def _to_out(text: str) -> None:
    print(end=text, file=sys.__stdout__, flush=not text)


def _to_err(text: str) -> None:
    print(end=text, file=sys.__stderr__, flush=not text)
