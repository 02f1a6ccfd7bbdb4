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
from ..workers.stack_dumps import is_free, stacks_path

__all__ = ["Frame", "Stack", "stack_of", "stacks_here", "stacks_of_workers"]

_THREAD = re.compile(r"^(?:Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\)", re.M)
_FRAME = re.compile(r'^  File "([^"\n]*)", line (\d+) in (.*)$', re.M)
_STEP = 0.0003  # seconds between two looks whether a worker has told
_FORK = 0.03  # seconds that a fork may take at most, on a busy machine too


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
) -> dict[int, Sequence[Stack] | str]:
    """Ask workers where they stand; return their stacks by pid, that of the main thread first.

    Of a worker that cannot tell, it is a text that says why.  A worker is left out if it has
    ended, runs another program, or did not tell in time.  Workers that wait are asked first:
    those that compute must get a core before they can tell.

    Args:
        seconds: the time that all workers together may take.
    """
    until = time.monotonic() + seconds
    found: dict[int, Sequence[Stack] | str] = {}
    if session.stack_file < 0 or not is_free(session.stack_signal):
        return found
    path, ready = Path(stacks_path(session.folder)), []
    for pid in pids:
        if time.monotonic() >= until - seconds / 2:  # on a machine where many compute
            break
        with contextlib.suppress(OSError, ValueError, KeyError):  # it has ended
            if _has_open(pid, session.stack_file):
                if obstacle := _obstacle(pid, session.stack_signal):
                    found[pid] = obstacle
                else:
                    ready.append((not _state(pid).startswith("S"), pid))
    for _, pid in sorted(ready):
        with contextlib.suppress(OSError, ValueError, KeyError):
            if not (text := _told(pid, session.stack_signal, path, until)):
                break  # it may still tell: that would be taken for what the next one tells
            found[pid] = _stacks_in(text)
    return found


def _has_open(pid: int, descriptor: int) -> bool:
    """Tell whether a process has this open file of ours open: a program that it runs has not.

    Such a program would be ended by the signal, or would do something of its own on it.
    """
    file, theirs = os.fstat(descriptor), Path(f"/proc/{pid}/fd")
    with contextlib.suppress(OSError):  # a forked worker has it under the same number
        if os.path.samestat((theirs / str(descriptor)).stat(), file):
            return True
    return any(os.path.samestat(each.stat(), file) for each in theirs.iterdir() if each.exists())


def _obstacle(pid: int, number: int) -> str:
    """Return in words why a process cannot tell where it stands; empty text if it can."""
    if _state(pid)[0] in "Tt":
        return "stopped by a signal"
    is_caught = _has(_status(Path(f"/proc/{pid}/status"))["SigCgt"], number)
    until = time.monotonic() + _FORK
    while is_caught and not (listens := bool(_listening(pid, number))):
        if time.monotonic() > until:
            break
        time.sleep(_STEP)  # the C library lets no signal into a child that is just being forked
    return "" if is_caught and listens else "not asked: it does not listen to signals"


def _listening(pid: int, number: int) -> list[Path]:
    """Return the folders of the threads of a process that do not block a signal."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [thread for thread in threads if not _has(_status(thread / "status")["SigBlk"], number)]


def _told(pid: int, number: int, path: Path, until: float) -> str:
    """Send the signal to a process; return what it has written, or no text if it was too slow.

    Raises:
        OSError: if the process ends meanwhile.
    """
    threads, begin = _listening(pid, number), path.stat().st_size
    os.kill(pid, number)
    while time.monotonic() < until:
        # For a moment a signal is neither pending nor blocked: when its handler begins.
        if path.stat().st_size > begin and all(_is_done(thread, number) for thread in threads):
            return path.read_bytes()[begin:].decode(errors="replace")
        if _state(pid)[0] in "ZX":
            raise ProcessLookupError(pid)
        time.sleep(_STEP)
    return ""


def _is_done(thread: Path, number: int) -> bool:
    """Tell whether a signal is neither pending nor being handled: it is blocked meanwhile."""
    if not thread.exists():
        return True
    status = _status(thread / "status")
    return not any(_has(status[field], number) for field in ("ShdPnd", "SigPnd", "SigBlk"))


def _status(path: Path) -> dict[str, str]:
    """Return the fields of a file such as /proc/PID/status, see proc_pid_status(5)."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _state(pid: int) -> str:
    """Return the state of a process, a letter and a word: "S (sleeping)"."""
    return _status(Path(f"/proc/{pid}/status"))["State"]


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
