"""How libraries, functions and types of ctypes are made again: reduced forms for `reducers`.

A worker opens the library itself, as the top level of a script would do there.
"""

import ctypes
import operator
from typing import Any

from ..workers import reconstructors as make

__all__ = ["reduced"]

_ERRNO, _LAST_ERROR = 8, 16  # `_flags_` of the functions of a library, by its options
_SETTINGS = ("restype", "argtypes", "errcheck")
_C_CALLS = 1  # `_flags_` of a type of functions that ctypes.CFUNCTYPE has made
_POINTERS, _ARRAYS = type(ctypes.POINTER(ctypes.c_int)), type(ctypes.c_int * 1)
_FUNCTIONS: Any = type(ctypes.CFUNCTYPE(None))
_FUNCTION: Any = ctypes.CFUNCTYPE(None).__base__


def reduced(thing: Any) -> Any:
    """Return the reduced form of something of ctypes that needs one; else NotImplemented."""
    kind = type(thing)
    if kind is _ARRAYS:
        known = thing._type_ * thing._length_
        how: Any = (operator.mul, (thing._type_, thing._length_))
    elif kind is _POINTERS:
        known, how = ctypes.POINTER(thing._type_), (ctypes.POINTER, (thing._type_,))
    elif kind is _FUNCTIONS and getattr(thing, "_flags_", 0) == _C_CALLS:
        signature = (thing._restype_, *thing._argtypes_)
        known, how = ctypes.CFUNCTYPE(*signature), (ctypes.CFUNCTYPE, signature)
    else:
        return _of_a_library(thing, kind)
    return how if known is thing else NotImplemented  # a subclass of the reader's


def _of_a_library(thing: Any, kind: type) -> Any:
    if kind in (ctypes.CDLL, ctypes.PyDLL):
        own = vars(thing)
        functions = [each for each in own.values() if isinstance(each, _FUNCTION)]
        flags = own["_FuncPtr"]._flags_
        options = {"use_errno": bool(flags & _ERRNO), "use_last_error": bool(flags & _LAST_ERROR)}
        settings = list(map(_settings, functions))
        return make.open_library, (kind.__name__, thing._name, options, settings)
    library = (thing._objects or {}).get("0") if isinstance(thing, _FUNCTION) else None
    if isinstance(library, ctypes.CDLL):
        return make.function_of, (library, _settings(thing))
    return NotImplemented


def _settings(function: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of a function, and what can be set of it."""
    return function.__name__, {name: getattr(function, name) for name in _SETTINGS}
