"""Ends loops that swallow whatever is raised in them: it raises where a loop jumps back.

An error that a signal raises lands in the body of `while True: try: ... except BaseException:
pass`, and is swallowed.  The jump back to the beginning of the loop lies outside of the `try`.
"""

import dis
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

__all__ = ["LoopBreaker", "loop_breaker"]

ErrorAt = Callable[[FrameType], BaseException | None]
_NAME = "manybrains deadline"
_TOOLS = (
    4,
    3,
)  # the numbers that sys.monitoring leaves to tools that are no debuggers or profilers
_PATIENCE = 4  # so many times it begins before it raises where functions begin, too
_EXITS = ("__exit__", "__aexit__", "__del__")  # what is skipped at its beginning is never undone
_BACK = frozenset(code for name, code in dis.opmap.items() if "JUMP_BACKWARD" in name)


class LoopBreaker:
    """Raises errors at jumps back, by sys.monitoring (Python 3.12).

    If that does not help, it also raises them where functions begin: the loop may be in C code,
    such as `map`.  A debugger or a measurement of coverage is not disturbed: each tool has events
    of its own.

    Args:
        error_at: returns what is to be raised in a frame, or None.  The thread of the frame
            calls it.
    """

    def __init__(self, error_at: ErrorAt) -> None:
        self._error_at = error_at
        self._ident = 0
        self._tool = -1
        self._begins = 0
        self._monitoring: Any = getattr(sys, "monitoring", None)

    def begin(self, ident: int, frame: FrameType | None) -> None:  # noqa: ARG002 - 3.11 needs it
        """Break the loops of one thread from now on; begin again if it has begun already."""
        self._ident, self._begins, events = ident, self._begins + 1, self._monitoring.events
        if self._tool < 0:
            self._register()
        elif self._begins == _PATIENCE:
            self._monitoring.set_events(self._tool, events.JUMP | events.PY_START)
        else:
            self._monitoring.restart_events()  # other threads may have disabled some

    def _register(self) -> None:
        monitoring, events = self._monitoring, self._monitoring.events
        for tool in _TOOLS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, _NAME)
                monitoring.register_callback(tool, events.JUMP, self._on_jump)
                monitoring.register_callback(tool, events.PY_START, self._on_start)
                monitoring.set_events(tool, events.JUMP)
                self._tool = tool
                return

    def end(self) -> None:
        """Break no more loops."""
        tool, self._tool = self._tool, -1
        if tool >= 0:
            self._monitoring.set_events(tool, self._monitoring.events.NO_EVENTS)
            self._monitoring.free_tool_id(tool)

    def _on_jump(self, _code: CodeType, start: int, target: int) -> Any:
        return self._raise_in(sys._getframe(1)) if target < start else self._monitoring.DISABLE

    def _on_start(self, code: CodeType, _: int) -> Any:
        return (
            self._monitoring.DISABLE if code.co_name in _EXITS else self._raise_in(sys._getframe(1))
        )

    def _raise_in(self, frame: FrameType) -> Any:
        if threading.get_ident() != self._ident:
            return self._monitoring.DISABLE  # the code costs other threads nothing from now on
        error = self._error_at(frame)
        if error is not None:
            raise error
        return None


class TracingLoopBreaker(LoopBreaker):
    """The same for the main thread, by a trace function (Python 3.11).

    If a trace function raises, Python takes it away.  So each frame has a trap of its own: when
    that is freed, after its error was swallowed, it begins anew.
    """

    def begin(self, ident: int, frame: FrameType | None) -> None:
        if ident != threading.main_thread().ident or threading.get_ident() != ident:
            return
        if self._tool < 0:
            self._tool, self._theirs = 0, sys.gettrace()
            self._replaced: dict[FrameType, tuple[Any, bool, bool]] = {}
        while frame is not None:
            if frame not in self._replaced:
                before = frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes
                self._replaced[frame] = before
            self._set_trap(frame)
            frame = frame.f_back
        sys.settrace(self._on_call)

    def end(self) -> None:
        if self._tool < 0:
            return
        self._tool = -1
        sys.settrace(self._theirs)
        for frame, before in self._replaced.items():
            frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes = before
        self._replaced = {}

    def _on_call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._set_trap(frame)

    def _set_trap(self, frame: FrameType) -> Any:
        if self._tool < 0 or frame.f_globals is globals():
            return None
        frame.f_trace = trap = _Trap(self, frame)
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return trap


class _Trap:
    """The trace function of one frame."""

    def __init__(self, breaker: TracingLoopBreaker, frame: FrameType) -> None:
        self._breaker = breaker
        self._frame = frame
        self._has_raised = False

    def __call__(self, frame: FrameType, event: str, _: object) -> "_Trap":
        if event == "opcode" and frame.f_code.co_code[frame.f_lasti] in _BACK:
            error = self._breaker._error_at(frame)
            if error is not None:
                self._has_raised = True
                raise error
        return self

    def __del__(self) -> None:
        if self._has_raised and self._breaker._tool >= 0:
            self._breaker._set_trap(self._frame)
            sys.settrace(self._breaker._on_call)


def loop_breaker(error_at: ErrorAt) -> LoopBreaker:
    """Return a breaker that works on this Python."""
    kind = LoopBreaker if hasattr(sys, "monitoring") else TracingLoopBreaker
    return kind(error_at)
