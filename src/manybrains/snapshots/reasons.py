"""Why a thing of the notebook is not in a worker, and what to do: a sentence or two."""

from typing import Any

__all__ = ["reason"]

_HAND_OVER = (
    "Hand it over when the worker is started: Process(..., args=(...,)), or "
    "Pool(initializer=..., initargs=(...,))"
)
_MAKE_THERE = "Make it inside the function"


def reason(thing: Any, error: Exception) -> str:
    """Return why a thing could not be copied into a worker, and the remedy.

    Args:
        thing: what the name stands for.
        error: what pickling it raised.
    """
    kind = type(thing)
    module = kind.__module__
    if module.startswith(("multiprocessing.pool", "concurrent.futures")):
        return f"{_named(kind.__name__)} stays in the process that made it. {_MAKE_THERE}"
    if module.startswith("multiprocessing."):
        return f"{_named(kind.__name__)} is not copied, it is handed over. {_HAND_OVER}"
    words = f"{type(error).__name__}: {error}".rstrip(".")
    needs = "or in a cell with %%everywhere on top, or hand over as an argument what it needs"
    return f"it cannot be copied ({words}). {_MAKE_THERE}, {needs}"


def _named(kind: str) -> str:
    """Return "a Queue", and for what multiprocessing.Value returns "a shared Value"."""
    if kind.startswith("Synchronized"):
        return "a shared Value" if kind == "Synchronized" else "a shared Array"
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"
