"""Nobody left behind: no worker outlives its parent, or its cell's interrupt.

Whoever starts a process ends it, by the handle it holds, never by name; the fork server and
the resource tracker are spared, for they end with their parent.  Workers import this: it is light.
"""

# What `signal.signal` calls: that makes an enum of each handler, which a fork pays for in pages.
import _signal  # type: ignore[import-not-found]
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from multiprocessing import process

if sys.platform.startswith("linux"):
    from fcntl import F_SETFL, F_SETOWN, F_SETSIG, fcntl
    from select import POLLIN, poll

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Undisturbed", "children", "die_with_parent", "end", "is_interrupt", "kill"]

_GRACE = 1.0  # seconds that a killed process gets to be gone
_KILL = int(getattr(signal, "SIGKILL", signal.SIGTERM))  # plain: see _signal
_PATIENCE = 2.0  # seconds that an interrupt waits for what must not be cut in two


def die_with_parent(sentinel: int) -> None:
    """See to it that this process is killed when its parent ends, however that ends.

    On Linux the kernel does it, when the parent's end of the pipe `sentinel` closes
    (F_SETSIG and O_ASYNC, fcntl(2)): no thread, so neither a held GIL nor a blocked
    signal is in the way.  Elsewhere a waiting thread does it.

    Args:
        sentinel: our end of the pipe; nobody has set a flag of its own on it.
    """
    if not sys.platform.startswith("linux"):
        threading.Thread(target=_wait_and_die, args=(sentinel,), daemon=True).start()
        return
    fcntl(sentinel, F_SETOWN, os.getpid())
    fcntl(sentinel, F_SETSIG, _KILL)
    fcntl(sentinel, F_SETFL, os.O_ASYNC)
    pipe = poll()
    pipe.register(sentinel, POLLIN)
    # Was the parent gone before we asked?  Only the pipe can tell: a process that ends closes
    # its files first, and is still our parent for a while.
    if pipe.poll(0):
        os.kill(os.getpid(), _KILL)


def _wait_and_die(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os.kill(os.getpid(), _KILL)


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
    """Puts off an interrupt of the main thread until a block is over, if that is soon.

    For what must not be cut in two: between `os.fork` and the note of whom it made, an
    interrupt leaves a worker that nobody knows, and in the callbacks of a fork Python drops it.
    """

    __slots__ = ("_handler", "_late", "_until")

    def __enter__(self) -> "Undisturbed":
        self._late: list[Any] = []
        self._until = time.monotonic() + _PATIENCE
        self._handler: Any = None
        handler = _signal.getsignal(signal.SIGINT)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            try:
                _signal.signal(signal.SIGINT, self._put_off)
            except ValueError:  # the main thread of a subinterpreter
                return self
            self._handler = handler
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        if self._late:
            self._handler(*self._late[-1])

    def leave(self) -> None:
        """Be open to interrupts again, also in the worker that was forked inside the block."""
        if self._handler is not None:
            _signal.signal(signal.SIGINT, self._handler)

    def _put_off(self, *interrupt: object) -> None:
        if time.monotonic() > self._until:  # what should be short hangs
            self._handler(*interrupt)
        self._late.append(interrupt)
