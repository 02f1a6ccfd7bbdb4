"""Shows what workers print in the cell that started them: whole lines, in order.

Workers write to a file, one for each cell.  The notebook reads it before each line that it
prints itself, at the end of the cell, and every few hundredths of a second in between.
"""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..workers.events import open_to_read
from ..workers.hints import no_room
from ..workers.session import current_session
from .output_frames import OutputFrames, Part

__all__ = ["MOST_CHARACTERS", "Relay", "current_relay"]

MOST_CHARACTERS = 20_000_000  # shown of one cell; the rest is counted, not kept
_PERIOD = 0.03  # seconds between readings while a cell runs
_MOST_ON_DISK = 1 << 26  # bytes; a cell's file is cut when it is larger
_LITTLE_ROOM = 1 << 16  # bytes; a file system with less has no room for output


@dataclass(slots=True)
class _Cell:
    """The file of one cell, and how far it has been read."""

    path: Path
    request: Any  # the message that asked for the cell; the output belongs to it
    labelled: bool = False
    source: int | None = None
    frames: OutputFrames = field(default_factory=OutputFrames)
    shown: int = 0
    dropped: int = 0
    warned: bool = False  # that the disk is full
    writers: set[Any] = field(default_factory=set)  # processes that print to the file


class Relay:
    """Reads the files of the cells and shows what is new.

    Args:
        folder: private folder for the files.
        show: called with the request of the cell, the stream number 1 or 2, and the text.
        rename: applied to the text of standard error, since tracebacks name files there.
    """

    def __init__(
        self, folder: Path, show: Callable[[Any, int, str], None], rename: Callable[[str], str]
    ) -> None:
        self._folder = folder
        self._show = show
        self._rename = rename
        self._cells: list[_Cell] = []
        self._count = 0
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._inside = False
        self._working = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._keep_reading, daemon=True)
        self._thread.start()

    def begin_cell(self, request: Any) -> None:
        """Give the workers that are started from here on a file of their own."""
        with self._lock:
            self._count += 1
            self._cells.append(_Cell(self._folder / f"output_{self._count}", request))

    def path_for_worker(self, worker: Any) -> str | None:
        """Return the file for a worker that is about to be started, and read it from now on."""
        if os.getpid() != self._pid:  # a bare os.fork: another thread may have held the lock
            return None
        with self._lock:
            if not self._cells:
                return None
            cell = self._cells[-1]
            cell.writers.add(worker)
            if cell.source is None:
                try:
                    cell.source = open_to_read(cell.path, create=True)
                except OSError:  # no room or no folder: the worker prints as it would without us
                    return None
            self._working.set()
            return str(cell.path)

    @contextlib.contextmanager
    def labels(self) -> Iterator[None]:
        """Put the worker's name before each line while this lasts."""
        with self._lock:
            cell = self._cells[-1] if self._cells else None
            before = cell.labelled if cell else False
            if cell:
                cell.labelled = True
        try:
            yield
        finally:
            self.drain()
            if cell:
                cell.labelled = before

    def drain(self, rest: bool = False) -> None:
        """Show what workers have printed by now; with `rest`, unfinished lines too."""
        if not self._working.is_set() or os.getpid() != self._pid:
            return
        with self._lock:
            if self._inside:  # showing a line is a print of ours, which drains as well
                return
            self._inside = True
            try:
                for cell in self._cells:
                    if cell.source is not None:
                        self._read(cell, rest)
            finally:
                self._inside = False

    def tidy(self, alive: Collection[Any]) -> None:
        """Close the files of cells whose workers have all ended; call this after each cell."""
        self.drain(rest=not alive)
        with self._lock:
            for cell in self._cells:
                cell.writers.intersection_update(alive)
                self._tell_of_dropped(cell)
            self._tell_of_full_disk()
            for cell in self._cells[:-1]:
                if not cell.writers:
                    self._read(cell, rest=True)
                    self._tell_of_dropped(cell)
                    self._discard(cell)
            self._cells = [c for c in self._cells[:-1] if c.writers] + self._cells[-1:]
            if not any(cell.source is not None for cell in self._cells):
                self._working.clear()

    def _tell_of_dropped(self, cell: _Cell) -> None:
        if cell.dropped:
            text = f"[some {cell.dropped:,} bytes more were printed by workers, and dropped]\n"
            self._show(cell.request, 2, text)
            cell.dropped = 0

    def _tell_of_full_disk(self) -> None:
        cell = self._cells[-1] if self._cells else None
        if cell and cell.source is not None and not cell.warned:
            with contextlib.suppress(OSError):
                cell.warned = shutil.disk_usage(self._folder).free < _LITTLE_ROOM
            if cell.warned:
                self._show(cell.request, 2, f"[{no_room(str(self._folder.parent))}]\n")

    def close(self) -> None:
        self._closed = True
        self._working.set()
        self._thread.join(1.0)
        for cell in self._cells:
            self._discard(cell)
        self._cells = []

    def _discard(self, cell: _Cell) -> None:
        if cell.source is not None:
            os.close(cell.source)
            cell.source = None
        with contextlib.suppress(OSError):
            cell.path.unlink()

    def _keep_reading(self) -> None:
        pause = threading.Event()
        while not self._closed:
            self._working.wait()
            self.drain()
            pause.wait(_PERIOD)

    def _read(self, cell: _Cell, rest: bool) -> None:
        if cell.source is None:
            return
        while cell.shown <= MOST_CHARACTERS and (chunk := os.read(cell.source, 1 << 20)):
            self._emit(cell, cell.frames.feed(chunk))
        if cell.shown > MOST_CHARACTERS:
            self._drop(cell)
        elif rest:
            self._emit(cell, cell.frames.flush())

    def _drop(self, cell: _Cell) -> None:
        """Count what is there and throw it away, so that neither memory nor disk fills up.

        Workers may write between our look at the size and the cut, and that is not counted.  So
        the file is cut only when it is large, and the note says "some" bytes.
        """
        assert cell.source is not None
        cell.dropped += cell.frames.drop()
        with contextlib.suppress(OSError):
            place = os.lseek(cell.source, 0, os.SEEK_CUR)
            end = os.lseek(cell.source, 0, os.SEEK_END)
            cell.dropped += end - place
            if end > _MOST_ON_DISK:
                os.truncate(cell.path, 0)  # writers append, so they go on at the beginning
                os.lseek(cell.source, 0, os.SEEK_SET)

    def _emit(self, cell: _Cell, parts: Iterable[Part]) -> None:
        for part in parts:
            text = part.text
            if cell.shown > MOST_CHARACTERS:
                cell.dropped += len(text)
                continue
            cell.shown += len(text)
            if part.stream == 2:
                text = self._rename(text)
            if cell.labelled and part.worker:
                text = "".join(f"{part.worker}: {line}" for line in text.splitlines(keepends=True))
            self._show(cell.request, part.stream, text)


def current_relay() -> Relay | None:
    """Return the relay of this notebook; None in its workers, and outside of a notebook."""
    session = current_session()
    relay = session.relay if session is not None else None
    return relay if isinstance(relay, Relay) else None
