"""Interrupts: delayed while a step must not be interrupted, and told from other errors.

Workers import this: it is light.
"""

import signal
import threading
import time

from .stdlib_internals import get_handler, set_handler

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from types import FrameType

    from .stdlib_internals import Handler

__all__ = ["DelayedInterrupt", "is_interrupt"]

_DELAY_TIMEOUT = 2.0  # seconds by which an interrupt is delayed, at most


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether it is an interrupt; in a cell with `await`, that is a CancelledError."""
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ == "CancelledError"


class DelayedInterrupt:
    """Delays an interrupt of the main thread until the end of a block, if that is soon.

    An interrupt between `os.fork` and the note of the child would leave an unknown worker.
    In the callbacks of a fork, Python drops an interrupt.
    """

    __slots__ = ("_handler", "_late", "_until")

    def __enter__(self) -> "DelayedInterrupt":
        self._late: list[tuple[int, FrameType | None]] = []
        self._until = time.monotonic() + _DELAY_TIMEOUT
        self._handler: Handler = None
        handler = get_handler(signal.SIGINT)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            try:
                set_handler(signal.SIGINT, self._put_off)
            except ValueError:  # the main thread of a subinterpreter
                return self
            self._handler = handler
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        if self._late and callable(self._handler):
            self._handler(*self._late[-1])

    def leave(self) -> None:
        """Allow interrupts again, also in a worker that was forked inside the block."""
        if self._handler is not None:
            set_handler(signal.SIGINT, self._handler)

    def _put_off(self, number: int, frame: "FrameType | None") -> None:
        if time.monotonic() > self._until and callable(self._handler):  # a short block hangs
            self._handler(number, frame)
        self._late.append((number, frame))
