"""What a worker prints: whole lines, each one written at once to a file of the cell.

So nothing it wrote is lost, however it dies; `relay` reads the file back in the notebook.
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

__all__ = ["FRAME", "MOST_IN_FRAME", "UNIT", "capture"]

MOST_IN_FRAME = 1 << 18  # characters; of longer texts a reader would have to hold the whole
_LONGEST_NAME = 200  # characters shown of a worker's name
FRAME = b"\x1e"  # ASCII record separator opens a frame,
UNIT = b"\x1f"  # unit separators part its head: stream, pid, worker, size in bytes, text


class _Frames(io.TextIOBase):
    """A worker's text stream: every whole line goes to the file in one write."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, target: int, number: int, worker: str) -> None:
        self._target = target
        self._number = number
        self._head = f"{number}\x1f{os.getpid()}\x1f{worker}\x1f".encode(errors="replace")
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
            payload = text[begin : begin + MOST_IN_FRAME].encode("utf-8", "backslashreplace")
            frame = b"".join([FRAME, self._head, str(len(payload)).encode(), UNIT, payload])
            with contextlib.suppress(OSError):  # a full disk loses the line, not the worker
                os.write(self._target, frame)


def capture(path: str, worker: str) -> None:
    """Send what this worker prints to a file, from C and from its own children as well."""
    target = open_to_append(path)
    if len(worker) > _LONGEST_NAME or not worker.isprintable():
        worker = "".join(c if c.isprintable() else "?" for c in worker[:_LONGEST_NAME])
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout = _Frames(target, 1, worker)
    sys.stderr = _Frames(target, 2, worker)
