"""A cell as workers print in it: the text that it shows, and the file of those it has started."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..workers.events import open_to_read
from .output_frames import OutputFrames, Part
from .output_lines import ShownLines

__all__ = ["MOST_CHARACTERS", "CellFile", "ShownCell"]

MOST_CHARACTERS = 20_000_000  # shown in one cell; the rest is counted, not kept
_MOST_ON_DISK = 1 << 26  # bytes; a cell's file is cut when it is larger

Show = Callable[[Any, int, str], None]


@dataclass(slots=True, eq=False)
class ShownCell:
    """What workers have printed in one cell.

    Attributes:
        request: the message that asked for the cell; the output belongs to it.
        labelled: whether the worker's name stands before each line.
        dropped: bytes that were too many to be shown.
        warned: whether the cell says that the disk is full.
    """

    request: Any
    labelled: bool = False
    dropped: int = 0
    warned: bool = False
    lines: dict[int, ShownLines] = field(
        default_factory=lambda: {number: ShownLines() for number in (1, 2)}
    )
    _shown: int = 0

    @property
    def is_full(self) -> bool:
        return self._shown > MOST_CHARACTERS

    def show(self, parts: Iterable[Part], show: Show, rename: Callable[[str], str]) -> None:
        """Show what workers have printed, or count it where it is too much."""
        for part in parts:
            text = part.text
            if self.is_full:
                self.dropped += len(text)
                continue
            self._shown += len(text)
            if part.stream == 2:
                text = rename(text)
            label = f"{part.worker}: " if self.labelled and part.worker else ""
            text = self.lines[part.stream].write(part.pid, label, text)
            show(self.request, part.stream, text)

    def tell_of_dropped(self, show: Show) -> None:
        if self.dropped:
            text = f"[some {self.dropped:,} bytes more were printed by workers, and dropped]\n"
            show(self.request, 2, text)
            self.dropped = 0


class CellFile:
    """The file to which the workers that one cell has started print, and how far it is read.

    Attributes:
        path: where it is.
        cell: the cell that has started them.
        writers: the processes that print to it.
    """

    def __init__(self, path: Path, cell: ShownCell) -> None:
        self.path = path
        self.cell = cell
        self.writers: set[Any] = set()
        self._source: int | None = None
        self._frames = OutputFrames()

    @property
    def is_open(self) -> bool:
        return self._source is not None

    @property
    def is_large(self) -> bool:
        """Whether so much of it is not read that it must not wait."""
        if self._source is None:
            return False
        return os.fstat(self._source).st_size - self._place() > _MOST_ON_DISK

    def open(self) -> None:
        """Make the file, if there is none.

        Raises:
            OSError: if there is no room, or no folder.
        """
        if self._source is None:
            self._source = open_to_read(self.path, create=True)

    def read(self, target: ShownCell, rest: bool) -> Iterator[Part]:
        """Yield what is new, for a cell to show; with `rest`, unfinished lines too."""
        if self._source is None:
            return
        while not target.is_full and (chunk := os.read(self._source, 1 << 20)):
            yield from self._frames.feed(chunk, time.perf_counter())
        if target.is_full:
            target.dropped += self._drop()
        elif rest:
            yield from self._frames.flush()
        else:
            yield from self._frames.overdue(time.perf_counter())

    def _drop(self) -> int:
        """Skip what nobody is going to see, and keep the file from filling the disk.

        Workers may write between our look at the size and the cut, and that is not counted.  So
        the file is cut only when it is large, and the note says "some" bytes.

        Returns:
            How many bytes were skipped.
        """
        assert self._source is not None
        dropped = self._frames.drop()
        with contextlib.suppress(OSError):
            place = self._place()
            end = os.lseek(self._source, 0, os.SEEK_END)
            dropped += end - place
            if end > _MOST_ON_DISK:
                os.truncate(self.path, 0)  # writers append, so they go on at the beginning
                os.lseek(self._source, 0, os.SEEK_SET)
        return dropped

    def _place(self) -> int:
        assert self._source is not None
        return os.lseek(self._source, 0, os.SEEK_CUR)

    def discard(self) -> None:
        """Close the file, and remove it."""
        if self._source is not None:
            os.close(self._source)
            self._source = None
        with contextlib.suppress(OSError):
            self.path.unlink()
