"""What a deadline takes for granted of how CPython's threads wait, and where they look for errors.

No documentation has it; tests/deadlines/test_thread_internals.py has a test for each, on every
Python.
"""

import _thread
import dis
import functools
from types import CodeType, FrameType
from typing import Any

__all__ = ["jumps_back", "raise_in_thread", "trip_signal", "trip_thread", "wake_thread"]

_BACK = frozenset(
    code
    for name, code in dis.opmap.items()
    if "JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name  # that one is part of `await`
)


def jumps_back(code: CodeType, offset: int) -> bool:
    """Tell whether the instruction at this place is the end of a loop.

    It lies outside of a `try` or a `with` in the loop, and inside of one that the loop is in.
    """
    opcodes = code.co_code
    while opcodes[offset] == dis.EXTENDED_ARG:
        offset += 2
    return opcodes[offset] in _BACK


def wake_thread(frame: FrameType | None) -> None:
    """Let the thread of this innermost frame go on, if it waits for a condition or in a loop.

    Condition.wait (and so Event.wait, Queue.get and Future.result) waits until it can acquire the
    lock `waiter`, which it has put among the `_waiters` of its condition.  `run_forever` of asyncio
    is a method of the loop.
    """
    if frame is None:
        return
    inner = frame.f_locals if frame.f_code.co_name == "wait" else {}
    condition: Any = inner.get("self")
    waiter = inner.get("waiter")
    if waiter is not None and hasattr(condition, "_waiters"):
        try:
            condition._waiters.remove(waiter)
            waiter.release()
        except (ValueError, RuntimeError):  # somebody else has just notified it
            pass
    outer: FrameType | None = frame
    while outer is not None:
        code = outer.f_code
        if code.co_name == "run_forever" and "asyncio" in code.co_filename:
            outer.f_locals["self"].call_soon_threadsafe(int)  # a call that does nothing
            return
        outer = outer.f_back


class _Nothing(BaseException):
    """Raised and caught at once, see `raise_in_thread`."""


def raise_in_thread(ident: int, kind: type[BaseException] | None) -> None:
    """Let a thread raise an error as soon as it runs Python code; None: nothing after all.

    Python keeps in mind that a thread has something to raise until one raises it, even if it was
    taken back.  Until then, a function that is traced would never begin (seen on 3.11).
    """
    import ctypes

    raise_later = ctypes.pythonapi.PyThreadState_SetAsyncExc
    raise_later(ctypes.c_ulong(ident), None if kind is None else ctypes.py_object(kind))
    if kind is None:
        try:
            raise_later(ctypes.c_ulong(_thread.get_ident()), ctypes.py_object(_Nothing))
            while True:
                pass
        except _Nothing:
            return


# On Python 3.11 a trace function that raises is taken away.  So it does not raise: it makes as if
# something had come from outside, and the instruction that is traced, a jump back, looks for that.
# Within the trace function it must not be seen: after a call Python looks, after a subscript not.


class _TripSignal:
    __getitem__: Any = _thread.interrupt_main


def trip_signal() -> Any:
    """Return an object whose item N makes as if signal N had come, when the caller returns."""
    return _TripSignal()


def trip_thread(ident: int) -> Any:
    """Return an object whose item is an error's class: the thread raises it, as in `trip_signal`.

    In a thread that is not the main one, no handler of a signal runs.
    """
    import ctypes

    kind = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
    raise_in = functools.partial(kind(("PyThreadState_SetAsyncExc", ctypes.pythonapi)), ident)
    return type("_TripThread", (), {"__getitem__": raise_in})()
