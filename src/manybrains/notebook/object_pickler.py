"""A pickler that takes the notebook's functions and classes by value.

A function of the notebook is bound to the main module of the worker.  What has a name in the
notebook is written as a reference to that name (persistent_id of pickle).
"""

import ast
import dataclasses
import functools
import importlib
import io
import itertools
import marshal
import pickle
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from typing import Any

import cloudpickle

from ..workers import reconstructors as make
from ..workers.snapshot import Key
from .code_names import reaches_all, submodules, used_names

__all__ = ["ObjectPickler", "Spaces", "is_importable"]

_SLOTS = ("__defaults__", "__kwdefaults__", "__qualname__", "__module__", "__doc__")
_MAIN = ("__main__", "__mp_main__")
_RUN_FOR_CLASSES = ("__init_subclass__", "__prepare__", "__new__", "__init__")
_UNSHARED = {  # made anew in each worker, as a script's top level would: module and name of a maker
    type(threading.Lock()): ("threading", "Lock"),
    type(threading.RLock()): ("threading", "RLock"),
    threading.local: ("threading", "local"),
}


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
        if number is None and names.get("__name__") in _MAIN:
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
        if (reduce := _REDUCERS.get(kind)) is not None:
            return reduce(self, thing)
        if kind in _UNSHARED:
            return make.fresh, _UNSHARED[kind]
        if thing is sys.stdout or thing is sys.stderr:
            return getattr, (sys, "stdout" if thing is sys.stdout else "stderr")
        return _whole_class(thing, super().reducer_override(thing))

    def function(self, function: types.FunctionType) -> Any:
        """Reduce a function: by its name if a worker can import it, else by value."""
        if is_importable(function):
            return NotImplemented
        if hasattr(function, "registry") and hasattr(function, "dispatch"):
            return _dispatcher(function)
        where = self._global_names(function)
        if where is None:  # made by exec in a dictionary of its own
            return super().reducer_override(function)
        cells = function.__closure__
        arguments = marshal.dumps(function.__code__), where, function.__name__, cells
        contents = [(cell, cell.cell_contents) for cell in cells or () if self._is_new(cell)]
        state = self._slots(function), function.__dict__, contents
        return make.make_function, arguments, state, None, None, make.complete_function

    def cell(self, _: types.CellType) -> Any:
        """Reduce a variable of a closure: its value comes with the first function that uses it."""
        return make.empty_cell, ()

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


def _whole_class(thing: Any, how: Any) -> Any:
    """Add to the reduced form of a class what cloudpickle leaves out.

    A class inside a class keeps its qualified name.  What Python runs for each new subclass has
    run in the notebook, and its effect is in the snapshot: so it is put into the class at last.
    """
    if not isinstance(thing, type) or not isinstance(how, tuple) or len(how) != 6:
        return how
    build, arguments, (attributes, slots), *_, setter = how
    names = _RUN_FOR_CLASSES if issubclass(thing, type) else ("__init_subclass__",)
    later = {name: attributes.pop(name) for name in names if name in attributes}
    later["__qualname__"] = thing.__qualname__
    state = setter, (attributes, slots), later
    return build, arguments, state, None, None, make.complete_class


class _Space:
    """Stands for the global names of a space; unpickled, it is their dictionary."""

    def __init__(self, number: int) -> None:
        self.number = number


def is_importable(thing: Any) -> bool:
    """Tell whether a worker finds this function or class by importing its module."""
    module, path = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str) or module in _MAIN:
        return False
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is thing


def _annotations(function: types.FunctionType) -> dict[str, Any]:
    try:
        return function.__annotations__
    except Exception:  # from Python 3.14 on they are computed here, by the reader's code
        return {}


def _dispatcher(function: Any) -> Any:
    """Reduce a function of functools.singledispatch."""
    others = [(kind, f) for kind, f in function.registry.items() if kind is not object]
    own = {"registry", "dispatch", "register", "_clear_cache", "__wrapped__"}
    attributes = {name: value for name, value in vars(function).items() if name not in own}
    default = function.registry[object]
    state = others, attributes
    return make.make_dispatcher, (default,), state, None, None, make.complete_dispatcher


def _cached(_: ObjectPickler, cached: Any) -> Any:
    """Reduce a function of functools.lru_cache: it begins with an empty cache."""
    if is_importable(cached):
        return NotImplemented
    how = cached.cache_parameters()
    attributes = {n: value for n, value in vars(cached).items() if n not in _WRAPPED}
    return make.make_cached, (cached.__wrapped__, how["maxsize"], how["typed"], attributes)


def _module(_: ObjectPickler, module: types.ModuleType) -> Any:
    if sys.modules.get(module.__name__) is not module:
        return NotImplemented
    return importlib.import_module, (module.__name__,)


def _variable(_: ObjectPickler, variable: ContextVar[Any]) -> Any:
    """Reduce a context variable: its present value becomes the default."""
    try:
        value: tuple[Any, ...] = (variable.get(),)
    except LookupError:
        value = ()
    return make.make_variable, (variable.name, value)


def _counter(_: ObjectPickler, counter: Any) -> Any:
    """Reduce an itertools.count, which shows its present value in its repr only."""
    numbers = ast.literal_eval(repr(counter).removeprefix("count"))
    return make.make_counter, numbers if isinstance(numbers, tuple) else (numbers, 1)


def _empty(_: ObjectPickler, weak: Any) -> Any:
    """Reduce a weak dictionary: the things in it live in the notebook."""
    return make.fresh, ("weakref", type(weak).__name__)


def _open_file(_: ObjectPickler, file: Any) -> Any:
    if file in (sys.stdout, sys.stderr):
        return NotImplemented
    raise pickle.PicklingError("an open file cannot be sent")


def _new_type(_: ObjectPickler, kind: Any) -> Any:
    return typing.NewType, (kind.__name__, kind.__supertype__)


def _parameter(_: ObjectPickler, parameter: Any) -> Any:
    return type(parameter), (parameter.__name__,)


def _alias(_: ObjectPickler, alias: Any) -> Any:
    return make.make_type_alias, (alias.__name__, alias.__value__, alias.__type_params__)


def _missing(_: ObjectPickler, __: Any) -> Any:
    return getattr, (dataclasses, "MISSING")


_WRAPPED = {*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "cache_parameters"}
_REDUCERS: dict[type, Callable[[ObjectPickler, Any], Any]] = {
    types.FunctionType: ObjectPickler.function,
    types.CellType: ObjectPickler.cell,
    types.ModuleType: _module,
    type(functools.lru_cache(len)): _cached,
    type(dataclasses.MISSING): _missing,
    ContextVar: _variable,
    itertools.count: _counter,
    io.TextIOWrapper: _open_file,
    typing.NewType: _new_type,
    typing.ParamSpec: _parameter,
    typing.TypeVarTuple: _parameter,
    weakref.WeakKeyDictionary: _empty,
    weakref.WeakValueDictionary: _empty,
}
if hasattr(typing, "TypeAliasType"):  # from Python 3.12 on
    _REDUCERS[typing.TypeAliasType] = _alias
