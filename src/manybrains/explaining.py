"""Errors whose cause is that a worker has memory of its own, told as such.

Workers import this: it is light.
"""

import functools
import pickle
import sys

from .carrying import sendable
from .remedies import remedy

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["call", "call_item", "explain"]

_UNKNOWN = (
    r"Can't get attribute '(\w+)' on <module '__(?:mp_)?main__'"
    r"|module '__(?:mp_)?main__' has no attribute '(\w+)'"  # from Python 3.14 on
)


def call(sealed: bytes) -> "Any":
    """Do the task of a Pool in its worker; what cannot be unpickled is an error of this task.

    Without this the worker dies of it, the pool replaces it for ever, and the cell that
    waits for the answer hangs.
    """
    return _answer(lambda: _do(*pickle.loads(sealed)))


def call_item(work_id: int, sealed: bytes) -> "Any":
    """Return the task of an executor; what this worker cannot find is an error of that task.

    Anything else that goes wrong here breaks the executor, as it always does.
    """
    from concurrent.futures.process import _CallItem

    try:
        function, arguments, keywords = pickle.loads(sealed)
    except (AttributeError, ImportError, NameError) as error:
        return _CallItem(work_id, _answer, (functools.partial(_fail, error),), {})
    task = functools.partial(_do, function, arguments, keywords)
    return _CallItem(work_id, _answer, (task,), {})


def _do(function: "Any", arguments: "Any", keywords: "Any") -> "Any":
    return function(*arguments, **keywords)


def _fail(error: BaseException) -> "Any":
    raise error


def _answer(task: "Any") -> "Any":
    """Do a task; whatever error it raises is explained, and can be sent."""
    try:
        return task()
    except BaseException as error:
        explain(error)
        answer = sendable(error)
    try:
        raise answer
    finally:
        del answer  # with its traceback it would hold this frame


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
