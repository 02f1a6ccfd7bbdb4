"""Errors of a pool's workers arrive whole, whatever they are.

Unpickling an error calls its class with what it kept as `args`; where the class wants others, a
Pool never answers and an executor breaks.  Such errors travel in an `_Envelope`, which is put
together again where it arrives.  Workers import this: it is light.
"""

from __future__ import annotations

import pickle
from multiprocessing import reduction

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["sendable"]


def sendable(error: BaseException) -> BaseException:
    """Return the error itself if a pool can deliver it, else an envelope that becomes it.

    `SystemExit` and `KeyboardInterrupt` go by envelope too: the worker of a Pool takes them
    for orders to itself, ends, and leaves the cell waiting for an answer.
    """
    if isinstance(error, Exception) and _survives(error):
        return error
    kind = type(error)
    # In a traceback's text the envelope has the name and the words of what is inside.
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    envelope: BaseException = type(kind.__name__, (_Envelope,), names)(error)
    envelope.__traceback__, envelope.__cause__ = error.__traceback__, error.__cause__
    envelope.__context__ = error.__context__
    envelope.__suppress_context__ = error.__suppress_context__
    for note in getattr(error, "__notes__", ()):
        envelope.add_note(note)
    return envelope


class _Envelope(Exception):  # noqa: N818 - it has the name of what is inside
    """Looks like the error inside, and is unpickled as it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(*error.args)
        self._error = error

    def __str__(self) -> str:
        return str(self._error)

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        words = f"{type(error).__qualname__}: {error}"
        if not _survives(type(error)):
            return RuntimeError, (words,)
        arguments = tuple(a if _survives(a) else repr(a) for a in error.args)
        kept = {name: value for name, value in vars(error).items() if _survives(value)}
        lost = sorted(vars(error).keys() - kept.keys())
        return _deliver, (type(error), arguments, kept, lost, words)


def _deliver(
    kind: type[BaseException],
    arguments: tuple[Any, ...],
    kept: dict[str, Any],
    lost: list[str],
    words: str,
) -> BaseException:
    """Put an error together again without its `__init__`, which may want other arguments."""
    try:
        error = kind.__new__(kind, *arguments)
        error.args = arguments
        vars(error).update(kept)
    except Exception:  # a class may do as it likes in its __new__
        return RuntimeError(words)
    if lost:
        error.add_note(f"Not sent, for it cannot be pickled: {', '.join(lost)}.")
    return error


def _survives(thing: Any) -> bool:
    """Tell whether it can be pickled and unpickled; whatever else that raises, is a no."""
    try:
        pickle.loads(reduction.ForkingPickler.dumps(thing))
    except Exception:
        return False
    return True
