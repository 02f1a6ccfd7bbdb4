"""Interrupts: delayed while a step must not be interrupted, and told from other errors.

Workers import this: it is light.
"""

import contextlib
import os
import signal
import sys
import threading
import time

from .stdlib_internals import get_handler, set_handler, start_bare_thread

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .stdlib_internals import Handler

__all__ = ["GOES_ON", "DelayedInterrupt", "NotedInterrupts", "is_delayed", "is_interrupt"]

GOES_ON = 2.0  # seconds after an interrupt; code that still runs has not just been tidying up
_DELAY_TIMEOUT = 2.0  # seconds by which an interrupt is delayed, at most
_delays: list[float] = []  # until when, for each block of the main thread that delays interrupts


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether it is an interrupt; in a cell with `await`, that is a CancelledError."""
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ == "CancelledError"


def is_delayed() -> bool:
    """Tell whether the main thread is in a block that delays interrupts, and not for too long."""
    return bool(_delays) and time.monotonic() <= _delays[-1]


class DelayedInterrupt:
    """Delays an interrupt of the main thread until the end of a block, if that is soon.

    An interrupt between `os.fork` and the note of the child would leave an unknown worker.
    In the callbacks of a fork, Python drops an interrupt.  A deadline, which strikes with another
    signal, asks `is_delayed`.
    """

    __slots__ = ("_handler", "_is_noted", "_late", "_until")

    def __enter__(self) -> "DelayedInterrupt":
        self._late: list[tuple[int, FrameType | None]] = []
        self._until = time.monotonic() + _DELAY_TIMEOUT
        self._handler: Handler = None
        self._is_noted = threading.current_thread() is threading.main_thread()
        if not self._is_noted:
            return self
        _delays.append(self._until)
        handler = get_handler(signal.SIGINT)
        if callable(handler):
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
        if self._is_noted:
            self._is_noted = False
            _delays.pop()
        if self._handler is not None:
            set_handler(signal.SIGINT, self._handler)

    def _put_off(self, number: int, frame: "FrameType | None") -> None:
        if time.monotonic() > self._until and callable(self._handler):  # a short block hangs
            self._handler(number, frame)
        self._late.append((number, frame))


class NotedInterrupts:
    """Notes that an interrupt came, whatever the code does with it, and passes it on.

    Args:
        go_on: called in a thread if the code still runs some seconds after its first interrupt.

    Attributes:
        came: whether one has come since `begin`.
        last: the moment of the last one since then (time.monotonic).
    """

    def __init__(self, go_on: "Callable[[], object] | None" = None) -> None:
        self.came = False
        self.last = float("-inf")
        self._go_on = go_on
        self._handler: Handler = None
        self._first: Handler = None  # the handler when it began
        self._times = 0  # it has begun
        self._pid = 0  # a forked worker inherits the handler

    def begin(self) -> None:
        """Note interrupts from now on; only the main thread gets them."""
        self.end()
        self.came = False
        self.last = float("-inf")
        self._times += 1
        self._pid = os.getpid()
        handler = get_handler(signal.SIGINT)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            set_handler(signal.SIGINT, self._note)
            self._handler = self._first = handler

    @property
    def are_noted(self) -> bool:
        """Tell whether they are noted just now."""
        return self._handler is not None and get_handler(signal.SIGINT) == self._note

    def pass_on_to(self, handler: "Handler") -> "Handler":
        """Pass interrupts on to a handler that the code sets; return the one that it knew."""
        before, self._handler = self._handler, handler
        if handler == self._note:  # it asked which one was set, and puts that back
            self._handler = self._first
        return before

    def end(self) -> None:
        """Put back the handler that was there; one that the code has set meanwhile stays."""
        handler, self._handler = self._handler, None
        if handler is not None and get_handler(signal.SIGINT) == self._note:
            set_handler(signal.SIGINT, handler)

    def _note(self, number: int, frame: "FrameType | None") -> None:
        if self._go_on is not None and not self.came and os.getpid() == self._pid:
            start_bare_thread(self._wait, self._times, self._go_on)
        self.came = True
        self.last = time.monotonic()
        _wake_loop()
        if callable(self._handler):
            self._handler(number, frame)

    def _wait(self, times: int, go_on: "Callable[[], object]") -> None:
        time.sleep(GOES_ON)
        if self._handler is not None and self._times == times:
            go_on()


def _wake_loop() -> None:
    """Let the event loop of this thread look for new calls.

    ipykernel's handler in a cell that awaits adds one, as if it were called by the loop, which
    then goes on sleeping.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        with contextlib.suppress(RuntimeError):  # no loop runs
            asyncio.get_running_loop().call_soon_threadsafe(int)  # a call that does nothing
