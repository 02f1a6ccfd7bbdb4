"""The notebook as a script: what a worker that is not forked gets as its main module.

Its names are those that the notebook has now, as a snapshot of objects.
"""

from __future__ import annotations

import linecache
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import SnapshotFiles
from .settings import Settings
from .snapshot import Snapshot, take

if TYPE_CHECKING:
    from ..workers.session import Readable

__all__ = ["EverywhereCell", "Script"]

_LARGE_BYTES = 10_000_000  # of what is written for one worker; the reader is told of more


_PLAIN = (bool, int, float, complex, str, bytes, type(None), list, dict, set, tuple, frozenset)


@dataclass(slots=True)
class EverywhereCell:
    """A cell that runs everywhere.

    Attributes:
        source, file: its code, and how tracebacks call it.
        uses: global names that have to be there before it runs.
        bound: what it has bound here, by name.
    """

    source: str
    file: str
    uses: frozenset[str]
    bound: dict[str, Any]

    def to_send(self, names: dict[str, Any]) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
        """Return source, file, names that it needs, and names whose value is not its own.

        Plain values are those that the notebook has now, as everywhere.  What else the cell
        makes (functions, classes, a handler), each worker makes for itself, as the top level of
        a script does, unless the notebook has given the name to something else meanwhile.
        """
        others = [
            name
            for name, thing in self.bound.items()
            if names.get(name) is not thing or type(thing) in _PLAIN
        ]
        return self.source, self.file, tuple(sorted(self.uses)), tuple(others)


class Script:
    """The main module of workers, as it would be written now.

    Args:
        folder: private folder for the files.
        namespace: the notebook's global names and their present values.
        is_hidden: tells of a name that it is IPython's own.
        readable: makes the text of a worker's traceback readable.

    Attributes:
        imports: the modules that the last one imports, by their full names.
        not_sent: what its functions use but could not be copied, and why.
        everywhere: cells that run at the birth of every worker.
        readable: as given.
    """

    def __init__(
        self,
        folder: Path,
        namespace: dict[str, Any],
        is_hidden: Callable[[str], bool],
        readable: Readable,
    ) -> None:
        self.imports: tuple[str, ...] = ()
        self.not_sent: dict[str, str] = {}
        self.everywhere: list[EverywhereCell] = []
        self.readable = readable
        self._namespace = namespace
        self._is_hidden = is_hidden
        self._files = SnapshotFiles(folder)
        self._settings = Settings()

    def write(self) -> Path:
        """Return the path of a main module that has what the cells have defined by now.

        Raises:
            OSError: if there is no room for it.
        """
        begin = time.perf_counter()
        needed = {name for cell in self.everywhere for name in cell.uses}
        snapshot = take(self._namespace, self._is_hidden, needed)
        files = snapshot.files | {cell.file for cell in self.everywhere}
        path = self._files.write(
            snapshot,
            {
                "everywhere": [cell.to_send(self._namespace) for cell in self.everywhere],
                "settings": self._settings.now(self._namespace),
                "sources": _sources(files),
            },
        )
        self.not_sent = snapshot.not_sent
        self.imports = tuple(sorted(snapshot.packages))
        if self._files.written_bytes > _LARGE_BYTES:
            _tell_of_the_largest(snapshot, time.perf_counter() - begin)
        return path


def _sources(files: set[str]) -> dict[str, str]:
    """Return the text of cells, which are in no file: IPython keeps them for tracebacks."""
    found = {}
    for file in sorted(files):
        entry = linecache.cache.get(file)
        if entry is not None and len(entry) == 4 and entry[1] is None:
            found[file] = "".join(entry[2])
    return found


def _tell_of_the_largest(snapshot: Snapshot, seconds: float) -> None:
    largest = max(snapshot.groups, key=lambda made: made.size_bytes)
    name = largest.keys[0][1]
    users = [made.keys[0][1] for made in snapshot.groups if largest.keys[0] in made.uses]
    because = f", because {users[0]!r} uses it" if users else ""
    print(
        f"[Each worker gets a copy of {name!r} ({largest.size_bytes / 1e6:,.0f} MB){because}. "
        f"To write it for them took {seconds:.2f} s. Hand over as an argument only the part that "
        "a worker needs, or put it into shared memory.]",
        file=sys.stderr,
    )
