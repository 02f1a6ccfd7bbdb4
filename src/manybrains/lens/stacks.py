"""Where the threads of this process and of its workers stand: their stacks, as they are now.

A signal asks the workers; `workers.stack_dumps` has made them ready to answer.
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

_THREAD = re.compile(r"^(Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\)", re.M)
_FRAME = re.compile(r'^  File "([^"\n]*)", line (\d+) in (.*)$', re.M)
_STEP = 0.0003  # seconds from one look for an answer to the next
_MOST = 0.05  # seconds for one worker


class Frame(NamedTuple):
    """One call: where it is, and in which function."""

    file: str
    line: int
    function: str


Stack = tuple[Frame, ...]  # the innermost call first


def stack_of(frame: FrameType | None) -> Stack:
    """Return the stack whose innermost call is this frame."""
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

    A worker that is stopped, blocks the signal or runs another program cannot answer.  It is
    left out.

    Args:
        seconds: the time that all workers together may take.
    """
    until = time.monotonic() + seconds
    found: dict[int, Sequence[Stack]] = {}
    if session.stack_file < 0:
        return found
    with Path(stacks_path(session.folder)).open("rb") as file:
        for pid in pids:
            if time.monotonic() >= until:
                break
            file.seek(0, os.SEEK_END)
            if _has_told(pid, session.stack_signal, min(until, time.monotonic() + _MOST)):
                found[pid] = _stacks_in(file.read().decode(errors="replace"))
    return found


def _has_told(pid: int, number: int, until: float) -> bool:
    """Send the signal to a worker that can answer, and wait until its handler has returned."""
    with contextlib.suppress(OSError, ValueError):
        status = _status(Path(f"/proc/{pid}/status"))
        if status["State"][0] in "TtZ" or not _has(status["SigCgt"], number):
            return False
        os.kill(pid, number)
        while time.monotonic() < until:
            if _is_done(pid, number):
                return True
            time.sleep(_STEP)
    return False


def _is_done(pid: int, number: int) -> bool:
    """Tell whether a signal is neither pending nor blocked: its handler runs with it blocked."""
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
    begins = [match.end() for match in _THREAD.finditer(text)]
    parts = [text[begin:end] for begin, end in zip(begins, [*begins[1:], None], strict=True)]
    stacks = [
        tuple(Frame(file, int(line), function) for file, line, function in _FRAME.findall(part))
        for part in parts
    ]
    return sorted(stacks, key=_is_of_a_thread)


def _is_of_a_thread(stack: Stack) -> bool:
    """Tell whether a stack begins where `threading` starts a thread."""
    return bool(stack) and stack[-1].file.replace("\\", "/").endswith("/threading.py")
