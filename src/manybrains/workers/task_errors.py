"""Errors whose cause is that a worker has memory of its own, told as such.

Workers of pools import this, and others that fail: it is light.
"""

import functools
import pickle
import sys

from .carrying import sendable
from .hints import remedy

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["explain", "read_tasks_safely"]

_WHOLE_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1")  # as pickle writes them
_UNKNOWN = (
    r"Can't get attribute '(\w+)' on <module '__(?:mp_)?main__'"
    r"|module '__(?:mp_)?main__' has no attribute '(\w+)'"  # from Python 3.14 on
)


def read_tasks_safely(loop: "Any", queue: "Any") -> None:
    """Let what a worker cannot unpickle be an error of that task, and any error be explained.

    Without this the worker of a Pool dies of it, the pool replaces it for ever, and the cell
    that waits for the answer hangs; an executor breaks.

    Args:
        loop: what the worker does: `worker` of a Pool, or `_process_worker` of an executor.
        queue: where it gets its tasks.
    """
    if loop.__module__ == "multiprocessing.pool":
        queue.get = functools.partial(_get_task, queue)
    elif loop.__module__ == "concurrent.futures.process":
        queue.get = functools.partial(_get_item, queue)


def _get_task(queue: "Any") -> "Any":
    """As SimpleQueue.get, for the worker of a Pool."""
    with queue._rlock:
        sealed = queue._reader.recv_bytes()
    try:
        task = pickle.loads(sealed)
    except BaseException as error:
        return *_numbers(sealed, 2), _do, (_fail, (error,), {}), {}
    if task is None:  # an order to end
        return None
    job, number, function, arguments, keywords = task
    return job, number, _do, (function, arguments, keywords), {}


def _get_item(queue: "Any", **_: bool) -> "Any":
    """As Queue.get, for the worker of an executor.

    What it cannot find is an error of the task; anything else that goes wrong here breaks
    the executor, as it always does.
    """
    with queue._rlock:
        sealed = queue._recv_bytes()
    queue._sem.release()
    try:
        item = pickle.loads(sealed)
    except (AttributeError, ImportError, NameError) as error:
        from concurrent.futures import process

        item_of: Any = process._CallItem
        return item_of(*_numbers(sealed, 1), _do, (_fail, (error,), {}), {})
    if item is not None:
        item.args, item.kwargs = (item.fn, item.args, item.kwargs), {}
        item.fn = _do
    return item


def _numbers(sealed: bytes, how_many: int) -> "list[Any]":
    """Return the first numbers of a pickle that cannot be read as a whole: whose task it is."""
    import itertools
    import pickletools

    steps = pickletools.genops(sealed)
    found = (number for step, number, _ in steps if step.name in _WHOLE_NUMBERS)
    return list(itertools.islice(found, how_many))


def _do(function: "Any", arguments: "Any", keywords: "Any") -> "Any":
    """Do a task; whatever error it raises is explained, and can be sent."""
    try:
        return function(*arguments, **keywords)
    except BaseException as error:
        explain(error)
        answer = sendable(error)
    try:
        raise answer
    finally:
        del answer  # with its traceback it would hold this frame


def _fail(error: BaseException) -> "Any":
    raise error


def explain(error: BaseException) -> None:
    """Add a note to an error whose cause is a worker's memory: that it is its own, or too small."""
    import re

    main = sys.modules.get("__main__")
    name = getattr(error, "name", None)
    if isinstance(error, NameError) and name in getattr(main, "__not_sent_to_workers__", ()):
        error.add_note(
            f"{name!r} exists in the notebook's memory, not in this worker's. "
            "Hand it over as an argument."
        )
    elif isinstance(error, MemoryError):
        error.add_note(remedy(error))
    elif isinstance(error, AttributeError) and (unknown := re.match(_UNKNOWN, str(error))):
        # One wording under every start method and Python: most name a temporary file.
        error.args = (f"Can't get attribute {unknown[1] or unknown[2]!r} on <module '__main__'>",)
        error.add_note(
            "This worker does not know it: it was started before that was defined, or "
            "knows another version. Define first, then start the pool."
        )
