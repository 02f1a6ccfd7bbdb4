"""Where the threads of this process and of its workers stand: their stacks, as they are now.

Workers are asked by a signal; `workers.stack_dumps` made them ready to tell.
"""

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from ..workers.session import Session
from ..workers.stack_dumps import stacks_path

__all__ = ["Frame", "Stack", "stack_of", "stacks_here", "stacks_of_workers"]

_THREAD = re.compile(r"^(?:Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\)", re.M)
_FRAME = re.compile(r'^  File "([^"\n]*)", line (\d+) in (.*)$', re.M)
_STEP = 0.0003  # seconds between two looks whether a worker has told


class Frame(NamedTuple):
    """One call: where it is, and in which function."""

    file: str
    line: int
    function: str


Stack = tuple[Frame, ...]  # the innermost call first


def stack_of(frame: FrameType | None) -> Stack:
    """Return the stack that ends with a frame of this process."""
    frames: list[Frame] = []
    while frame is not None:
        code = frame.f_code
        frames.append(Frame(code.co_filename, frame.f_lineno or 0, code.co_name))
        frame = frame.f_back
    return tuple(frames)


def stacks_here() -> dict[int, Stack]:
    """Return the stack of each thread of this process, by its identifier."""
    return {ident: stack_of(frame) for ident, frame in sys._current_frames().items()}


def stacks_of_workers(
    session: Session, pids: Iterable[int], seconds: float
) -> dict[int, Sequence[Stack]]:
    """Ask workers where they stand; return their stacks by pid, that of the main thread first.

    A worker that is stopped, blocks the signal, or runs another program cannot tell; it is
    left out.

    Args:
        seconds: that all of them together may take.
    """
    workers, until = list(pids), time.monotonic() + seconds
    found: dict[int, Sequence[Stack]] = {}
    if session.stack_file < 0:
        return found
    path = Path(stacks_path(session.folder))
    with path.open("rb") as file:
        for place, pid in enumerate(workers):
            left = until - time.monotonic()
            if left <= 0:
                break
            begin = file.seek(0, os.SEEK_END)
            share = left / (len(workers) - place)  # more than that, if others are quick
            if _can_tell(pid, session.stack_signal) and _has_told(
                pid, session.stack_signal, path, begin, time.monotonic() + share
            ):
                found[pid] = _stacks_in(file.read().decode(errors="replace"))
    return found


def _can_tell(pid: int, number: int) -> bool:
    """Tell whether a process is not stopped, and has a handler for the signal."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        status = _status(Path(f"/proc/{pid}/status"))
        return status["State"][0] not in "TtZ" and _has(status["SigCgt"], number)
    return False


def _has_told(pid: int, number: int, path: Path, begin: int, until: float) -> bool:
    """Send the signal, and wait until the file has grown and the handler has returned."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        os.kill(pid, number)
        while time.monotonic() < until:
            # For a moment a signal is neither pending nor blocked: when its handler begins.
            if path.stat().st_size > begin and _is_done(pid, number):
                return True
            time.sleep(_STEP)
    return False


def _is_done(pid: int, number: int) -> bool:
    """Tell whether a signal is neither pending nor being handled: it is blocked meanwhile."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        status = _status(thread / "status")
        if any(_has(status[field], number) for field in ("ShdPnd", "SigPnd", "SigBlk")):
            return False
    return True


def _status(path: Path) -> dict[str, str]:
    """Return the fields of a file such as /proc/PID/status, see proc_pid_status(5)."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _has(mask: str, number: int) -> bool:
    return bool(int(mask, 16) >> (number - 1) & 1)


def _stacks_in(text: str) -> Sequence[Stack]:
    """Return the stacks that faulthandler has written, that of the main thread first."""
    _, *parts = _THREAD.split(text)
    stacks = [
        tuple(Frame(file, int(line), function) for file, line, function in _FRAME.findall(part))
        for part in parts
    ]
    return sorted(stacks, key=_is_of_a_thread)


def _is_of_a_thread(stack: Stack) -> bool:
    """Tell whether a stack begins where `threading` starts a thread."""
    return bool(stack) and stack[-1].file.replace("\\", "/").endswith("/threading.py")
