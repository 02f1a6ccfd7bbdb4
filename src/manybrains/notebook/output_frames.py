"""What is in a file of output: bytes in; whole lines, and what was flushed of a line, out.

Pure.  `workers.output` writes the frames.  C code, and programs that a worker starts, write
between them: such bytes are the text of nobody known, on standard output.
"""

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from ..workers.output import FRAME, LONGEST_NAME, MOST_IN_FRAME, UNIT

__all__ = ["OutputFrames", "Part"]

_NAME = b"[^%b%b]{0,%d}" % (FRAME, UNIT, 4 * LONGEST_NAME)
_HEAD = re.compile(UNIT.join([rb"([12])", rb"(\d{1,10})", b"(" + _NAME + b")", rb"(\d{1,7})", b""]))
_LONGEST_HEAD = 4 * LONGEST_NAME + 24  # bytes
_CUT = MOST_IN_FRAME - 3  # bytes; a frame of so many was cut, at the end of a character
_PATIENCE = 0.1  # seconds that the beginning of a line waits for its end
_CONTROLS = re.compile(rb"[\r\x1b]")  # they move what is shown, so each comes at its time


class Part(NamedTuple):
    """Some text of a worker; pid and worker are empty where nobody knows whose it is."""

    stream: int
    pid: str
    worker: str
    text: str


class _Writer(NamedTuple):
    """Whose the text is, as in Part."""

    stream: int
    pid: str
    worker: str


_Found = list[tuple[_Writer, list[bytes]]]  # texts that follow one another, of the same worker
_NOBODY = _Writer(1, "", "")


class OutputFrames:
    """Reads a file of output piece by piece.

    It gives whole lines, and of a line that is not finished what the worker has flushed.  It keeps
    what nobody has flushed, since the rest of the line follows at once: Python writes all of
    `print("a\\nb")` but for the last line end, and C code fills its buffer.
    """

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a frame
        # Lines that are not finished, by stream and pid: whose, and since when they wait for
        # their ends.
        self._unfinished: dict[tuple[int, str], tuple[_Writer, bytes, float]] = {}

    def feed(self, data: bytes, now: float = 0.0) -> Iterator[Part]:
        """Yield what can be shown with these bytes, which were read at this moment."""
        found, self._rest = _split(self._rest + data)
        for writer, texts in found:
            yield from self._showable(writer, texts, now)

    def overdue(self, now: float) -> Iterator[Part]:
        """Yield the beginnings of lines that have waited for their ends long enough."""
        for place, (writer, data, since) in [*self._unfinished.items()]:
            if now - since >= _PATIENCE:
                del self._unfinished[place]
                yield _part(writer, data)

    def flush(self) -> Iterator[Part]:
        """Yield what is unfinished: nothing more comes."""
        rest, self._rest = self._rest.strip(FRAME), b""
        if rest:
            yield from self._showable(_NOBODY, [rest], 0.0)
        unfinished, self._unfinished = self._unfinished, {}
        for writer, data, _ in unfinished.values():
            yield _part(writer, data)

    def drop(self) -> int:
        """Forget what is unfinished; return how many bytes it was."""
        size = len(self._rest) + sum(len(data) for _, data, _ in self._unfinished.values())
        self._rest = b""
        self._unfinished.clear()
        return size

    def _showable(self, writer: _Writer, texts: list[bytes], now: float) -> Iterator[Part]:
        whose, before, since = self._unfinished.pop(writer[:2], (writer, b"", now))
        if whose != writer:  # the worker has another name now
            yield _part(whose, before)
            before, since = b"", now
        data = b"".join([before, *texts])
        end = data.rfind(b"\n") + 1
        if end < len(data):
            if len(data) - end > MOST_IN_FRAME or _is_flushed(writer, texts[-1]):
                end = len(data) - _size_of_half_a_character(data)
            if end < len(data):
                self._unfinished[writer[:2]] = writer, data[end:], now if end else since
        if end:
            yield _part(writer, data[:end])


def _part(writer: _Writer, data: bytes) -> Part:
    return Part(*writer, data.decode("utf-8", "replace"))


def _is_flushed(writer: _Writer, last: bytes) -> bool:
    """Tell whether the last text before the end was flushed in the middle of a line."""
    by_hand = writer is not _NOBODY and b"\n" not in last and len(last) < _CUT
    return by_hand or _CONTROLS.search(last) is not None


def _size_of_half_a_character(data: bytes) -> int:
    """Return how many bytes at the end are the beginning of a character in UTF-8."""
    for size in range(1, min(3, len(data)) + 1):
        byte = data[-size]
        if byte & 0xC0 != 0x80:  # the first byte of a character
            return size if byte >= (0xC0, 0xE0, 0xF0)[size - 1] else 0
    return 0


def _split(data: bytes) -> tuple[_Found, bytes]:
    """Return the texts in these bytes, and what may be the beginning of another frame.

    A mark without a head behind it is text: a program may print it.
    """
    found: _Found = []
    raw, place = b"", 0
    while (mark := data.find(FRAME, place)) >= 0:
        raw += data[place:mark]
        head = _HEAD.match(data, mark + 1)
        size = int(head[4]) if head else 0
        if _is_cut(data, mark) if head is None else len(data) < head.end() + size:
            place = mark
            break
        if head is None or size > MOST_IN_FRAME:
            raw, place = raw + data[mark : mark + 1], mark + 1
            continue
        if raw:
            _put(found, _NOBODY, raw)
        raw, place = b"", head.end() + size
        _put(found, _writer(*head.group(1, 2, 3)), data[head.end() : place])
    else:
        raw, place = raw + data[place:], len(data)
    if raw:
        _put(found, _NOBODY, raw)
    return found, data[place:]


def _put(found: _Found, writer: _Writer, text: bytes) -> None:
    """Add a text; to show one long text takes less time than many short ones."""
    if found and found[-1][0] is writer:
        found[-1][1].append(text)
    else:
        found.append((writer, [text]))


@functools.lru_cache(64)
def _writer(stream: bytes, pid: bytes, worker: bytes) -> _Writer:
    return _Writer(int(stream), pid.decode(), worker.decode("utf-8", "replace"))


def _is_cut(data: bytes, mark: int) -> bool:
    """Tell whether a head may follow this mark once there are more bytes: it has no mark in it."""
    return len(data) < mark + _LONGEST_HEAD and data.find(FRAME, mark + 1) < 0
