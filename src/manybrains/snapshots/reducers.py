"""How things are made again that pickle itself cannot send: reduced forms for `object_pickler`.

A reduced form is what `__reduce__` of the pickle protocol returns.  What is made anew in each
worker (a lock, a cache) is what the top level of a script would make there.
"""

import ast
import dataclasses
import enum
import functools
import gc
import importlib
import io
import itertools
import pickle
import random
import re
import struct
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ..workers import reconstructors as make

__all__ = ["dispatcher", "is_importable", "reduced", "whole_class"]

MAIN = ("__main__", "__mp_main__")
_RUN_FOR_CLASSES = ("__init_subclass__", "__prepare__", "__new__", "__init__")
_NEAR = 10_000  # characters
_UNSHARED = {  # made anew: module and name of a maker
    type(threading.Lock()): ("threading", "Lock"),
    type(threading.RLock()): ("threading", "RLock"),
    threading.local: ("threading", "local"),
    weakref.WeakKeyDictionary: ("weakref", "WeakKeyDictionary"),
    weakref.WeakValueDictionary: ("weakref", "WeakValueDictionary"),
}


def is_importable(thing: Any) -> bool:
    """Tell whether a worker finds this function or class by importing its module."""
    try:
        module, path = thing.__module__, thing.__qualname__
    except Exception:  # the reader's own `__getattr__` may raise any error
        return False
    if not isinstance(module, str) or not isinstance(path, str) or module in MAIN:
        return False
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is thing


def reduced(thing: Any) -> Any:
    """Return the reduced form of a thing that needs a special one; else NotImplemented."""
    kind = type(thing)
    if (reduce := _REDUCERS.get(kind)) is not None:
        return reduce(thing)
    if kind in _UNSHARED:
        return make.fresh, _UNSHARED[kind]
    if getattr(kind, "__module__", None) in ("ctypes", "_ctypes"):
        from .ctypes_reducers import reduced as of_ctypes

        return of_ctypes(thing)
    if getattr(kind, "__module__", None) in MAIN and hasattr(kind, "__getattr__"):
        return _without_questions(thing)
    if thing is sys.stdout or thing is sys.stderr:
        return getattr, (sys, "stdout" if thing is sys.stdout else "stderr")
    return NotImplemented


def _without_questions(thing: Any) -> Any:
    """Reduce an instance so that unpickling does not ask its class's own `__getattr__`."""
    how = thing.__reduce_ex__(5) if not hasattr(type(thing), "__setstate__") else None
    if not isinstance(how, tuple) or len(how) not in (3, 4, 5) or how[2] is None:
        return NotImplemented
    more = (*how[3:], None, None)[:2]
    return *how[:3], *more, make.complete_instance


def whole_class(thing: Any, how: Any) -> Any:
    """Add to the reduced form of a class what cloudpickle leaves out.

    A class inside a class keeps its qualified name.  What Python runs for each new subclass has
    run in the notebook, and its effect is in the snapshot: so it is put into the class at last.
    """
    if not isinstance(thing, type) or not isinstance(how, tuple) or len(how) != 6:
        return how
    build, arguments, (attributes, slots), *_, setter = how
    if isinstance(thing, enum.EnumMeta):
        members: Any = thing.__members__
        own = [(name, _own_attributes(member)) for name, member in members.items()]
        whole = setter, (attributes, slots), own
        return build, arguments, whole, None, None, make.complete_enum
    if "__slots__" in attributes and not issubclass(thing, tuple):  # a named tuple makes its own
        # Slots make room in an instance: that can be done for a new class alone.
        given = {**arguments[3], "__slots__": attributes.pop("__slots__")}
        arguments = (*arguments[:3], given, *arguments[4:])
        made = [n for n, a in attributes.items() if isinstance(a, types.MemberDescriptorType)]
        for name in made:  # of a name such as `__x`, which has the class's name in it
            del attributes[name]
    if type(thing).__module__ == "_ctypes":
        build, arguments = make.make_ctypes_class, arguments[1:4]
        for name in [name for name, value in attributes.items() if _is_of_ctypes(value)]:
            del attributes[name]  # `_fields_` makes it
    else:
        build, arguments = make.make_class, (build, *arguments)
    names = _RUN_FOR_CLASSES if issubclass(thing, type) else ("__init_subclass__",)
    later = {name: attributes.pop(name) for name in names if name in attributes}
    later["__qualname__"] = thing.__qualname__
    state = setter, (attributes, slots), later
    return build, arguments, state, None, None, make.complete_class


def _own_attributes(member: Any) -> dict[str, Any]:
    """Return what `__init__` or `__new__` of an enumeration has given to a member."""
    of_enum = ("_value_", "_name_", "__objclass__", "_sort_order_")
    own = getattr(member, "__dict__", {})
    return {name: value for name, value in own.items() if name not in of_enum}


def _is_of_ctypes(attribute: Any) -> bool:
    """Tell whether an attribute is the field of a ctypes structure."""
    kind = type(attribute)
    return kind.__name__ == "CField" and kind.__module__ in ("_ctypes", "ctypes")


def dispatcher(function: Any) -> Any:
    """Reduce a function of functools.singledispatch."""
    others = [(kind, f) for kind, f in function.registry.items() if kind is not object]
    own = {"registry", "dispatch", "register", "_clear_cache", "__wrapped__"}
    attributes = {name: value for name, value in vars(function).items() if name not in own}
    default = function.registry[object]
    state = others, attributes
    return make.make_dispatcher, (default,), state, None, None, make.complete_dispatcher


def _cached(cached: Any) -> Any:
    """Reduce a function of functools.lru_cache: it begins with an empty cache."""
    if is_importable(cached):
        return NotImplemented
    how = cached.cache_parameters()
    attributes = {n: value for n, value in vars(cached).items() if n not in _WRAPPED}
    return make.make_cached, (cached.__wrapped__, how["maxsize"], how["typed"], attributes)


def _module(module: types.ModuleType) -> Any:
    if sys.modules.get(module.__name__) is not module:
        return NotImplemented
    return importlib.import_module, (module.__name__,)


def _method(method: Any) -> Any:
    """Reduce a method that a module offers as a function, such as multiprocessing.Queue.

    A worker gets that of its own module, as in a script, and no copy of the object behind it.
    """
    if isinstance(method.__self__, types.ModuleType | None):
        return NotImplemented  # a function in C, which pickle sends by its name
    name = method.__name__
    for module in list(sys.modules.values()):
        is_imported = type(module) is types.ModuleType and module.__name__ not in MAIN
        if is_imported and vars(module).get(name) is method:
            return getattr, (module, name)
    return NotImplemented


def _variable(variable: ContextVar[Any]) -> Any:
    """Reduce a context variable: its present value becomes the default."""
    try:
        value: tuple[Any, ...] = (variable.get(),)
    except LookupError:
        value = ()
    return make.make_variable, (variable.name, value)


def _counter(counter: Any) -> Any:
    """Reduce an itertools.count, which shows its present value in its repr only."""
    numbers = ast.literal_eval(repr(counter).removeprefix("count"))
    return make.make_counter, numbers if isinstance(numbers, tuple) else (numbers, 1)


def _match(match: re.Match[Any]) -> Any:
    """Reduce what a search has found, if it can be found again."""
    text, begin, end = match.string, match.start(), match.endpos
    ways = [("match", begin), ("fullmatch", begin)]
    if begin - match.pos < _NEAR:  # to search again from far away, for each of many, takes long
        ways.insert(0, ("search", match.pos))
    for how, where in ways:
        again = getattr(match.re, how)(text, where, end)
        if again is not None and again.regs == match.regs:
            return make.find, (match.re, how, text, where, end)
    return NotImplemented


def _sort_key(maker: Any) -> Any:
    """Reduce what functools.cmp_to_key returns, which shows its function to nobody."""
    functions = [each for each in gc.get_referents(maker) if each is not type(maker)]
    return (functools.cmp_to_key, tuple(functions)) if len(functions) == 1 else NotImplemented


def _reference(reference: weakref.ref[Any]) -> Any:
    thing = reference()
    return (
        NotImplemented
        if thing is None or reference.__callback__ is not None
        else (weakref.ref, (thing,))
    )


def _open_file(file: Any) -> Any:
    if file in (sys.stdout, sys.stderr):
        return NotImplemented
    raise pickle.PicklingError("an open file cannot be sent")


def _new_type(kind: Any) -> Any:
    return typing.NewType, (kind.__name__, kind.__supertype__)


def _parameter(parameter: Any) -> Any:
    return type(parameter), (parameter.__name__,)


def _alias(alias: Any) -> Any:
    name, value = alias.__name__, alias.__value__
    if alias.__type_params__:
        return make.make_type_alias, (name, value, alias.__type_params__)
    setter = make.complete_type_alias
    return make.make_plain_type_alias, (name,), value, None, None, setter


def _forward_reference(reference: Any) -> Any:
    """Reduce the name of a class that is not there yet, as in an annotation of its own field.

    Python 3.14 keeps with it the globals of the notebook; a worker has those of its own.
    """
    known = reference.__globals__ or {}
    state = {
        "__forward_module__": reference.__forward_module__ or known.get("__name__"),
        "__forward_is_class__": reference.__forward_is_class__,
    }
    return type(reference), (reference.__forward_arg__,), (None, state)


def _missing(_: Any) -> Any:
    return getattr, (dataclasses, "MISSING")


_WRAPPED = {*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "cache_parameters"}
_REDUCERS: dict[type, Callable[[Any], Any]] = {
    types.ModuleType: _module,
    types.MethodType: _method,
    types.BuiltinMethodType: _method,
    type(functools.lru_cache(len)): _cached,
    type(dataclasses.MISSING): _missing,
    ContextVar: _variable,
    itertools.count: _counter,
    io.TextIOWrapper: _open_file,
    random.SystemRandom: lambda _: (random.SystemRandom, ()),
    re.Match: _match,
    struct.Struct: lambda layout: (struct.Struct, (layout.format,)),
    type(functools.cmp_to_key(max)): _sort_key,
    typing.NewType: _new_type,
    typing.ParamSpec: _parameter,
    typing.TypeVarTuple: _parameter,
    weakref.ref: _reference,
}
if sys.version_info >= (3, 14):
    _REDUCERS[typing.ForwardRef] = _forward_reference
if hasattr(typing, "TypeAliasType"):  # from Python 3.12 on
    _REDUCERS[typing.TypeAliasType] = _alias
