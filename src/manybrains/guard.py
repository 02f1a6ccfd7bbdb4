"""Nobody left behind: no worker outlives its parent, or its cell's interrupt.

Whoever starts a process ends it, by the handle it holds, never by name; the fork server and
the resource tracker are spared, for they end with their parent.  Workers import this: it is light.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from multiprocessing import process
from types import FrameType

if sys.platform.startswith("linux"):
    import fcntl
    import select

__all__ = ["Undisturbed", "children", "die_with_parent", "end", "is_interrupt", "kill"]

_GRACE = 1.0  # seconds that a killed process gets to be gone


def die_with_parent(sentinel: int, parent: int) -> None:
    """See to it that this process is killed when its parent ends, however that ends.

    On Linux the kernel does it, when the parent's end of the pipe `sentinel` closes
    (F_SETSIG and O_ASYNC, fcntl(2)): no thread, so neither a held GIL nor a blocked
    signal is in the way.  Elsewhere a waiting thread does it.

    Args:
        sentinel: our end of the pipe; nobody has set a flag of its own on it.
        parent: the pid of whoever holds the other end.
    """
    if not sys.platform.startswith("linux"):
        threading.Thread(target=_wait_and_die, args=(sentinel,), daemon=True).start()
        return
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(sentinel, fcntl.F_SETFL, os.O_ASYNC)
    if os.getppid() == parent:  # under the forkserver it is not: there the pipe has to tell
        return
    poll = select.poll()
    poll.register(sentinel, select.POLLIN)
    if poll.poll(0):  # the parent was gone before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _wait_and_die(sentinel: int) -> None:
    from multiprocessing import connection

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


class Undisturbed:
    """Puts an interrupt off, from here to `end`, while a worker is started.

    Python drops one that arrives in the callbacks of a fork ("Exception ignored in ..."), and one
    between the fork and the note of who was forked leaves a worker that nobody knows.  A second
    one is let through at once, in case that the start itself hangs.
    """

    def __init__(self) -> None:
        handler = signal.getsignal(signal.SIGINT)
        self._handler = handler if callable(handler) else None
        self._missed: list[tuple[int, FrameType | None]] = []
        if threading.current_thread() is not threading.main_thread():
            self._handler = None  # interrupts arrive elsewhere
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._put_off)

    def _put_off(self, number: int, frame: FrameType | None) -> None:
        self._missed.append((number, frame))
        if len(self._missed) > 1 and self._handler is not None:
            self._handler(number, frame)

    def end(self) -> None:
        """Let interrupts in again, and the one that was put off first of all."""
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if self._missed:
                self._handler(*self._missed[-1])
