"""A deadline: ends a block of code once its time is over, and leaves the program alive."""

import contextlib
import linecache
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["Deadline", "DeadlinePassed"]

_GRACE = 1.0  # seconds between two tries to be rid of our own thread
_LEAVING = {__name__, "manybrains.lens.watch"}  # where the block has ended already


class DeadlinePassed(KeyboardInterrupt):
    """Raised in the main thread where the code was when its deadline passed.

    A KeyboardInterrupt, so that `except Exception` in a lesson does not swallow it.
    """


class Deadline:
    """Ends a block of code once its time is over: first its workers, then its waiting.

    Args:
        seconds: from `start` on.
        kill_workers: called first, in a thread of the deadline's own.

    Attributes:
        passed: whether it has struck.
        waiting_in: what the main thread was doing then, as "p.join() (line 3)".
    """

    def __init__(self, seconds: float, kill_workers: Callable[[], object]) -> None:
        self.seconds = seconds
        self.passed = False
        self.waiting_in = ""
        self._kill_workers = kill_workers
        self._over = threading.Event()
        self._stopped = False  # the same, said before: to set an event takes a while
        self._main = threading.current_thread() is threading.main_thread()
        self._ident = threading.get_ident()
        self._task = _current_task()
        self._old_handler: Any = None
        self._thread = threading.Thread(
            target=self._strike_in_time, name="manybrains deadline", daemon=True
        )

    def start(self) -> None:
        if self._main:
            self._old_handler = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads
            if self._main:
                signal.signal(signal.SIGINT, self._old_handler)
            raise

    def stop(self) -> None:
        """Call the deadline off; from here on it interrupts nothing any more."""
        self._stopped = True
        self._over.set()
        while self._thread.is_alive():
            with contextlib.suppress(DeadlinePassed):
                self._thread.join(_GRACE)
        if self._main:
            signal.signal(signal.SIGINT, self._old_handler)

    @property
    def sentence(self) -> str:
        """What happened, for the reader."""
        doing = f" while it was at {self.waiting_in}" if self.waiting_in else ""
        return f"stopped at its deadline of {self.seconds:g} s{doing}; its workers were ended"

    def take_back(self, error: BaseException | None) -> None:
        """Undo the cancelling of the asyncio task, once its exception has arrived."""
        if self._task is not None and type(error).__name__ == "CancelledError":
            self._task[0].uncancel()

    def _strike_in_time(self) -> None:
        if self._over.wait(self.seconds):
            return
        self.waiting_in = _where(sys._current_frames().get(self._ident), self._task)
        self.passed = True
        self._kill_workers()
        while not self._over.wait(0.05):  # again: a signal between two waits can be lost
            self._interrupt()
            self._over.wait(0.2)
            self._kill_workers()

    def _interrupt(self) -> None:
        if self._task is not None:
            task, loop = self._task
            loop.call_soon_threadsafe(_cancel, task, self._over)
        if not self._main:
            return
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._ident, signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self.passed:  # somebody else's interrupt: hand it on
            if callable(self._old_handler):
                self._old_handler(number, frame)
            return
        in_task = self._task is None or _current_task() == self._task
        leaving = frame is not None and frame.f_globals.get("__name__") in _LEAVING
        if in_task and not leaving and not self._stopped:
            raise DeadlinePassed


def _current_task() -> tuple[Any, Any] | None:
    """Return the asyncio task that is running here and its loop, if there is one."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    task = asyncio.current_task(loop)
    return None if task is None else (task, loop)


def _cancel(task: Any, over: threading.Event) -> None:
    if not over.is_set():
        task.cancel()


def _where(frame: FrameType | None, task: tuple[Any, Any] | None) -> str:
    """Name the innermost line of the reader's own code: what it waits for, in which line."""
    own = vars(sys.modules["__main__"])
    while frame is not None and frame.f_globals is not own:
        frame = frame.f_back
    step = task[0].get_coro() if task is not None and frame is None else None
    while step is not None:  # suspended: it stands in no thread, but in the task
        inner = getattr(step, "cr_frame", None)
        frame = inner if inner is not None and inner.f_globals is own else frame
        step = getattr(step, "cr_await", None)
    if frame is None:
        return ""
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return f"`{text}` (line {frame.f_lineno})" if text else f"line {frame.f_lineno}"
