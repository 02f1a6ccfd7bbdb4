"""What cannot be pickled is told by the name, the reason and the remedy of the reader's world.

It is imported where an error is to be explained: in the notebook, in a worker, in a feeder thread.
"""

from __future__ import annotations

import pickle
import sys

from ..workers.session import current_session
from ..workers.snapshot import is_of_a_notebook
from ..workers.stdlib_internals import (
    NAMELESS,
    NOT_FOUND,
    OTHER_OBJECT,
    is_pickled_for_a_worker,
    pickle_for_a_worker,
)
from .worker_internals import CANNOT_PICKLE, INHERITED, arguments_by_name, initializer_of

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..workers.session import Session

__all__ = ["explain_message", "explain_start", "is_main", "told"]

# By what Python's error names: what to do instead.
_REMEDIES = {
    "'_thread.lock'": "Take the Lock of multiprocessing, and send it when the worker is started.",
    "'_thread.RLock'": "Take the RLock of multiprocessing, and send it when the worker is started.",
    "'generator'": "Send a list of its items.",
    "'module'": "Import it in the function that the worker runs.",
}
_REMEDY = "Send what it is made from, such as the name of a file, and let the worker make it."
_OF_ANSWERS = "Send what it is made from, such as the name of a file, and let the cell make it."


def explain_message(error: Exception, *_: object) -> None:
    """Say what to do about a task, an answer or a message that could not be pickled.

    Raises:
        pickle.PicklingError: instead of an error whose words are pickle's own.
    """
    if isinstance(error, pickle.PicklingError | AttributeError):
        _refuse(error)
    elif isinstance(error, RuntimeError | TypeError):
        _explain(error)


def explain_start(error: Exception, worker: Any, *_: object) -> None:
    """Say what to do about a worker that could not be pickled, or what it is sent; see above."""
    if isinstance(error, pickle.PicklingError | AttributeError):
        _refuse(error)
    elif isinstance(error, TypeError):
        _explain_argument(error, worker)


def is_main(session: Session | None) -> bool:
    """Tell whether the main module is the notebook: while `%run` runs a script, it is the script.

    Such a script is left alone.  Its workers find it as they do without a notebook.
    """
    if session is None or session.script is None:
        return session is not None and is_of_a_notebook()
    return sys.modules.get("__main__") is session.main


def _refuse(error: BaseException) -> None:
    """Say what to do about a function that pickle could not send; leave other errors alone.

    Raises:
        pickle.PicklingError: instead of the error that pickle raised.
    """
    import re

    if not is_main(current_session()):
        return
    if found := re.search(NAMELESS, str(error)):
        raise told(_reason(found[1])) from None
    if found := re.search(OTHER_OBJECT, str(error)):
        raise told(
            f"{found[1]!r} cannot be sent to another process: what is sent is not what has this "
            "name now, because the name was defined again, or decorated. A worker looks it up by "
            "its name: run the cell again that makes what you send."
        ) from None
    if found := re.search(NOT_FOUND, str(error)):
        raise told(
            f"{found[1] or found[2]!r} cannot be sent to another process: the notebook has no "
            "such name now, and a worker looks it up by its name. Define it at the top level of "
            "a cell."
        ) from None


def _explain(error: BaseException) -> None:
    """Add to an error about what no message can carry what the reader can do instead."""
    if (session := current_session()) is None:
        return
    if INHERITED in str(error):
        error.add_note(
            "A task or a message cannot carry it. A worker gets it at its start: in `args` of a "
            "Process, or in `initargs` of a Pool or ProcessPoolExecutor, whose initializer keeps "
            "it in a global name. What `multiprocessing.Manager()` makes can be sent at any time."
        )
    elif str(error).startswith(CANNOT_PICKLE):
        if not session.is_worker:
            error.add_note(f"A task or a message carries data only. {_remedy(error)}")
            return
        # Of an error of an answer, a Pool sends nothing but the words.
        remedy = _remedy(error) if "'generator'" in str(error) else _OF_ANSWERS
        error.args = (f"{error}. An answer or a message carries data only. {remedy}",)


def _explain_argument(error: TypeError, worker: Any) -> None:
    """Say which of the things that a worker is sent at its start cannot be pickled."""
    if current_session() is None or not is_pickled_for_a_worker():
        return
    for place, thing in _sent_with(worker):
        try:
            pickle_for_a_worker(thing)
        except Exception as of_thing:  # a class of the reader's may raise any error
            if str(of_thing) != str(error):
                continue
            error.add_note(
                f"That is {place} of {worker.name!r}, or inside it. A worker that is not forked "
                f"gets a copy of what it is sent, made by pickle. {_remedy(error)}"
            )
            error.says_all = True  # type: ignore[attr-defined]
            return


def _sent_with(worker: Any) -> Iterator[tuple[str, Any]]:
    initializer, initargs = initializer_of(worker)
    if initializer is not None:
        yield from ((f"`initargs[{n}]`", value) for n, value in enumerate(initargs))
    yield from arguments_by_name(worker)
    own = getattr(worker, "__dict__", {})
    yield from ((f"attribute `{k}`", value) for k, value in own.items() if k[:1] != "_")


def _remedy(error: BaseException) -> str:
    return next((do for thing, do in _REMEDIES.items() if thing in str(error)), _REMEDY)


def told(sentence: str) -> pickle.PicklingError:
    """Return an error whose sentence says all: where in multiprocessing, adds nothing."""
    error = pickle.PicklingError(sentence)
    error.says_all = True  # type: ignore[attr-defined]
    return error


def _reason(name: str) -> str:
    """Return why a worker does not find a function that has no name in a module."""
    if "<lambda>" in name:
        return (
            "a lambda cannot be sent to another process: a worker looks functions up by their "
            "name, and a lambda has none. Write it with def, at the top level of a cell."
        )
    outer, _, inner = name.rpartition(".<locals>.")
    return (
        f"{inner!r} cannot be sent to another process: it is defined inside {outer!r}, "
        "where a worker cannot find it. Move it to the top level of a cell."
    )
