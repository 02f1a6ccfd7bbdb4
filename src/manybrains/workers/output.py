"""What a worker prints: whole lines, each written at once to a file of the cell.

So nothing that it wrote is lost, however it ends.  `notebook.output_frames` reads the file.
Workers import this: it is light.
"""

import contextlib
import io
import os
import sys
import threading

from .events import open_to_append

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["FRAME", "LONGEST_NAME", "MOST_IN_FRAME", "UNIT", "capture", "frame_head", "framed"]

# A frame: FRAME, then stream (1 or 2), pid, worker and the size of the text in bytes, each with
# UNIT after it, then the text.  ASCII calls the two marks record and unit separator.
FRAME = b"\x1e"
UNIT = b"\x1f"
MOST_IN_FRAME = 1 << 18  # characters; a longer text goes in several frames
LONGEST_NAME = 200  # characters of a worker's name


def frame_head(stream: int, pid: int, worker: str) -> bytes:
    """Return the beginning of all frames of a worker's stream."""
    fields = (str(stream), str(pid), worker, "")
    return FRAME + UNIT.join(field.encode("utf-8", "replace") for field in fields)


def framed(head: bytes, text: str) -> bytes:
    """Return a text that a worker prints as a frame."""
    payload = text.encode("utf-8", "backslashreplace")
    return b"".join([head, str(len(payload)).encode(), UNIT, payload])


class _Frames(io.TextIOBase):
    """A worker's text stream: every whole line goes to the file in one write."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, target: int, number: int, worker: str) -> None:
        self._target = target
        self._number = number
        self._head = frame_head(number, os.getpid(), worker)
        self._pending: list[str] = []
        self._lock = threading.RLock()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    @property
    def buffer(self) -> "BinaryIO":
        self.flush()
        return open(self._number, "wb", buffering=0, closefd=False)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            self._pending.append(text)
            if "\n" in text:
                whole, end, rest = "".join(self._pending).rpartition("\n")
                self._pending = [rest] if rest else []
                self._send(whole + end)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            text, self._pending = "".join(self._pending), []
            if text:
                self._send(text)

    def _send(self, text: str) -> None:
        for begin in range(0, len(text), MOST_IN_FRAME):
            frame = framed(self._head, text[begin : begin + MOST_IN_FRAME])
            with contextlib.suppress(OSError):  # a full disk loses the line, not the worker
                os.write(self._target, frame)


def capture(path: str, worker: str) -> None:
    """Send to a file what this worker, its C code and its own children print."""
    target = open_to_append(path)
    if len(worker) > LONGEST_NAME or not worker.isprintable():
        worker = "".join(c if c.isprintable() else "?" for c in worker[:LONGEST_NAME])
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout = _Frames(target, 1, worker)
    sys.stderr = _Frames(target, 2, worker)
