"""Arguments whose tuple lacks its comma are refused where a worker, a pool or an executor is made.

Python takes `args=("abc")` for three arguments, and finds `initargs=(5)` wrong in a worker only.
Workers import this: it is light.
"""

from __future__ import annotations

import functools

from ..workers.import_hooks import unseen
from ..workers.session import current_session
from .worker_internals import pool_is_not_made

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["around_executor", "around_pool", "around_process", "comma_of_a_call"]

_NO_TUPLE = "after * must be an iterable, not "  # Python's words; 3.15 begins otherwise


def _around(
    keyword: str, at: int, of: str, of_at: int, is_not_made: Callable[[Any], object] = id
) -> Callable[[Any], Any]:
    """Return the wrapper of an `__init__` with these parameters.

    Args:
        keyword: the parameter with the arguments.
        at: its position after self.
        of: the parameter with the function that gets them.
        of_at: its position.
        is_not_made: called before a refusal.
    """

    def around(make: Callable[..., None]) -> Callable[..., None]:
        @unseen
        @functools.wraps(make)
        def checked_make(self: Any, *given: Any, **named: Any) -> None:
            arguments = given[at] if len(given) > at else named.get(keyword, ())
            if type(arguments) is not tuple and current_session() is not None:
                function = given[of_at] if len(given) > of_at else named.get(of)
                is_not_made(self)
                _check(keyword, arguments, function, named.get("kwargs") or {})
            make(self, *given, **named)

        return checked_make

    return around


around_process = _around("args", 3, "target", 1)
around_pool = _around("initargs", 2, "initializer", 1, pool_is_not_made)
around_executor = _around("initargs", 3, "initializer", 2)


def _check(keyword: str, arguments: Any, function: Any, more: Any) -> None:
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
