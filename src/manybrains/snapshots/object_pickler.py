"""A pickler that takes the notebook's functions and classes by value.

A function of the notebook is bound to the main module of the worker.  What has a name in the
notebook is written as a reference to that name (persistent_id of pickle).
"""

import io
import marshal
import sys
import types
from collections.abc import Callable, Collection, Mapping
from typing import Any

import cloudpickle

from ..workers import reconstructors as make
from ..workers.snapshot import Key
from .code_names import reaches_all, submodules, used_names
from .reducers import MAIN, dispatcher, is_importable, reduced, whole_class

__all__ = ["ObjectPickler", "Spaces"]

_SLOTS = ("__defaults__", "__kwdefaults__", "__qualname__", "__module__", "__doc__")
_SLOTS = ("__defaults__", "__kwdefaults__", "__qualname__", "__module__", "__doc__")


class Spaces:
    """The dictionaries that are the global names of functions, by number; 0 is the notebook's.

    Functions of a file that `%run` has read have global names of their own.
    """

    def __init__(self, main: dict[str, Any]) -> None:
        self.dicts = [main]
        self._numbers = {id(main): 0}

    def number_of(self, names: dict[str, Any]) -> int | None:
        """Return the number of these global names; None for those of an importable module."""
        number = self._numbers.get(id(names))
        if number is None and names.get("__name__") in MAIN:
            number = self._numbers[id(names)] = len(self.dicts)
            self.dicts.append(names)
        return number


class ObjectPickler(cloudpickle.Pickler):  # type: ignore[misc] # it is not annotated
    """Pickles the values of some names.

    Args:
        file: where the pickle goes.
        named: the names of objects, by id.
        group: the names that are pickled here; every other one becomes a reference.
        spaces: the global names of functions.
        buffer_callback: gets large buffers (pickle protocol 5).

    Attributes:
        references: the names that must be there before this pickle can be read.
        uses: the names that code in it uses when it runs.
        modules: modules that such code needs imported, as `urllib.request`.
        packages: the modules that are imported when the pickle is read.
        files: the files of the code in it, as tracebacks name them.
        cells: the variables of closures, by id.
    """

    def __init__(
        self,
        file: io.BytesIO,
        named: Mapping[int, Key],
        group: Collection[Key],
        spaces: Spaces,
        buffer_callback: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self.references: set[Key] = set()
        self.uses: set[Key] = set()
        self.modules: set[str] = set()
        self.packages: set[str] = set()
        self.files: set[str] = set()
        self._named = named
        self._group = group
        self._spaces = spaces
        self.cells: set[int] = set()

    def persistent_id(self, thing: Any) -> Key | int | None:
        """Return a name of the notebook in place of what it stands for."""
        if type(thing) is _Space:
            return thing.number
        key = self._named.get(id(thing))
        if key is None or key in self._group:
            return None
        self.references.add(key)
        return key

    def reducer_override(self, thing: Any) -> Any:
        """Return how a thing is made again, where pickle itself cannot send it by value."""
        kind = type(thing)
        module = thing.__name__ if kind is types.ModuleType else getattr(thing, "__module__", None)
        if isinstance(module, str):
            self.packages.add(module)
        if kind is types.FunctionType:
            return self._function(thing)
        if kind is types.CellType:  # its value comes with the first function that uses it
            return make.empty_cell, ()
        how = reduced(thing)
        return how if how is not NotImplemented else self._by_cloudpickle(thing)

    def _by_cloudpickle(self, thing: Any) -> Any:
        return whole_class(thing, super().reducer_override(thing))

    def _function(self, function: types.FunctionType) -> Any:
        """Reduce a function: by its name if a worker can import it, else by value."""
        if is_importable(function):
            return NotImplemented
        if hasattr(function, "registry") and hasattr(function, "dispatch"):
            return dispatcher(function)
        where = self._global_names(function)
        if where is None:  # made by exec in a dictionary of its own
            return self._by_cloudpickle(function)
        cells = function.__closure__
        arguments = marshal.dumps(function.__code__), where, function.__name__, cells
        contents = [(cell, cell.cell_contents) for cell in cells or () if self._is_new(cell)]
        state = self._slots(function), function.__dict__, contents
        return make.make_function, arguments, state, None, None, make.complete_function

    def _is_new(self, cell: types.CellType) -> bool:
        if id(cell) in self.cells:
            return False
        try:
            _ = cell.cell_contents
        except ValueError:  # nothing was assigned to it yet
            return False
        self.cells.add(id(cell))
        return True

    def _global_names(self, function: types.FunctionType) -> Any:
        """Return the number of the function's global names, or the name of a module."""
        names = function.__globals__
        space = self._spaces.number_of(names)
        if space is None:
            module = str(names.get("__name__"))
            return module if getattr(sys.modules.get(module), "__dict__", None) is names else None
        code = function.__code__
        used = names if reaches_all(code) else used_names(code)
        self.uses.update((space, name) for name in used if name in names)
        self.modules.update(submodules(code, names))
        self.files.add(code.co_filename)
        return _Space(space)

    def _slots(self, function: types.FunctionType) -> dict[str, Any]:
        slots = {name: getattr(function, name) for name in _SLOTS}
        if parameters := getattr(function, "__type_params__", ()):  # from Python 3.12 on
            slots["__type_params__"] = parameters
        if annotations := _annotations(function):
            slots["__annotations__"] = self._or_their_text(annotations)
        return slots

    def _or_their_text(self, annotations: dict[str, Any]) -> dict[str, Any]:
        """Return annotations, or their text if they cannot be sent: no function fails for them."""
        trial = ObjectPickler(io.BytesIO(), self._named, self._group, self._spaces)
        try:
            trial.dump(annotations)
        except Exception:  # whatever an annotation is
            return {name: repr(value) for name, value in annotations.items()}
        return annotations


class _Space:
    """Stands for the global names of a space; unpickled, it is their dictionary."""

    def __init__(self, number: int) -> None:
        self.number = number


def _annotations(function: types.FunctionType) -> dict[str, Any]:
    try:
        return function.__annotations__
    except Exception:  # from Python 3.14 on they are computed here, by the reader's code
        return {}
