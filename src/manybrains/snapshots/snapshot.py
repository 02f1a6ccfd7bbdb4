"""Snapshots of the notebook: its functions and classes, and what they use, as objects.

A worker that is not forked imports the main module of its parent.  A notebook has no such file.
So a worker gets one that loads names from a snapshot (`workers.snapshot`).  Tasks are pickled as
ever, by name.
"""

import io
import pickle
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ..workers.snapshot import Key
from .object_pickler import ObjectPickler, Spaces
from .reasons import reason
from .reducers import MAIN, is_importable

__all__ = ["Pickled", "Snapshot", "take"]

SMALL_BYTES = 1 << 16  # a larger part of a pickle gets a file of its own
# Of these, an equal one is as good as the same one; the others keep their identity.
_ATOMS = (bool, int, float, complex, str, bytes, type(None), type(...), range, types.ModuleType)
_BY_NAME = (types.FunctionType, type, typing.TypeVar, typing.NewType)  # so pickle sends them


@dataclass(slots=True)
class Pickled:
    """Names that are pickled together: mostly one.

    Attributes:
        keys: the names.
        data: the pickle.
        buffers: large parts of it, which are not copied (pickle protocol 5).
        references: names that must be there before it is read.
        uses: names that its code uses.
        modules: modules that its code needs imported.
        cells: variables of closures in it, by id.
    """

    keys: tuple[Key, ...]
    data: bytes
    buffers: list[memoryview]
    references: set[Key]
    uses: set[Key]
    modules: set[str]
    cells: set[int]

    @property
    def size_bytes(self) -> int:
        return len(self.data) + sum(buffer.nbytes for buffer in self.buffers)


@dataclass(slots=True)
class Snapshot:
    """What the notebook has defined by now.

    Attributes:
        groups: the pickles.
        not_sent: names that its functions use but that could not be pickled, and why.
        spaces: the number of dictionaries of global names.
        packages: the modules that it imports, by their full names.
        files: the files of the code in it, as tracebacks name them.
    """

    groups: list[Pickled] = field(default_factory=list)
    not_sent: dict[str, str] = field(default_factory=dict)
    spaces: int = 1
    packages: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


def take(
    names: dict[str, Any], is_hidden: Callable[[str], bool], needed: Iterable[str] = ()
) -> Snapshot:
    """Return a snapshot of these global names.

    Args:
        names: the notebook's global names.
        is_hidden: tells of a name that it is IPython's own.
        needed: names that are in it also if no function uses them.
    """
    taking = _Taking(names, is_hidden)
    taking.pickle_all(needed)
    taking.join_circles()
    return taking.result()


class _Taking:
    """A snapshot that is being taken."""

    def __init__(self, names: dict[str, Any], is_hidden: Callable[[str], bool]) -> None:
        self._is_hidden = is_hidden
        self._spaces = Spaces(names)
        self._known_spaces = 0
        self._named: dict[int, Key] = {}
        self._pickled: dict[Key, Pickled] = {}
        self._snapshot = Snapshot()

    def pickle_all(self, needed: Iterable[str]) -> None:
        """Pickle all functions and classes, what they need, and these names."""
        self._note_names()
        todo = [key for key in self._keys(0) if _is_sent_by_name(self._value(key))]
        todo += [key for key in self._keys(0) if key[1] in set(needed)]
        while todo:
            key = todo.pop()
            if key in self._pickled or key[1] in self._snapshot.not_sent:
                continue
            made = self._pickle((key,))
            if made is not None:
                self._pickled[key] = made
                todo += [other for other in made.references | made.uses if self._is_sent(other)]
                self._note_names()

    def join_circles(self) -> None:
        """Pickle names together that need each other, or functions that share a variable."""
        while True:
            try:
                TopologicalSorter(self._needs()).prepare()
            except CycleError as error:
                circle = {k for key in error.args[1] for k in self._pickled[key].keys}
                made = self._pickle(tuple(sorted(circle, key=self._place_in_circle)))
                for key in circle:
                    if made is None:
                        del self._pickled[key]
                    else:
                        self._pickled[key] = made
            else:
                return

    def _needs(self) -> dict[Key, set[Key]]:
        """Return which names each name needs; those that share a variable need each other."""
        needs: dict[Key, set[Key]] = {}
        first_with: dict[int, Key] = {}
        for key, made in self._pickled.items():
            needs[key] = {other for other in made.references if other in self._pickled}
            for cell in made.cells:
                other = first_with.setdefault(cell, key)
                if self._pickled[other] is not made:
                    needs[key].add(other)
                    needs[other].add(key)
        return needs

    def _place_in_circle(self, key: Key) -> tuple[int, Key]:
        """Return where a name stands in its circle: classes first, after their bases."""
        value = self._value(key)
        return len(value.__mro__) if isinstance(value, type) else sys.maxsize, key

    def result(self) -> Snapshot:
        self._leave_out_the_incomplete()
        self._snapshot.groups = list({id(made): made for made in self._pickled.values()}.values())
        self._snapshot.spaces = len(self._spaces.dicts)
        return self._snapshot

    def _leave_out_the_incomplete(self) -> None:
        """Leave names out that are made from what could not be pickled."""
        while True:
            lost = {
                key: missing
                for key, made in self._pickled.items()
                if (missing := next((r for r in made.references if r not in self._pickled), None))
            }
            if not lost:
                return
            for key, needed in lost.items():
                del self._pickled[key]
                why = self._snapshot.not_sent.get(needed[1], "")
                self._snapshot.not_sent[key[1]] = f"it is made from {needed[1]!r}, and {why}"

    def _keys(self, space: int) -> Iterator[Key]:
        for name in list(self._spaces.dicts[space]):
            if self._is_sent((space, name)):
                yield space, name

    def _is_sent(self, key: Key) -> bool:
        space, name = key
        if name.startswith("__") and name.endswith("__"):
            return False
        return name in self._spaces.dicts[space] and not (space == 0 and self._is_hidden(name))

    def _value(self, key: Key) -> Any:
        return self._spaces.dicts[key[0]][key[1]]

    def _note_names(self) -> None:
        """Note which things have names; a function is known by its own name, not by an alias."""
        for space in range(self._known_spaces, len(self._spaces.dicts)):
            keys = list(self._keys(space))
            keys.sort(key=lambda key: not _is_own_name(self._value(key), key[1]))
            for key in keys:
                value = self._value(key)
                if not isinstance(value, _ATOMS) and not is_importable(value):
                    self._named.setdefault(id(value), key)
        self._known_spaces = len(self._spaces.dicts)

    def _pickle(self, keys: tuple[Key, ...]) -> Pickled | None:
        """Pickle the values of these names; if that fails, note why."""
        file, buffers = io.BytesIO(), list[memoryview]()

        def is_kept(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes >= SMALL_BYTES:
                buffers.append(raw)
            return raw.nbytes < SMALL_BYTES

        pickler = ObjectPickler(file, self._named, keys, self._spaces, is_kept)
        try:
            pickler.dump(tuple(self._value(key) for key in keys))
        except Exception as error:  # whatever the pickling of the reader's things raises
            for _, name in keys:
                self._snapshot.not_sent[name] = reason(self._value(keys[0]), error)
            return None
        self._snapshot.packages |= pickler.packages
        self._snapshot.files |= pickler.files
        data, references = file.getvalue(), pickler.references
        uses, modules = pickler.uses, pickler.modules
        return Pickled(keys, data, buffers, references, uses, modules, pickler.cells)


def _is_own_name(value: Any, name: str) -> bool:
    return isinstance(value, (types.FunctionType, type)) and value.__name__ == name


def _is_sent_by_name(value: Any) -> bool:
    """Tell whether pickle sends a thing of the notebook by its name, so that workers need it."""
    try:
        if getattr(value, "__module__", None) not in MAIN:
            return False
        return isinstance(value, _BY_NAME) or hasattr(value, "__wrapped__")
    except Exception:  # the reader's own `__getattr__`
        return False
