"""What a worker prints: whole lines, each written at once to a file of the cell.

So nothing that it wrote is lost, however it ends.  `notebook.output_frames` reads the file.
Workers import this: it is light.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading

from .events import open_to_append

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "FRAME",
    "LONGEST_NAME",
    "MOST_IN_FRAME",
    "UNIT",
    "WorkerStreams",
    "capture",
    "frame_head",
    "framed",
]

# A frame: FRAME, then stream (1 or 2), pid, worker and the size of the text in bytes, each with
# UNIT after it, then the text in UTF-8.  ASCII calls the two marks record and unit separator.
FRAME = b"\x1e"
UNIT = b"\x1f"
MOST_IN_FRAME = 1 << 18  # bytes; a longer text goes in several frames
LONGEST_NAME = 200  # characters of a worker's name
_UTF_8 = ("utf-8", "UTF-8", "utf8", "UTF8")


def frame_head(stream: int, pid: int, worker: str) -> bytes:
    """Return the beginning of all frames of a worker's stream."""
    fields = (str(stream), str(pid), worker, "")
    return FRAME + UNIT.join(field.encode("utf-8", "replace") for field in fields)


def framed(head: bytes, data: bytes) -> bytes:
    """Return what a worker prints as a frame."""
    return b"".join((head, str(len(data)).encode(), UNIT, data))


class _Frames(io.BufferedIOBase):
    """The buffer below a worker's text stream: what it flushes is one frame.

    The text stream on top is Python's own, in C.  So it does all that a script's stream does, and
    threads that print do not come between the text of one `print` and its line end.
    """

    mode = "wb"

    def __init__(self, number: int) -> None:
        self.name = "<stdout>" if number == 1 else "<stderr>"
        self.text: io.TextIOWrapper | None = None  # the stream on top
        self._number = number
        self._pending: list[bytes] = []
        self._lock = threading.RLock()
        self._head = b""
        self._worker = ""
        self._file = (0, 0)  # the cell's file, as the system knows it

    def begin(self, worker: str, file: tuple[int, int]) -> None:
        """Print as this worker from here on, to the file that has these two numbers."""
        self._worker, self._file = worker, file
        if self._head:  # of the process that forked this one
            self._head, self._pending = b"", []

    @property
    def raw(self) -> io.FileIO:
        """The descriptor below, as a script's stream has it."""
        self.flush()
        return io.FileIO(self._number, "wb", closefd=False)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        if data[-1:] == b"\n" and not self._pending:
            self._send(data)
        else:
            with self._lock:
                self._pending.append(data)
        return len(data)

    def flush(self) -> None:
        if self._pending:
            with self._lock:
                pending, self._pending = self._pending, []
                if data := b"".join(pending):
                    self._send(data)

    def _send(self, data: bytes) -> None:
        number = self._number
        state = os.fstat(number)
        if state.st_ino != self._file[1] or state.st_dev != self._file[0]:
            while data:  # os.dup2 has put something else there: it gets what a script would write
                data = data[os.write(number, data) :]
            return
        try:
            encoding = self.text.encoding  # type: ignore[union-attr]
        except ValueError:  # detached
            encoding = "utf-8"
        if encoding not in _UTF_8:  # of `reconfigure`
            data = data.decode(encoding, "replace").encode("utf-8", "replace")
        if not self._head:
            self._head = frame_head(number, os.getpid(), _printable(self._worker))
        try:
            for piece in (data,) if len(data) <= MOST_IN_FRAME else _pieces(data):
                os.write(number, framed(self._head, piece))
        except OSError:  # a full disk loses the line, not the worker
            pass


def _pieces(data: bytes) -> list[bytes]:
    """Cut what is too long for a frame: after a line if possible, and inside no character."""
    pieces, begin = [], 0
    while begin < len(data):
        end = begin + MOST_IN_FRAME
        if end < len(data):
            end = data.rfind(b"\n", begin, end) + 1 or end
            while data[end] & 0xC0 == 0x80:
                end -= 1
        pieces.append(data[begin:end])
        begin = end
    return pieces


def _printable(name: str) -> str:
    if len(name) <= LONGEST_NAME and name.isprintable():
        return name
    return "".join(c if c.isprintable() else "?" for c in name[:LONGEST_NAME])


class WorkerStreams:
    """The standard output and error of a worker.

    A notebook makes them once, in advance, for all the workers that it forks: to make them takes
    each of those a tenth of a millisecond, mostly for copies of memory pages.

    Args:
        out: the text stream to change into one; None: make a new one.
        err: the same for standard error.
    """

    def __init__(self, out: Any = None, err: Any = None) -> None:
        self._frames = _Frames(1), _Frames(2)
        self._kept: list[Any] = []  # what would close a descriptor if it were freed
        self.out, self.err = map(self._stream, self._frames, (out, err))

    def _stream(self, frames: _Frames, stream: Any) -> Any:
        """Return a text stream on top; one that exists is changed, since others may hold it."""
        if type(stream) is io.TextIOWrapper:
            with contextlib.suppress(ValueError, OSError):
                stream.flush()
                self._kept.append(stream.buffer)
        else:
            stream = io.TextIOWrapper.__new__(io.TextIOWrapper)
        stream.__init__(
            frames, encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
        )
        stream.mode = "w"
        frames.text = stream
        return stream

    def begin(self, worker: str, file: tuple[int, int]) -> None:
        """Make these the streams of this worker; they print to the file with these numbers."""
        for frames in self._frames:
            frames.begin(worker, file)
        self._kept += sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
        sys.stdout = sys.__stdout__ = self.out  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = self.err  # type: ignore[misc]


def capture(path: str, worker: str, streams: WorkerStreams | None) -> WorkerStreams:
    """Send to a file what this worker, its C code and its own children print.

    Args:
        path: the file.
        worker: the worker's name.
        streams: those of the process that has forked this one, if it had some.
    """
    target = open_to_append(path)
    os.dup2(target, 1)
    os.dup2(target, 2)
    state = os.fstat(target)
    if streams is None:
        # What was made of these before, such as a handler of `logging`, has to go on.
        streams = WorkerStreams(sys.__stdout__, sys.__stderr__)
    streams.begin(worker, (state.st_dev, state.st_ino))
    return streams
