"""Functions that unpickling calls to make a notebook's functions again, and what else is not plain.

`snapshots.object_pickler` names them in its pickles.  Workers import this: it is light, and so a
worker that uses plain functions imports no cloudpickle.
"""

from __future__ import annotations

import marshal
import sys
from types import CellType, FunctionType

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = [
    "complete_class",
    "complete_dispatcher",
    "complete_enum",
    "complete_function",
    "complete_instance",
    "complete_type_alias",
    "empty_cell",
    "find",
    "finish_classes",
    "fresh",
    "function_of",
    "make_cached",
    "make_class",
    "make_counter",
    "make_ctypes_class",
    "make_dispatcher",
    "make_function",
    "make_plain_type_alias",
    "make_type_alias",
    "make_variable",
    "open_library",
]


def empty_cell() -> CellType:
    """Return a variable of a closure; the first function that uses it brings its value."""
    return CellType()


def make_function(
    code: bytes,
    where: dict[str, Any] | str,
    name: str,
    cells: tuple[CellType, ...] | None,
) -> FunctionType:
    """Return a function that is not complete yet.

    Args:
        code: as marshal writes it.
        where: its global names, or the name of the module that has them.
        name: its name.
        cells: the variables of its closure.
    """
    if isinstance(where, str):
        __import__(where)
        where = vars(sys.modules[where])
    return FunctionType(marshal.loads(code), where, name, None, cells)


def complete_function(
    function: FunctionType,
    state: tuple[dict[str, Any], dict[str, Any], list[tuple[CellType, Any]]],
) -> None:
    """Give a function its slots (as defaults), its own attributes, and its closure's values."""
    slots, attributes, contents = state
    for cell, value in contents:
        cell.cell_contents = value
    for name, value in slots.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)


def complete_instance(instance: Any, state: Any) -> None:
    """Give an instance its attributes, as unpickling does for a class without `__setstate__`."""
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        object.__setattr__(instance, name, value)


def open_library(
    kind: str,
    name: str | None,
    options: dict[str, bool],
    functions: list[tuple[str, dict[str, Any]]],
) -> Any:
    """Return a library of ctypes, opened here; what was set of its functions is set here."""
    import ctypes

    library = getattr(ctypes, kind)(name, **options)
    for each in functions:
        function_of(library, each)
    return library


def function_of(library: Any, settings: tuple[str, dict[str, Any]]) -> Any:
    """Return a function of a library of ctypes: its types, and what checks its results."""
    name, wanted = settings
    function = getattr(library, name)
    for setting, value in wanted.items():
        if value is not None or setting != "errcheck":
            setattr(function, setting, value)
    return function


_unfinished: list[tuple[type, dict[str, Any]]] = []
_finished: dict[type, dict[str, Any]] = {}  # those that have something that runs


def make_ctypes_class(name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> type:
    """Return a new class whose metaclass, which has no public name, is that of its first base."""
    return type(bases[0])(name, bases, attributes)


def make_class(build: Any, metaclass: Any, name: str, bases: tuple[Any, ...], *more: Any) -> Any:
    """Build a class whose metaclass and bases run nothing for it: that is over, in the notebook.

    Those that were finished for an earlier task are unfinished again.
    """
    origins = (getattr(base, "__origin__", base) for base in bases)  # of a generic one
    for kind in {k for each in (metaclass, *origins) for k in getattr(each, "__mro__", ())}:
        if (later := _finished.pop(kind, None)) is not None:
            for attribute in later:
                if attribute != "__qualname__":
                    type.__delattr__(kind, attribute)
            _unfinished.append((kind, later))
    return build(metaclass, name, bases, *more)


def complete_class(kind: type, state: tuple[Any, Any, dict[str, Any]]) -> None:
    """Give a class its attributes; those that Python runs for new classes come later."""
    setter, attributes, later = state
    setter(kind, attributes)
    _unfinished.append((kind, later))


def complete_enum(kind: Any, state: tuple[Any, Any, list[tuple[str, dict[str, Any]]]]) -> None:
    """Give an enumeration its attributes, and each member those that are its own."""
    setter, attributes, members = state
    setter(kind, attributes)
    for name, own in members:
        vars(kind[name]).update(own)


def finish_classes() -> None:
    """Give classes what Python runs for new subclasses: no subclass is on its way any more."""
    while _unfinished:
        kind, later = _unfinished.pop()
        for name, value in later.items():
            setattr(kind, name, value)
        if len(later) > 1:
            _finished[kind] = later


def make_cached(function: Any, size: int | None, typed: bool, attributes: dict[str, Any]) -> Any:
    """Return the function with an empty cache (functools.lru_cache)."""
    import functools

    cached = functools.lru_cache(size, typed)(function)
    cached.__dict__.update(attributes)
    return cached


def make_dispatcher(default: Any) -> Any:
    """Return a function of functools.singledispatch that has its default only."""
    import functools

    return functools.singledispatch(default)


def complete_dispatcher(
    dispatcher: Any, state: tuple[Iterable[tuple[type, Any]], dict[str, Any]]
) -> None:
    """Register the other functions of a singledispatch function."""
    others, attributes = state
    for kind, function in others:
        dispatcher.register(kind, function)
    vars(dispatcher).update(attributes)


def fresh(module: str, name: str) -> Any:
    """Return what a call makes without arguments: an open lock, an empty weak dictionary."""
    __import__(module)
    return getattr(sys.modules[module], name)()


def make_variable(name: str, value: tuple[Any, ...]) -> Any:
    """Return a context variable whose default is the value it had, if it had one."""
    import contextvars

    return contextvars.ContextVar(name, default=value[0]) if value else contextvars.ContextVar(name)


def make_counter(start: Any, step: Any) -> Any:
    """Return an itertools.count; from Python 3.14 on pickle refuses one."""
    import itertools

    return itertools.count(start, step)


def find(pattern: Any, how: str, text: Any, begin: int, end: int) -> Any:
    """Return what a pattern finds in a text: a match object."""
    return getattr(pattern, how)(text, begin, end)


def make_type_alias(name: str, value: Any, parameters: tuple[Any, ...]) -> Any:
    """Return what a `type` statement with parameters makes (Python 3.12)."""
    import typing

    return typing.TypeAliasType(name, value, type_params=parameters)  # type: ignore[attr-defined,unused-ignore]


_alias_values: dict[int, tuple[Any, Any]] = {}


def make_plain_type_alias(name: str) -> Any:
    """Return what a `type` statement makes; its value comes later and may contain itself."""
    names: dict[str, Any] = {"value_of": lambda alias: _alias_values[id(alias)][1]}
    exec(f"type {name} = value_of({name})", names)
    return names[name]


def complete_type_alias(alias: Any, value: Any) -> None:
    """Give a type alias its value."""
    _alias_values[id(alias)] = alias, value
