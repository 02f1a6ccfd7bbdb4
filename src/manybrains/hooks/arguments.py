"""Arguments whose tuple lacks its comma are refused where a worker, a pool or an executor is made.

Python takes `args=("abc")` for three arguments, and finds `initargs=(5)` wrong in a worker only.
It is imported where arguments are no tuple; `hints.with_tuple` asks.
"""

from __future__ import annotations

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["check", "comma_of_a_call"]

_NO_TUPLE = "after * must be an iterable, not "  # Python's words; 3.15 begins otherwise


def check(keyword: str, arguments: Any, function: Any, more: Any) -> None:
    """Refuse what cannot be the arguments of a function.

    Raises:
        TypeError: if it is nothing iterable, or if its items do not fit the function.
    """
    if function is None and keyword == "initargs":  # nobody reads them
        return
    name = _name_of(arguments)
    comma = f"If it is one argument, a tuple of one needs a comma: `{keyword}=({name},)`."
    kind = type(arguments).__name__
    if not hasattr(arguments, "__iter__") and not hasattr(arguments, "__getitem__"):
        raise TypeError(f"{keyword}={name} is of type {kind}, and no tuple of arguments. {comma}")
    if hasattr(arguments, "__len__") and (why := _why_it_does_not_fit(function, arguments, more)):
        raise TypeError(
            f"{keyword}={name} is of type {kind}, and each of its {len(arguments)} items is an "
            f"argument of {getattr(function, '__name__', function)!r} ({why}). {comma}"
        )


def _why_it_does_not_fit(function: Any, arguments: Any, more: Any) -> str:
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions in C do not tell theirs
        return ""
    try:
        signature.bind(*arguments, **more)
    except TypeError as error:
        return str(error)
    return ""


def _name_of(thing: Any) -> str:
    """Return how the reader's code may call a thing: a short value, else by its name there."""
    import inspect
    import reprlib

    short = reprlib.repr(thing)
    if "..." not in short and not short.startswith("<"):
        return short
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") != "__main__":
        frame = frame.f_back
    names = {} if frame is None else {**frame.f_globals, **frame.f_locals}
    own = (name for name, value in names.items() if value is thing and not name.startswith("_"))
    return next(own, "value")


def comma_of_a_call(error: TypeError) -> str:
    """Return what to do about a call with one value in place of a tuple; "" for other errors."""
    if _NO_TUPLE not in str(error):
        return ""
    return "Its arguments are no tuple. If there is one, a tuple of one needs a comma: `(value,)`."
