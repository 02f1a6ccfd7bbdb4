"""The global names that a code object uses, and the submodules that it reaches through them."""

import dis
import sys
import types
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

__all__ = ["bound_names", "reaches_all", "submodules", "used_names"]

_READS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
# A function that calls one of these may reach every name.
_REACH_ALL = {"eval", "exec", "globals", "vars"}


@lru_cache(maxsize=4096)
def used_names(code: types.CodeType) -> frozenset[str]:
    """Return the global names that a function's code reads, with those of functions inside it."""
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname in _READS}
    for inner in _inside(code):
        names |= used_names(inner)
    return frozenset(names)


def bound_names(code: types.CodeType) -> frozenset[str]:
    """Return the global names that the top level of a cell assigns, imports or defines."""
    steps = dis.get_instructions(code)
    return frozenset(str(step.argval) for step in steps if step.opname.startswith("STORE_NAME"))


def reaches_all(code: types.CodeType) -> bool:
    """Tell whether code may look up any name, as `eval` and `globals` can."""
    return not _REACH_ALL.isdisjoint(used_names(code))


def submodules(code: types.CodeType, names: Mapping[str, Any]) -> Iterator[str]:
    """Yield the imported submodules that code reaches by dots, as `urllib.request`."""
    used = (names.get(name) for name in used_names(code))
    todo = [thing.__name__ for thing in used if isinstance(thing, types.ModuleType)]
    while todo:
        package = todo.pop()
        if hasattr(sys.modules.get(package), "__path__"):
            inside = [f"{package}.{name}" for name in _attributes(code)]
            found = [name for name in inside if name in sys.modules]
            yield from found
            todo += found


@lru_cache(maxsize=4096)
def _attributes(code: types.CodeType) -> frozenset[str]:
    return frozenset(code.co_names).union(*map(_attributes, _inside(code)))


def _inside(code: types.CodeType) -> Iterator[types.CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
