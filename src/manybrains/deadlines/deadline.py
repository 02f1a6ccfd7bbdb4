"""A deadline ends a block of code when its time is over; the program goes on."""

import contextlib
import inspect
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType
from typing import Any

from ..workers.interrupts import is_delayed
from ..workers.session import current_session
from ..workers.stdlib_internals import get_handler, set_handler
from .block_place import BlockPlace, Where, package_of
from .loop_breaker import loop_breaker
from .stacks import Stack
from .thread_internals import raise_in_thread, wake_thread

__all__ = ["Deadline", "DeadlinePassed", "on_strike"]

_STOP_TIMEOUT = 1.0  # seconds from one try to end our own thread to the next
_PAUSE = 0.05  # seconds from one strike to the next
_LOOK_TIMEOUT = 0.3  # seconds that a strike waits until it is known where everybody stands
_PATIENCE = 0.2  # seconds that code which cleans up gets before it is struck again
_KILL_EVERY = 4  # strikes
_active: list["Deadline"] = []  # those of the main thread, the innermost last
# The deadlines of the block in which this code was begun: asyncio hands it on to new tasks.
_of_this_code: ContextVar[tuple["Deadline", ...]] = ContextVar("_of_this_code", default=())


class DeadlinePassed(KeyboardInterrupt):
    """Raised in the thread of a block, where the code was when its deadline passed.

    It is a KeyboardInterrupt, so that `except Exception` in a lesson does not swallow it.
    """


def on_strike(number: int, frame: FrameType | None) -> None:
    """End what the main thread does, if the time of a block of it is over: a signal's handler."""
    ours = [deadline for deadline in _active if deadline.pid == os.getpid()]  # not our parent's
    for deadline in ours:
        deadline.strike_here(frame)
    session = current_session()
    if session is not None and not any(deadline.is_due() for deadline in ours):
        own = session.own_handlers.get(number)
        if callable(own):
            own(number, frame)


class Deadline:
    """Ends a block of code when its time is over: first its workers, then its own waiting.

    A thread of ours does this.  The main thread must run a signal's handler: it gets the signal
    from our thread and, in case that does not get the GIL, from the sampler.

    Args:
        seconds: the time, counted from `start`.
        look_around: called first, with the stack of the block, to note where all workers stand.
        kill_workers: called next, and again until the block ends.  A thread of the deadline
            calls both.
        give_up: called by that thread if the code of the block is over and nobody has ended it.

    Attributes:
        passed: whether the time is over.
        until: when it is over, on the clock of time.perf_counter.
        pid: of the process.
    """

    def __init__(
        self,
        seconds: float,
        look_around: Callable[[Stack], object],
        kill_workers: Callable[[], object],
        give_up: Callable[[], object] = lambda: None,
    ) -> None:
        self.seconds = seconds
        self.passed = False
        self.until = 0.0
        self.pid = os.getpid()
        self._look_around = look_around
        self._kill_workers = kill_workers
        self._give_up = give_up
        self._over = threading.Event()
        self._stopped = False  # the same, known earlier: it takes a while to set an event
        self._is_ready = self._is_waiting = False
        self._raised = 0.0  # when it last raised something, on the clock of time.monotonic
        self._cancels = 0
        self._signal = 0  # of our own, whose handler is `on_strike`
        self._old_handler: Any = None
        self._breaker = loop_breaker(self.error_at)
        self._thread = threading.Thread(
            target=self._strike_in_time, name="manybrains deadline", daemon=True
        )

    def start(self, strike_signal: int = 0) -> None:
        """Start the time.

        Args:
            strike_signal: a signal whose handler is `on_strike`; 0 if there is none.  The main
                thread is then struck by SIGINT, which the code can ignore.

        Raises:
            RuntimeError: if no more threads can be started.
        """
        self._place = BlockPlace(inspect.currentframe())
        self._main = threading.current_thread() is threading.main_thread()
        self._signal = strike_signal
        self.until = time.perf_counter() + self.seconds
        self._thread.start()
        self._token = _of_this_code.set((*_of_this_code.get(), self))
        if self._main:
            _active.append(self)
            if not strike_signal:
                self._old_handler = get_handler(signal.SIGINT)
                set_handler(signal.SIGINT, self._on_interrupt)

    def stop(self) -> None:
        """Cancel the deadline; from now on it interrupts nothing."""
        self._stopped = True
        self._over.set()
        while self._thread.is_alive():
            with contextlib.suppress(DeadlinePassed):
                self._thread.join(_STOP_TIMEOUT)
        self._breaker.end()
        for _ in range(self._cancels):  # of the block's task: they have done their work
            self._place.task.uncancel()
        self._place.forget()
        with contextlib.suppress(ValueError):  # the block has ended in another context
            _of_this_code.reset(self._token)
        if self._main:
            _active.remove(self)
            if not self._signal:
                set_handler(signal.SIGINT, self._old_handler)

    # --- in our thread --------------------------------------------------------------------

    def _strike_in_time(self) -> None:
        if self._over.wait(self.until - time.perf_counter()) or self._is_lost():
            return
        self._look_around(self._place.stack())
        self.passed = True
        self._kill_workers()
        self._is_ready, strikes = True, 0
        while not self._over.wait(_PAUSE):  # again: a signal between two waits can be lost
            if self._is_lost():
                return
            self._strike(strikes)
            strikes += 1
            if strikes % _KILL_EVERY == 0:
                self._kill_workers()

    def is_due(self) -> bool:
        """Tell whether its time is over and its block is not."""
        return time.perf_counter() >= self.until and not self._stopped

    def _is_lost(self) -> bool:
        """Tell whether the code of the block is over, and nobody has ended the block.

        A cell that only calls `__enter__` does that.  What comes next must not be struck.
        """
        if self._place.is_lost():
            self._stopped = True
            self._give_up()
        return self._stopped

    def _strike(self, strikes: int) -> None:
        if self._place.task is not None and strikes % _KILL_EVERY == 0:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._place.loop.call_soon_threadsafe(self._cancel)
        if not self._main:
            self._strike_a_thread()
        elif hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._place.ident, self._signal or signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)

    def _strike_a_thread(self) -> None:
        """Strike a block that is not in the main thread: no signal's handler runs there."""
        frame, ident = self._place.frame(), self._place.ident
        if hasattr(sys, "monitoring"):
            self._breaker.begin(ident, frame, 0)
        elif time.monotonic() > self._raised + _PATIENCE:
            error = self.error_at(frame)
            if error is not None:
                raise_in_thread(ident, self._breaking(type(error)))
            if self._stopped or self._place.where(self._place.frame()) is Where.LEAVING:
                raise_in_thread(ident, None)
        if self._place.where(frame) is Where.INSIDE:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                wake_thread(frame)

    def _breaking(self, kind: type[BaseException]) -> type[BaseException]:
        """Return a kind of error that begins to break loops in the thread which raises it."""

        def begin(*_: object) -> None:
            if not self._stopped:
                self._breaker.begin(threading.get_ident(), inspect.currentframe(), 0)

        return type(kind.__name__, (kind,), {"__init__": begin})

    def _cancel(self) -> None:
        """Cancel the task of the block; its loop calls this, so that it is suspended now."""
        if not self._stopped:
            self._raised = time.monotonic()
            self._cancels += self._place.task.cancel()

    # --- in the thread of the block -------------------------------------------------------

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.passed:
            self.strike_here(frame)
        elif callable(self._old_handler):  # an interrupt that is not ours: pass it on
            self._old_handler(number, frame)

    def strike_here(self, frame: FrameType | None) -> None:
        """End what the main thread does in this frame, if the time is over and it is of the block.

        Raises:
            DeadlinePassed: in the block.
            CancelledError: in another asyncio task that the block has begun.
        """
        if self._stopped or self._is_waiting or time.perf_counter() < self.until:
            return
        where = self._place.where(frame)
        if where is Where.LEAVING:
            return
        self._let_everybody_tell()
        # What was raised has been swallowed, or the code cleans up; or other tasks may swallow it.
        if self._raised or where is Where.OUTSIDE:
            self._breaker.begin(self._place.ident, frame, self._signal or signal.SIGINT)
        error = self.error_at(frame)
        if error is not None:
            raise error

    def _let_everybody_tell(self) -> None:
        """Wait for our thread: this thread may come here with the GIL, from the midst of C code."""
        self._is_waiting, until = True, time.monotonic() + _LOOK_TIMEOUT
        while not self._is_ready and not self._stopped and time.monotonic() < until:
            time.sleep(0.002)
        self._is_waiting, self._is_ready, self.passed = False, True, True

    def error_at(self, frame: FrameType | None, only_ask: bool = False) -> BaseException | None:
        """Return what is now to be raised in this frame of the block's thread, or None.

        Args:
            only_ask: the caller does not raise it now.
        """
        if self._stopped or (self._main and is_delayed()):
            return None
        where = self._place.where(frame)
        if where is Where.LEAVING or (where is Where.OUTSIDE and not self._is_in_a_task(frame)):
            return None
        if _is_cleaning_up() and time.monotonic() < self._raised + _PATIENCE:
            return None
        if not only_ask:
            self._raised = time.monotonic()
        if where is Where.INSIDE:
            return DeadlinePassed()
        # Through the loop, a KeyboardInterrupt would end the whole program.
        return sys.modules["asyncio"].CancelledError()  # type: ignore[no-any-return]

    def _is_in_a_task(self, frame: FrameType | None) -> bool:
        """Tell whether this thread runs another asyncio task or callback that the block has begun.

        Code of asyncio itself must not be struck: what waits for it would wait for ever.
        """
        if self._place.task is None or self not in _of_this_code.get():
            return False
        return frame is not None and package_of(frame) != "asyncio"


def _is_cleaning_up() -> bool:
    """Tell whether this thread handles what a deadline has raised."""
    error = sys.exception()
    while error is not None:
        if isinstance(error, DeadlinePassed) or type(error).__name__ == "CancelledError":
            return True
        error = error.__context__
    return False
