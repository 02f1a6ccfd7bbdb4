"""The main module of a worker that is not forked: names of the notebook, loaded when asked for.

`snapshots.snapshot` writes the file.  In it each name is a pickle of its own, so that a worker
loads what its work needs and nothing else.  Workers import this: it is light.
"""

from __future__ import annotations

import io
import pickle
import sys

from .reconstructors import finish_classes
from .settings import apply_settings, set_numpy_errors

Key = tuple[int, str]  # 0 for the notebook's own names, else a file of `%run`; and the name
TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .import_hooks import Hook, Table

    # What stands in a file: names that are pickled together, the pickle or the file that has it,
    # files of its large buffers, what its functions use, modules that they use.
    Group = tuple[tuple[Key, ...], bytes | str, tuple[str, ...], tuple[Key, ...], tuple[str, ...]]

__all__ = [
    "HOOKS_OF_A_SNAPSHOT",
    "begin",
    "has_failed",
    "is_of_a_notebook",
    "main_of_a_worker",
    "show_sources",
    "why_not_sent",
]


class _Snapshot:
    """The names in one file."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            content = pickle.load(file)
        self.not_sent: dict[str, str] = content["not_sent"]
        self._everywhere: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = content[
            "everywhere"
        ]
        self._settings: dict[str, Any] = content["settings"]
        self.sources: dict[str, str] = content["sources"]
        self._groups: dict[Key, Group] = {
            key: group for group in content["groups"] for key in group[0]
        }
        # Opened now: the notebook may remove old files, and this worker may need one much later.
        self._files = {name: open(name, "rb") for name in content["files"]}  # noqa: PTH123, SIM115
        self._spaces: list[dict[str, Any]] = [{"__name__": "__main__"} for _ in content["spaces"]]
        self._begun = False
        self.failed = False  # a cell that runs everywhere
        self._busy: set[Key] = set()

    def begin(self) -> None:
        """Make this process ready, once, before the first name is loaded.

        Not earlier: only now the main module is in its place.
        """
        if self._begun:
            return
        self._begun = True
        main = sys.modules["__main__"]
        self._spaces[0] = vars(main)
        apply_settings(self._settings)
        for cell in self._everywhere:
            try:
                self._run_everywhere(*cell)
            except BaseException:
                self.failed = True
                raise

    def _run_everywhere(
        self, source: str, file: str, uses: tuple[str, ...], others: tuple[str, ...]
    ) -> None:
        for name in uses:
            if (0, name) in self._groups:
                self.get(name)
        exec(compile(source, file, "exec"), self._spaces[0])
        for name in others:
            self._spaces[0].pop(name, None)

    def get(self, name: str) -> Any:
        """Return a name of the notebook: what `__getattr__` of the main module does.

        Raises:
            AttributeError: if the notebook had no such name when this worker was started.
        """
        self.begin()
        if name in self._spaces[0]:
            return self._spaces[0][name]
        if (0, name) not in self._groups:
            raise AttributeError(f"module '__main__' has no attribute {name!r}")
        try:
            return self.value((0, name))
        finally:
            if not self._busy:
                finish_classes()

    def value(self, key: Key) -> Any:
        """Return what a name stands for; whatever its code uses has been loaded then, too."""
        first, todo = key, [key]
        while todo:
            key = todo.pop()
            if key[1] in self._spaces[key[0]]:
                continue
            if key != first and key in self._busy:  # its pickle is being read: it will be there
                continue
            try:
                todo.extend(self._unpickle(self._groups[key]))
            except Exception as error:
                if key == first:
                    raise
                self.not_sent[key[1]] = _why_not_loaded(error)
        return self._spaces[first[0]][first[1]]

    def _unpickle(self, group: Group) -> list[Key]:
        """Load the names of a group; return those that its code uses."""
        keys, data, buffers, used, modules = group
        if not self._busy.isdisjoint(keys):  # its pickle asks for it by its name
            raise ImportError(f"{keys[0][1]!r} is needed before it is complete")
        self._busy.update(keys)
        try:
            values = self._values(data, buffers, modules)
        finally:
            self._busy.difference_update(keys)
        for (space, name), value in zip(keys, values, strict=True):
            self._spaces[space].setdefault(name, value)
        return [key for key in used if key in self._groups]

    def _values(
        self, data: bytes | str, buffers: tuple[str, ...], modules: tuple[str, ...]
    ) -> tuple[Any, ...]:
        for module in modules:
            __import__(module)
        if isinstance(data, str):
            data = self._read(data)
        unpickler = _Unpickler(io.BytesIO(data), self, [self._map(name) for name in buffers])
        values: tuple[Any, ...] = unpickler.load()
        return values

    def _read(self, name: str) -> bytes:
        file = self._files[name]
        file.seek(0)
        return file.read()

    def _map(self, name: str) -> Any:
        """Return the bytes of a large buffer: a page is copied when it is first changed."""
        import mmap

        return mmap.mmap(self._files[name].fileno(), 0, access=mmap.ACCESS_COPY)

    def space(self, number: int) -> dict[str, Any]:
        return self._spaces[number]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, snapshot: _Snapshot, buffers: list[Any]) -> None:
        super().__init__(file, buffers=buffers)
        self._snapshot = snapshot

    def persistent_load(self, pid: Any) -> Any:
        """Return the global names of a space, or what a name stands for."""
        return self._snapshot.space(pid) if isinstance(pid, int) else self._snapshot.value(pid)


def _why_not_loaded(error: Exception) -> str:
    words = f"it could not be loaded here ({type(error).__name__}: {error})"
    if isinstance(error, ImportError):
        return f"{words}. A worker imports modules anew: put its file where Python finds it"
    return (
        f"{words}. A copy is made by pickle: make it inside the function instead, or in a cell "
        "with %%everywhere on top"
    )


_snapshot: _Snapshot | None = None


def main_of_a_worker(path: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a main module whose names are in this file."""
    global _snapshot  # noqa: PLW0603 - a process has one main module
    _snapshot = _Snapshot(path)
    return _snapshot.get


def begin() -> None:
    """Make this process ready for its work, also if no name of the notebook is asked for."""
    if _snapshot is not None:
        _snapshot.begin()


def is_of_a_notebook() -> bool:
    """Tell whether the main module of this worker is a notebook's."""
    return _snapshot is not None


def has_failed() -> bool:
    """Tell whether a cell with `%%everywhere` has failed here."""
    return _snapshot is not None and _snapshot.failed


def why_not_sent(name: str) -> str:
    """Return why the notebook's name is not in this worker; "" if nothing is known of it."""
    return "" if _snapshot is None else _snapshot.not_sent.get(name, "")


def show_sources(linecache: Any) -> list[Hook]:
    """Let tracebacks show the lines of cells, which are in no file."""
    if _snapshot is not None:
        for file, text in _snapshot.sources.items():
            lines = text.splitlines(keepends=True)
            linecache.cache.setdefault(file, (len(text), None, lines, file))
    return []


HOOKS_OF_A_SNAPSHOT: Mapping[str, Table] = {
    "linecache": show_sources,
    "numpy": set_numpy_errors,
}
