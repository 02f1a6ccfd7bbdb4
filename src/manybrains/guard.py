"""Nobody left behind: no worker outlives its parent, its cell's interrupt, or its deadline.

Whoever starts a process ends it, by the handle it holds, never by name; the fork
server and the resource tracker are spared, for they end with their parent by themselves.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing import connection, process
from types import FrameType
from typing import Any

__all__ = [
    "Deadline",
    "DeadlinePassed",
    "children",
    "die_with_parent",
    "end",
    "is_interrupt",
    "kill",
]

_GRACE = 1.0  # seconds that a killed process gets to be gone
_LEAVING = {"manybrains.guard", "manybrains.watching"}  # where the block has ended already


def die_with_parent(sentinel: int) -> None:
    """See to it that this process is killed when its parent ends, however that ends.

    On Linux the kernel does it, when the parent's end of the pipe `sentinel` closes
    (F_SETSIG and O_ASYNC, fcntl(2)): no thread, so neither a held GIL nor a blocked
    signal is in the way.  Elsewhere a waiting thread does it.
    """
    if not sys.platform.startswith("linux"):
        threading.Thread(target=_wait_and_die, args=(sentinel,), daemon=True).start()
        return
    import fcntl

    fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(sentinel, fcntl.F_GETFL)
    fcntl.fcntl(sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
    poll = select.poll()
    poll.register(sentinel, select.POLLIN)
    if poll.poll(0):  # the parent was gone before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _wait_and_die(sentinel: int) -> None:
    connection.wait([sentinel])
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def children() -> set[process.BaseProcess]:
    """Return the workers of this process that nobody has seen ended.

    As `multiprocessing.active_children`, but without polling them: a poll here while
    another thread joins a forkserver's worker would take its exit code away.
    """
    return set(process._children)  # type: ignore[attr-defined]


def kill(workers: Iterable[process.BaseProcess]) -> None:
    """Kill these workers of ours; their own children follow, guarded by `die_with_parent`."""
    for worker in workers:
        with contextlib.suppress(ValueError, AttributeError):  # closed, or not yet started
            worker.kill()


def end(workers: Iterable[process.BaseProcess]) -> None:
    """Kill these workers of ours and wait until they are gone."""
    ending = list(workers)
    kill(ending)
    until = time.monotonic() + _GRACE
    for worker in ending:
        with contextlib.suppress(ValueError):
            worker.join(max(0.0, until - time.monotonic()))


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether it is an interrupt: in a cell that awaits it arrives as CancelledError."""
    return isinstance(error, KeyboardInterrupt) or type(error).__name__ == "CancelledError"


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
        self._thread.start()

    def stop(self) -> None:
        """Call the deadline off; from here on it interrupts nothing any more."""
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
        if in_task and not leaving and not self._over.is_set():
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
    import linecache

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
