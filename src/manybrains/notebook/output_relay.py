"""Shows what workers print in the cell that runs then: whole lines, in order.

Workers write to a file, one for each cell that has started some.  The notebook reads it before
each line that it prints itself, where a cell begins and ends, and every few hundredths of a second
in between.  What they print while no cell runs belongs to the cell that has started them.
"""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from ..hooks.hints import no_room
from ..workers.session import current_session
from .output_cells import CellFile, Show, ShownCell

__all__ = ["Relay", "current_relay"]

_PERIOD = 0.03  # seconds between readings
_LITTLE_ROOM = 1 << 16  # bytes; a file system with less has no room for output
_A_PRINT = 0.002  # seconds; `print` writes each argument and the line end apart


class Relay:
    """Reads the files of the cells and shows what is new.

    Args:
        folder: private folder for the files.
        show: called with the request of the cell, the stream number 1 or 2, and the text.
        rename: applied to the text of standard error, since tracebacks name files there.
        is_read_later: tells whether what is shown in a cell reaches its reader, by its request,
            when the cell is over.
    """

    def __init__(
        self,
        folder: Path,
        show: Show,
        rename: Callable[[str], str],
        is_read_later: Callable[[Any], bool],
    ) -> None:
        self._folder = folder
        self._show = show
        self._rename = rename
        self._is_read_later = is_read_later
        self._files: list[CellFile] = []  # the last one is of the cell that has run last
        self._running: ShownCell | None = None
        self._count = 0
        self._in_own_line = False  # whether the notebook has not ended a line of its own
        self._line_began = 0.0
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._inside = False
        self._working = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._keep_reading, daemon=True)
        self._thread.start()

    def begin_cell(self, request: Any) -> None:
        """Show from here on in this cell what workers print; those it starts have a new file."""
        with self._lock:
            self.drain()
            self._count += 1
            self._running = ShownCell(request)
            self._files.append(CellFile(self._folder / f"output_{self._count}", self._running))

    def path_for_worker(self, worker: Any) -> str | None:
        """Return the file for a worker that is about to be started, and read it from now on."""
        if os.getpid() != self._pid:  # a bare os.fork: another thread may have held the lock
            return None
        with self._lock:
            if not self._files:
                return None
            file = self._files[-1]
            file.writers.add(worker)
            try:
                file.open()
            except OSError:  # no room or no folder: the worker prints as it would without us
                return None
            self._working.set()
            return str(file.path)

    @contextlib.contextmanager
    def labels(self) -> Iterator[None]:
        """Put the worker's name before each line while this lasts."""
        with self._lock:
            cell = self._running or ShownCell(None)
            before, cell.labelled = cell.labelled, True
        try:
            yield
        finally:
            self.drain()
            cell.labelled = before

    def write_own(self, number: int, text: str) -> None:
        """Show what workers have printed by now: the notebook is about to print this itself."""
        if os.getpid() != self._pid or not isinstance(text, str):
            return
        if not self._is_in_own_line():
            self.drain()
            self._line_began = time.perf_counter()
        self._in_own_line = not text.endswith("\n")
        if (cell := self._running) is not None and (before := cell.lines[number].write_own(text)):
            self._show(cell.request, number, before)

    def _is_in_own_line(self) -> bool:
        """Tell whether the notebook is in the middle of a `print`."""
        return self._in_own_line and time.perf_counter() - self._line_began < _A_PRINT

    def drain(self, rest: bool = False) -> None:
        """Show what workers have printed by now; with `rest`, unfinished lines too."""
        if not self._working.is_set() or os.getpid() != self._pid:
            return
        with self._lock:
            if self._inside:  # showing a line is a print of ours, which drains as well
                return
            self._inside = True
            try:
                for file in self._files:
                    self._read(file, rest)
            finally:
                self._inside = False

    def _read(self, file: CellFile, rest: bool) -> None:
        target = self._running or file.cell
        if target is self._running or self._is_read_later(target.request) or file.is_large:
            target.show(file.read(target, rest), self._show, self._rename)

    def end_cell(self, alive: Collection[Any]) -> None:
        """Show the rest in this cell, and close the files whose writers have all ended."""
        self.drain(rest=not alive)
        with self._lock:
            self._tell_of_full_disk()
            for file in self._files:
                file.writers.intersection_update(alive)
                if not file.writers and file is not self._files[-1]:
                    self._read(file, rest=True)
                    file.discard()
                file.cell.tell_of_dropped(self._show)
            self._files = [f for f in self._files[:-1] if f.writers] + self._files[-1:]
            if not any(file.is_open for file in self._files):
                self._working.clear()
            self._running = None

    def _tell_of_full_disk(self) -> None:
        cell = self._running
        if cell is not None and not cell.warned and any(file.is_open for file in self._files):
            with contextlib.suppress(OSError):
                cell.warned = shutil.disk_usage(self._folder).free < _LITTLE_ROOM
            if cell.warned:
                self._show(cell.request, 2, f"[{no_room(str(self._folder.parent))}]\n")

    def close(self) -> None:
        self._closed = True
        self._working.set()
        self._thread.join(1.0)
        for file in self._files:
            file.discard()
        self._files = []

    def _keep_reading(self) -> None:
        pause = threading.Event()
        while not self._closed:
            self._working.wait()
            if not self._is_in_own_line():
                self.drain()
            pause.wait(_PERIOD)


def current_relay() -> Relay | None:
    """Return the relay of this notebook; None in its workers, and outside of a notebook."""
    session = current_session()
    relay = session.relay if session is not None else None
    return relay if isinstance(relay, Relay) else None
