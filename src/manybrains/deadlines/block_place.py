"""Where a watched block runs: its thread, its frames, its asyncio task."""

import enum
import inspect
import sys
import threading
from types import FrameType
from typing import Any

from .stacks import Stack, stack_of

__all__ = ["BlockPlace", "Where", "package_of"]

# Modules where a block begins and ends: nothing may be raised there, or it would never end.
_LEAVING = frozenset(
    [
        "manybrains.deadlines.deadline",
        "manybrains.lens.watch",
        "manybrains.notebook.watch_magic",
    ]
)
_HOSTS = frozenset(["IPython", "asyncio", "ipykernel"])  # they run the code in which a block is
_COROUTINES = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Where(enum.Enum):
    """Where a thread is, as seen from a block."""

    INSIDE = enum.auto()
    LEAVING = enum.auto()  # at the beginning or at the end of the block
    OUTSIDE = enum.auto()  # in the loop that runs its task, or in another task


class BlockPlace:
    """The place of a block, in whose thread this is made.

    Args:
        frame: where the block begins.
        is_hosted: whether it is begun by the code that runs it, as a cell is by IPython.

    Attributes:
        ident: of the thread.
        task: the asyncio task that runs the block, if it is in a coroutine; its loop is `loop`.
    """

    def __init__(self, frame: FrameType | None, *, is_hosted: bool = False) -> None:
        assert frame is not None
        self.ident = threading.get_ident()
        self.task: Any = None
        self.loop: Any = None
        self._outermost: FrameType | None = _outermost(frame)
        if is_hosted or self._outermost.f_code.co_flags & _COROUTINES:
            self.task, self.loop = _current_task() or (None, None)

    def where(self, frame: FrameType | None) -> Where:
        """Tell where the thread is whose innermost frame is this one.

        The block is inside while the outermost frame of the code in which it is runs: an error
        that is raised there cannot come to IPython or to the loop, because the block is left
        before.
        """
        while frame is not None:
            if frame is self._outermost:
                return Where.INSIDE
            if frame.f_globals.get("__name__") in _LEAVING:
                return Where.LEAVING
            frame = frame.f_back
        return Where.OUTSIDE

    def frame(self) -> FrameType | None:
        """Return the innermost frame of the thread, as it is now."""
        return sys._current_frames().get(self.ident)

    def is_lost(self) -> bool:
        """Tell whether the code of the block has ended, although the block has not."""
        if self.task is not None:
            return bool(self.task.done())
        frame = self.frame()
        while frame is not None and frame is not self._outermost:
            frame = frame.f_back
        return frame is None

    def stack(self) -> Stack:
        """Return the stack of the block; if its task is suspended, no thread is in it.

        Then the stack is the chain of coroutines: from that of the task, each one waits for the
        next.
        """
        frame = running = self.frame()
        step = self.task.get_coro() if self.task is not None else None
        suspended: list[FrameType] = []
        while step is not None:
            inner = getattr(step, "cr_frame", None)
            if inner is not None:
                suspended.append(inner)
            step = getattr(step, "cr_await", None)
        while running is not None and running not in suspended:
            running = running.f_back
        if not suspended or running is not None:  # no task, or a task that is running
            return stack_of(frame)
        return tuple(stack_of(inner)[0] for inner in reversed(suspended))

    def forget(self) -> None:
        """Let go of the frame: the block is over."""
        self._outermost = None


def _outermost(frame: FrameType) -> FrameType:
    """Return the outermost frame of the code in which a block begins.

    That is the cell's, the first coroutine of its task, or the first frame of the thread.
    """
    while frame.f_globals.get("__name__") in _LEAVING and frame.f_back is not None:
        frame = frame.f_back
    while frame.f_back is not None and package_of(frame.f_back) not in _HOSTS:
        frame = frame.f_back
    return frame


def package_of(frame: FrameType) -> str:
    """Return the name of the package whose code this frame runs."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


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
