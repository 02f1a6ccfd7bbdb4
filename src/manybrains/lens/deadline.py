"""A deadline: it ends a block of code when its time is over; the program goes on."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from .stacks import Stack, stack_of

__all__ = ["Deadline", "DeadlinePassed"]

_STOP_TIMEOUT = 1.0  # seconds from one try to end our own thread to the next
_LEAVING = {__name__, "manybrains.lens.watch"}  # modules where the block has ended already


class DeadlinePassed(KeyboardInterrupt):
    """Raised in the main thread, where the code was when its deadline passed.

    It is a KeyboardInterrupt, so that `except Exception` in a lesson does not swallow it.
    """


class Deadline:
    """Ends a block of code when its time is over: first its workers, then its own waiting.

    Args:
        seconds: the time, counted from `start`.
        look_around: called first, with the stack of the block, to note where all workers stand.
        kill_workers: called next, and again until the block ends.  A thread of the deadline
            calls both.

    Attributes:
        passed: whether the time is over.
    """

    def __init__(
        self,
        seconds: float,
        look_around: Callable[[Stack], object],
        kill_workers: Callable[[], object],
    ) -> None:
        self.seconds = seconds
        self.passed = False
        self._look_around = look_around
        self._kill_workers = kill_workers
        self._over = threading.Event()
        self._stopped = False  # the same, known earlier: it takes a while to set an event
        self._main = threading.current_thread() is threading.main_thread()
        self._ident = threading.get_ident()
        self._task = _current_task()
        self._old_handler: Any = None
        self._thread = threading.Thread(
            target=self._strike_in_time, name="manybrains deadline", daemon=True
        )

    def start(self) -> None:
        """Start the time.

        Raises:
            RuntimeError: if no more threads can be started.
        """
        if self._main:
            self._old_handler = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            self._thread.start()
        except RuntimeError:
            if self._main:
                signal.signal(signal.SIGINT, self._old_handler)
            raise

    def stop(self) -> None:
        """Cancel the deadline; from now on it interrupts nothing."""
        self._stopped = True
        self._over.set()
        while self._thread.is_alive():
            with contextlib.suppress(DeadlinePassed):
                self._thread.join(_STOP_TIMEOUT)
        if self._main:
            signal.signal(signal.SIGINT, self._old_handler)

    def take_back(self, error: BaseException | None) -> None:
        """Undo the cancellation of the asyncio task, once its exception has arrived."""
        if self._task is not None and type(error).__name__ == "CancelledError":
            self._task[0].uncancel()

    def _strike_in_time(self) -> None:
        if self._over.wait(self.seconds):
            return
        self._look_around(_block_stack(sys._current_frames().get(self._ident), self._task))
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
        if not self.passed:  # an interrupt that is not ours: pass it on
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


def _block_stack(frame: FrameType | None, task: tuple[Any, Any] | None) -> Stack:
    """Return the stack of the block; if its task is suspended, no thread is in it.

    Then the stack is the chain of coroutines: from that of the task, each one waits for the next.
    """
    step = task[0].get_coro() if task is not None else None
    suspended: list[FrameType] = []
    while step is not None:
        inner = getattr(step, "cr_frame", None)
        if inner is not None:
            suspended.append(inner)
        step = getattr(step, "cr_await", None)
    running = frame
    while running is not None and running not in suspended:
        running = running.f_back
    if not suspended or running is not None:  # no task, or a task that is running
        return stack_of(frame)
    return tuple(stack_of(inner)[0] for inner in reversed(suspended))
