"""Tasks that a worker cannot read, and errors that are explained and arrive complete.

Unpickling an error calls its class with the error's `args`.  If the class needs other arguments,
a Pool never answers and an executor breaks.  Such errors travel in an `_Envelope`.  Workers of
pools import this, and workers that fail: it is light.
"""

from __future__ import annotations

import functools
import pickle

from ..workers.snapshot import why_not_sent
from ..workers.stdlib_internals import (
    NOT_IN_MAIN,
    POOL_LOOP,
    executor_task,
    pickle_for_a_worker,
    receive_from_executor,
    receive_from_pool,
)
from .arguments import comma_of_a_call
from .hints import remedy

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["add_hint", "picklable_error", "read_tasks_safely"]

_OF_THE_NOTEBOOK = ("display", "get_ipython")  # magics and lines with `!` call the second one
_RESULTS = r"_+|_i*\d+|_i+|_oh|_ih|_dh|In|Out"
_WHOLE_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1")  # as pickle writes them


def read_tasks_safely(loop: Any, queue: Any, begin: Callable[[], object] = int) -> None:
    """Make a task that a worker cannot unpickle an error of that task, and explain errors.

    Without this, the worker of a Pool dies, the pool replaces it again and again, and the cell
    that waits for the answer hangs.  An executor breaks.

    Args:
        loop: what the worker does: `worker` of a Pool, or `_process_worker` of an executor.
        queue: the queue from which it gets its tasks.
        begin: called each time before it gets one; at the first time, its work begins.
    """
    get = _get_task if loop.__module__ == POOL_LOOP[0] else _get_item
    queue.get = functools.partial(get, queue, begin)


def _get_task(queue: Any, begin: Callable[[], object]) -> Any:
    """Do what SimpleQueue.get does, for the worker of a Pool."""
    begin()
    sealed = receive_from_pool(queue)
    try:
        task = pickle.loads(sealed)
    except BaseException as error:
        return *_numbers(sealed, 2), _do, (_fail, (error,), {}), {}
    if task is None:  # an order to end
        return None
    job, number, function, arguments, keywords = task
    return job, number, _do, (function, arguments, keywords), {}


def _get_item(queue: Any, begin: Callable[[], object], **_: bool) -> Any:
    """Do what Queue.get does, for the worker of an executor.

    A name that cannot be found is an error of the task.  Any other error here breaks the
    executor, as it does without our hooks.
    """
    begin()
    sealed = receive_from_executor(queue)
    try:
        item = pickle.loads(sealed)
    except (AttributeError, ImportError, NameError) as error:
        [number] = _numbers(sealed, 1)
        return executor_task(number, _do, (_fail, (error,), {}))
    if item is not None:
        item.args, item.kwargs = (item.fn, item.args, item.kwargs), {}
        item.fn = _do
    return item


def _numbers(sealed: bytes, how_many: int) -> list[Any]:
    """Return the first numbers of a pickle that cannot be read: they tell which task it is."""
    import itertools
    import pickletools

    steps = pickletools.genops(sealed)
    found = (number for step, number, _ in steps if step.name in _WHOLE_NUMBERS)
    return list(itertools.islice(found, how_many))


def _do(function: Any, arguments: Any, keywords: Any) -> Any:
    """Do a task; an error that it raises is explained, and made so that it can be sent."""
    try:
        return function(*arguments, **keywords)
    except BaseException as error:
        add_hint(error)
        answer = picklable_error(error)
    try:
        raise answer
    finally:
        del answer  # its traceback would keep this frame alive


def _fail(error: BaseException) -> Any:
    raise error


def add_hint(error: BaseException) -> None:
    """Add a note to an error that comes from the worker's memory: it is separate, or too small."""
    import re

    if isinstance(error, NameError) and (why := why_not_sent(str(error.name))):
        error.add_note(f"{error.name!r} is in the notebook, but not in this worker: {why}.")
    elif isinstance(error, NameError) and error.name in _OF_THE_NOTEBOOK:
        error.add_note(
            f"{error.name!r} belongs to the notebook, and a worker is another process. Let the "
            "worker print, or return the value and show it in the cell."
        )
    elif isinstance(error, NameError) and re.fullmatch(_RESULTS, str(error.name)):
        error.add_note(
            f"{error.name!r} is the notebook's memory of its results, and a worker is another "
            "process. Give the result a name of its own, and use that."
        )
    elif isinstance(error, TypeError) and (comma := comma_of_a_call(error)):
        error.add_note(comma)
    elif isinstance(error, MemoryError):
        error.add_note(remedy(error))
    elif isinstance(error, AttributeError) and (unknown := re.match(NOT_IN_MAIN, str(error))):
        # One wording under every start method and Python: most name a temporary file.
        error.args = (f"Can't get attribute {unknown[1] or unknown[2]!r} on <module '__main__'>",)
        why = why_not_sent(unknown[1] or unknown[2])
        error.add_note(
            f"This worker does not have it: {why}."
            if why
            else "This worker does not know it: it was started before that was defined, or "
            "knows another version. Define first, then start the pool."
        )


def picklable_error(error: BaseException) -> BaseException:
    """Return the error itself if a pool can deliver it, else an envelope that becomes it.

    `SystemExit` and `KeyboardInterrupt` travel in an envelope too: the worker of a Pool would
    take them as orders to itself and end, and the cell would wait for an answer for ever.
    """
    if isinstance(error, Exception) and _survives(error):
        return error
    kind = type(error)
    # In the text of a traceback, the envelope has the name and the words of the error inside.
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    envelope: BaseException = type(kind.__name__, (_Envelope,), names)(error)
    envelope.__traceback__, envelope.__cause__ = error.__traceback__, error.__cause__
    envelope.__context__ = error.__context__
    envelope.__suppress_context__ = error.__suppress_context__
    for note in getattr(error, "__notes__", ()):
        envelope.add_note(note)
    return envelope


class _Envelope(Exception):  # noqa: N818 - it has the name of the error inside
    """Looks like the error inside; unpickled, it becomes that error."""

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
    """Make an error again without its `__init__`, which may need other arguments."""
    try:
        error = kind.__new__(kind, *arguments)
        error.args = arguments
        vars(error).update(kept)
    except Exception:  # the __new__ of a class may raise any error
        return RuntimeError(words)
    if lost:
        error.add_note(f"Not sent, because it cannot be pickled: {', '.join(lost)}.")
    return error


def _survives(thing: Any) -> bool:
    """Tell whether a thing can be pickled and unpickled; any error means no."""
    try:
        pickle.loads(pickle_for_a_worker(thing))
    except Exception:
        return False
    return True
