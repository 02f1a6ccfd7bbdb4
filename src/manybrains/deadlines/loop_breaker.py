"""Ends loops that swallow whatever is raised in them: it raises where a loop jumps back.

An error that a signal raises lands in the body of `while True: try: ... except BaseException:
pass`, and is swallowed.  The jump back to the beginning of the loop lies outside of the `try`.
"""

import inspect
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from .thread_internals import jumps_back, trip_signal, trip_thread

__all__ = ["LoopBreaker", "loop_breaker"]

ErrorAt = Callable[..., BaseException | None]
_NAME = "manybrains deadline"
_TOOLS = (
    4,
    3,
)  # the numbers that sys.monitoring leaves to tools that are no debuggers or profilers
_PATIENCE = 2  # so many times it begins before it raises where functions begin, too
_EXITS = ("__exit__", "__aexit__", "__del__")  # what is skipped at its beginning is never undone
_GOING_ON = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class LoopBreaker:
    """Raises errors at jumps back, by sys.monitoring (Python 3.12).

    It does not use the event of a jump: the error would be raised at the target, and if the loop
    is the first statement of a `with`, that is outside of it.  If all this does not help, it also
    raises errors where functions begin: the loop may be in C code, such as `map`.  A debugger or a
    measurement of coverage is not disturbed: each tool has events of its own.

    Args:
        error_at: returns what is to be raised in a frame, or None; with `only_ask`, it is not
            raised now.  The thread of the frame calls it.
    """

    def __init__(self, error_at: ErrorAt) -> None:
        self._error_at = error_at
        self._ident = 0
        self._tool = -1
        self._begins = 0
        self._theirs: Any = None
        self._trip: Any = None
        self._replaced: dict[FrameType, tuple[Any, bool, bool]] = {}
        self._monitoring: Any = getattr(sys, "monitoring", None)

    def begin(self, ident: int, frame: FrameType | None, number: int) -> None:  # noqa: ARG002
        """Break the loops of one thread from now on; begin again if it has begun already.

        Args:
            ident: of the thread.
            frame: its innermost frame; Python 3.11 needs it.
            number: the signal whose handler raises the error in the main thread; 0 in others.
        """
        self._ident, self._begins, events = ident, self._begins + 1, self._monitoring.events
        if self._tool < 0:
            self._register()
        elif self._begins == _PATIENCE:
            self._monitoring.set_events(self._tool, events.INSTRUCTION | events.PY_START)
        else:
            self._monitoring.restart_events()  # other threads may have disabled some

    def _register(self) -> None:
        monitoring, events = self._monitoring, self._monitoring.events
        for tool in _TOOLS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, _NAME)
                monitoring.register_callback(tool, events.INSTRUCTION, self._on_instruction)
                monitoring.register_callback(tool, events.PY_START, self._on_start)
                monitoring.set_events(tool, events.INSTRUCTION)
                monitoring.restart_events()  # an earlier deadline may have disabled some
                self._tool = tool
                return

    def end(self) -> None:
        """Break no more loops."""
        tool, self._tool = self._tool, -1
        if tool >= 0:
            self._monitoring.set_events(tool, self._monitoring.events.NO_EVENTS)
            self._monitoring.free_tool_id(tool)

    def _on_instruction(self, code: CodeType, offset: int) -> Any:
        if not jumps_back(code, offset):
            return self._monitoring.DISABLE  # it costs nothing from now on
        return self._raise_in(inspect.currentframe())

    def _on_start(self, code: CodeType, _: int) -> Any:
        if code.co_name in _EXITS:
            return self._monitoring.DISABLE
        return self._raise_in(inspect.currentframe())

    def _raise_in(self, callback: FrameType | None) -> Any:
        if threading.get_ident() != self._ident:
            return self._monitoring.DISABLE
        error = None if callback is None else self._error_at(callback.f_back)
        if error is not None:
            raise error
        return None


class TracingLoopBreaker(LoopBreaker):
    """The same by a trace function, which the thread itself must set (Python 3.11).

    If a trace function raises, Python takes it away.  So it does not raise: just before a jump
    back it makes as if the deadline had struck just then, and the jump looks for that.
    """

    def begin(self, ident: int, frame: FrameType | None, number: int) -> None:
        if threading.get_ident() != ident:
            return
        self._begins += 1
        if self._tool < 0:
            self._tool, self._theirs, self._replaced = number, sys.gettrace(), {}
            self._trip = trip_signal() if number else trip_thread(ident)
        while frame is not None:
            if frame not in self._replaced:
                before = frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes
                self._replaced[frame] = before
            self._trace(frame)
            frame = frame.f_back
        sys.settrace(self._on_call)

    def end(self) -> None:
        if self._tool < 0:
            return
        sys.settrace(self._theirs)
        for frame, before in self._replaced.items():
            frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes = before
        self._tool, self._replaced = -1, {}

    def _on_call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        is_ours = str(frame.f_globals.get("__name__")).startswith(__package__ or "")
        if is_ours:
            return None
        code = frame.f_code
        # A coroutine is not called, it goes on: what is raised now would not leave its `with`.
        goes_on = code.co_flags & _GOING_ON
        if self._begins > _PATIENCE and not goes_on and code.co_name not in _EXITS:
            error = self._error_at(frame)
            if error is not None:
                raise error  # at the next strike, it begins again
        return self._trace(frame)

    def _trace(self, frame: FrameType) -> Any:
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        frame.f_trace = self._on_opcode
        return frame.f_trace

    def _on_opcode(self, frame: FrameType, event: str, _: object) -> Any:
        is_back = event == "opcode" and jumps_back(frame.f_code, frame.f_lasti)
        if is_back and self._tool >= 0:
            number = self._tool
            error = self._error_at(frame, only_ask=bool(number))
            if error is not None:
                self._trip[number or type(error)]
        return self._on_opcode


def loop_breaker(error_at: ErrorAt) -> LoopBreaker:
    """Return a breaker that works on this Python."""
    kind = LoopBreaker if hasattr(sys, "monitoring") else TracingLoopBreaker
    return kind(error_at)
