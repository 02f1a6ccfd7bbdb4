"""What is in a file of output: bytes in, whole lines of workers out.

Pure.  `workers.output` writes the frames.  C code, and programs that a worker starts, write
between them: such bytes are the text of nobody known, on standard output.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..workers.output import FRAME, LONGEST_NAME, MOST_IN_FRAME, UNIT

__all__ = ["OutputFrames", "Part"]

_MOST_BYTES = 4 * MOST_IN_FRAME  # UTF-8 has at most 4 for a character
_NAME = b"[^%b%b]{0,%d}" % (FRAME, UNIT, 4 * LONGEST_NAME)
_HEAD = re.compile(UNIT.join([rb"([12])", rb"(\d{1,10})", b"(" + _NAME + b")", rb"(\d{1,7})", b""]))
_LONGEST_HEAD = 4 * LONGEST_NAME + 24  # bytes


class Part(NamedTuple):
    """Some text of a worker; pid and worker are empty where nobody knows whose it is."""

    stream: int
    pid: str
    worker: str
    text: str


class OutputFrames:
    """Reads a file of output piece by piece; gives whole lines, and keeps what is unfinished."""

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a frame
        self._unfinished: dict[tuple[int, str], Part] = {}  # lines, by stream and pid

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the lines that are whole with these bytes, or too long to be kept."""
        parts, self._rest = _split(self._rest + data)
        for part in parts:
            yield from self._whole_lines(part)

    def flush(self) -> Iterator[Part]:
        """Yield what is unfinished: nothing more comes."""
        rest, self._rest = self._rest.strip(FRAME), b""
        if rest:
            yield from self._whole_lines(_of_nobody(rest))
        unfinished, self._unfinished = self._unfinished, {}
        yield from unfinished.values()

    def drop(self) -> int:
        """Forget what is unfinished; return how much it was, in bytes of ASCII text."""
        size = len(self._rest) + sum(len(part.text) for part in self._unfinished.values())
        self._rest = b""
        self._unfinished.clear()
        return size

    def _whole_lines(self, part: Part) -> Iterator[Part]:
        key = part.stream, part.pid
        before = self._unfinished.pop(key, None)
        text = part.text if before is None else before.text + part.text
        whole, end, left = text.rpartition("\n")
        if len(left) > MOST_IN_FRAME:
            end, left = end + left, ""
        if left:
            self._unfinished[key] = part._replace(text=left)
        if whole + end:
            yield part._replace(text=whole + end)


def _of_nobody(data: bytes) -> Part:
    return Part(1, "", "", data.decode("utf-8", "replace"))


def _split(data: bytes) -> tuple[list[Part], bytes]:
    """Return the parts in these bytes, and what may be the beginning of another frame.

    A mark without a head behind it is text: a program may print it.
    """
    parts: list[Part] = []
    raw, place = b"", 0
    while (mark := data.find(FRAME, place)) >= 0:
        raw += data[place:mark]
        head = _HEAD.match(data, mark + 1)
        size = int(head[4]) if head else 0
        if _is_cut(data, mark) if head is None else len(data) < head.end() + size:
            place = mark
            break
        if head is None or size > _MOST_BYTES:
            raw, place = raw + data[mark : mark + 1], mark + 1
            continue
        if raw:
            parts.append(_of_nobody(raw))
        place = head.end() + size
        text = data[head.end() : place].decode("utf-8", "replace")
        parts.append(Part(int(head[1]), head[2].decode(), head[3].decode("utf-8", "replace"), text))
        raw = b""
    else:
        raw, place = raw + data[place:], len(data)
    if raw:
        parts.append(_of_nobody(raw))
    return parts, data[place:]


def _is_cut(data: bytes, mark: int) -> bool:
    """Tell whether a head may follow this mark once there are more bytes: it has no mark in it."""
    return len(data) < mark + _LONGEST_HEAD and data.find(FRAME, mark + 1) < 0
