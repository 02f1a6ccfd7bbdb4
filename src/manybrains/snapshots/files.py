"""The files of snapshots: what has not changed is not written again."""

import contextlib
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..workers.snapshot import Key
from .snapshot import SMALL_BYTES, Snapshot

__all__ = ["SnapshotFiles"]

_MOST_BYTES = 1 << 30  # of all files; the oldest ones go first
_PIECE = 1 << 20  # bytes that are compared at once
_MAIN = """\
\"\"\"The main module of the notebook's workers: names are loaded when they are asked for.\"\"\"

from manybrains.workers.snapshot import main_of_a_worker

__getattr__ = main_of_a_worker({path!r})
"""


class SnapshotFiles:
    """Writes snapshots to a folder.

    Args:
        folder: private folder for the files.

    Attributes:
        written_bytes: how much the last snapshot had to write.
    """

    def __init__(self, folder: Path) -> None:
        self.written_bytes = 0
        self._folder = folder
        self._count = 0
        self._sizes: dict[Path, int] = {}  # of all files, in the order in which they were written
        self._parts: dict[tuple[Key, int], Path] = {}
        self._content = b""
        self._main: Path | None = None

    def write(self, snapshot: Snapshot, more: dict[str, Any]) -> Path:
        """Return the path of a main module that has the snapshot; an equal one has the same path.

        A fork server imports each name only once, so a changed one gets another name.

        Args:
            snapshot: what to write.
            more: what else `workers.snapshot` reads: sources, settings, cells to run everywhere.

        Raises:
            OSError: if there is no room.
        """
        self.written_bytes = 0
        used: list[Path] = []
        groups = [self._group(made, used) for made in snapshot.groups]
        content = {
            "groups": groups,
            "files": [str(path) for path in used],
            "not_sent": snapshot.not_sent,
            "spaces": range(snapshot.spaces),
            **more,
        }
        data = pickle.dumps(content, protocol=5)
        if data != self._content or self._main is None or not self._main.exists():
            path = self._put("snapshot", ".pickle", data)
            self._main = self._put("notebook", ".py", _MAIN.format(path=str(path)).encode())
            self._content = data
            self._tidy({*used, path, self._main})
        return self._main

    def _group(self, made: Any, used: list[Path]) -> Any:
        """Return a group as it stands in the file, with its large parts in files of their own."""
        data: bytes | str = made.data
        if len(made.data) >= SMALL_BYTES:
            used.append(self._part(made.keys[0], 0, memoryview(made.data)))
            data = str(used[-1])
        buffers = []
        for number, buffer in enumerate(made.buffers, 1):
            used.append(self._part(made.keys[0], number, buffer))
            buffers.append(str(used[-1]))
        uses = tuple(sorted(made.uses))
        return made.keys, data, tuple(buffers), uses, tuple(sorted(made.modules))

    def _part(self, key: Key, number: int, data: memoryview) -> Path:
        """Return a file with this data: the last one of this part if nothing has changed."""
        path = self._parts.get((key, number))
        if path is None or not _is_same(path, data):
            path = self._parts[key, number] = self._put("value", ".bin", data)
        return path

    def _put(self, name: str, end: str, data: bytes | memoryview) -> Path:
        self._count += 1
        path = self._folder / f"{name}_{self._count}{end}"
        with open(path, "wb", opener=_private) as file:
            file.write(data)
        self._sizes[path] = len(data)
        self.written_bytes += len(data)
        return path

    def _tidy(self, needed: set[Path]) -> None:
        """Remove the oldest files if all together are too large; workers hold theirs open."""
        for path in list(self._sizes):
            if sum(self._sizes.values()) <= _MOST_BYTES:
                break
            if path not in needed:
                with contextlib.suppress(OSError):  # on Windows, a worker has it open
                    path.unlink()
                del self._sizes[path]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_same(path: Path, data: memoryview) -> bool:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != data.nbytes:
                return False
            return all(piece == new for piece, new in _pieces(file, data))
    except OSError:  # it has been removed
        return False


def _pieces(file: BinaryIO, data: memoryview) -> Iterator[tuple[bytes, bytes]]:
    for begin in range(0, data.nbytes, _PIECE):
        yield file.read(_PIECE), bytes(data[begin : begin + _PIECE])
