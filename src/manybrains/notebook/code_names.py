"""The global names that a code object uses, and the submodules that it reaches through them."""

import dis
import sys
import types
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

__all__ = ["reaches_all", "submodules", "used_names"]

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


def reaches_all(code: types.CodeType) -> bool:
    """Tell whether code may look up any name, as `eval` and `globals` can."""
    return not _REACH_ALL.isdisjoint(used_names(code))


def submodules(code: types.CodeType, names: Mapping[str, Any]) -> Iterator[str]:
    """Yield the imported submodules that code reaches by dots, as `urllib.request`."""
    packages = [names.get(name) for name in used_names(code)]
    for package in packages:
        if isinstance(package, types.ModuleType) and hasattr(package, "__path__"):
            attributes = _attributes(code)
            begin = package.__name__ + "."
            for name in list(sys.modules):
                if name.startswith(begin) and attributes.issuperset(name[len(begin) :].split(".")):
                    yield name


@lru_cache(maxsize=4096)
def _attributes(code: types.CodeType) -> frozenset[str]:
    return frozenset(code.co_names).union(*map(_attributes, _inside(code)))


def _inside(code: types.CodeType) -> Iterator[types.CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
