"""Why a worker could not be born, as an error and in words: what, where, and what to do.

A worker that fails makes the text; its parent makes the error of it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import signal
import traceback

from ..workers.session import current_session
from ..workers.snapshot import show_sources, why_not_sent
from ..workers.stdlib_internals import (
    EXECUTOR_TRACEBACK,
    NOT_IN_MAIN,
    POOL_TRACEBACK,
    pickle_for_a_worker,
)
from .task_errors import add_hint, picklable_error
from .worker_internals import initializer_of

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

__all__ = ["Failure", "ended_early", "explained", "report", "sealed", "told"]

# Where a worker stands before it comes to the reader's code.
_MACHINERY = (
    "multiprocessing",
    "runpy.py",
    "<frozen runpy>",
    "<string>",
    "concurrent",
    "pickle.py",
)
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
_STDLIB = os.path.dirname(os.path.abspath(os.__file__))  # noqa: PTH100, PTH120
_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)')
_CRASHES = {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"}


# --- in the worker ------------------------------------------------------------------------


def told(error: BaseException, folder: str) -> str:
    """Return the traceback of an error at a worker's birth, from the reader's own code on.

    Args:
        error: it is given a hint, too.
        folder: of the session; the error no longer names a file in it.
    """
    import linecache

    _name_no_file_of_ours(error, folder)
    show_sources(linecache)  # the hook for it may not be there yet
    if not isinstance(error, AttributeError):  # else its hint is for a worker that was born
        add_hint(error)
    lines = traceback.format_exception(type(error), error, _readers_part(error.__traceback__))
    return "".join(lines)


def _readers_part(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and _is_machinery(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_machinery(file: str) -> bool:
    if file.startswith(_OURS):
        return True
    return file.removeprefix(_STDLIB).lstrip("/\\").startswith(_MACHINERY)


def _name_no_file_of_ours(error: BaseException, folder: str) -> None:
    """Take the temporary file of the main module out of what an error says."""
    if isinstance(error, AttributeError) and (unknown := re.match(NOT_IN_MAIN, str(error))):
        name = unknown[1] or unknown[2]
        error.args = (f"Can't get attribute {name!r} on <module '__main__'>",)
        if why := why_not_sent(name):
            error.add_note(f"This worker does not have it: {why}.")
    path = re.escape(folder) + r"[/\\][^'()]*"
    ours = re.compile(rf" \({path}\)| from '{path}'")
    error.args = tuple(ours.sub("", a) if isinstance(a, str) else a for a in error.args)
    if isinstance(error, ImportError):
        error.msg = ours.sub("", error.msg)


def sealed(kind: str, error: BaseException, folder: str) -> bytes:
    """Return all that `Failure` has of an error, pickled."""
    place = _readers_place(error.__traceback__)
    if kind == "initializer" and not place and isinstance(error, TypeError):
        place = _explain_call(error)
    text = told(error, folder)
    words = traceback.format_exception_only(type(error), error)[0].strip()
    key = f"{kind} {type(error).__qualname__} {place}"
    sent = picklable_error(error) if isinstance(error, Exception) else RuntimeError(words)
    return pickle.dumps((kind, key, text, words, place, pickle_for_a_worker(sent)))


def _explain_call(error: TypeError) -> str:
    """Say with which arguments the initializer was called; return where it is defined."""
    import reprlib
    from multiprocessing import current_process

    initializer, arguments = initializer_of(current_process())
    if (code := getattr(initializer, "__code__", None)) is None:
        return ""
    error.add_note(f"It was called with initargs={reprlib.repr(arguments)}.")
    return f'File "{code.co_filename}", line {code.co_firstlineno}'


def _readers_place(trace: TracebackType | None) -> str:
    """Return the innermost line of the reader's own code, as a traceback has it."""
    frames = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(trace)]
    own = [f'File "{file}", line {line}' for file, line in frames if not _is_library(file)]
    return "".join(own[-1:])


def _is_library(file: str) -> bool:
    import sysconfig

    keys = ("stdlib", "platstdlib", "purelib", "platlib")
    return file.startswith(("<", _OURS, *(sysconfig.get_path(key) for key in keys)))


# --- in the parent ------------------------------------------------------------------------


class Failure:
    """Why a worker was not born.

    Attributes:
        kind: "main", "everywhere", "arguments", "initializer", or "end" if nothing was
            raised.
        key: equal for failures of the same kind at the same place.
        text: the traceback.
        words: kind and words of the error.
        place: the innermost line of the reader's own code, as a traceback has it.
        error: the error, pickled.
        exit_code: of the worker.
    """

    def __init__(self, noted: bytes, exit_code: int | None) -> None:
        self.exit_code = exit_code
        known = ("end", str(exit_code), "", "", "", b"")
        with contextlib.suppress(pickle.UnpicklingError, EOFError, ValueError):  # cut off, or empty
            known = pickle.loads(noted)
        self.kind, self.key, self.text, self.words, self.place, self.error = known


def explained(failure: Failure, times: int) -> BaseException:
    """Return the error of a pool's worker that was not born, with its traceback and what to do.

    Args:
        failure: what the worker noted.
        times: how many workers ended in that way.
    """
    if failure.kind == "end":
        return RuntimeError(_sentences(failure, "pool", times))
    error = _error_of(failure, "pool")
    error.add_note(_sentences(failure, "pool", times))
    return error


def report(failure: Failure, whose: str, times: int = 1) -> str:
    """Return the same as a text, for somebody who has asked for no answer."""
    return f"{_readable(failure.text)}{_sentences(failure, whose, times)}\n"


def _sentences(failure: Failure, whose: str, times: int) -> str:
    return _what_happened(failure, whose, times) + " " + _what_to_do(failure, whose)


def ended_early(
    failure: Failure, whose: str, kind: Callable[[str], BaseException]
) -> BaseException:
    """Return the error that Python has for this, with words, and with the worker's own error."""
    happened, to_do = _what_happened(failure, whose), _what_to_do(failure, whose)
    if failure.kind == "end":
        return kind(f"{happened} {to_do}")
    error = kind(f"{happened[:-1]}: {failure.words}. {to_do}")
    error.__cause__ = _error_of(failure, whose)
    return error


def _error_of(failure: Failure, whose: str) -> BaseException:
    try:
        error: BaseException = pickle.loads(failure.error)
    except Exception:  # a class that this process does not have, or whatever that raises
        error = RuntimeError(failure.words)
    error.__cause__ = _remote_traceback(whose)(f'\n"""\n{failure.text}"""')
    return error


def _remote_traceback(whose: str) -> Any:
    if whose == "executor":
        from concurrent.futures import process as executor

        return getattr(executor, EXECUTOR_TRACEBACK)
    from multiprocessing import pool

    return getattr(pool, POOL_TRACEBACK)


def _what_happened(failure: Failure, whose: str, times: int = 1) -> str:
    at = _words_of(failure.place)
    who = "the manager's process" if whose == "manager" else "a worker"
    if failure.kind == "main":
        return (
            f"{who.capitalize()} cannot start: its first step, to get the main module, failed{at}."
        )
    if failure.kind == "everywhere":
        return f"{who.capitalize()} cannot start: a cell with %%everywhere failed in it{at}."
    if failure.kind == "arguments":
        return f"{who.capitalize()} cannot start: it cannot read what it is sent at its start{at}."
    who, end = (f"{times} workers", ", so no more are started.") if times > 1 else (who, ".")
    alike = " in the same way" if times > 1 else ""
    if failure.kind == "initializer":
        return f"The initializer failed in {who}{alike}{at}{end}"
    early = "before it could serve" if whose == "manager" else "before the first task"
    each = " each" if times > 1 else ""
    who = who[0].upper() + who[1:]
    return f"{who} ended with exit code {failure.exit_code}{each}, {early}{end}"


def _what_to_do(failure: Failure, whose: str) -> str:
    again = f"make a new {whose}"
    if failure.kind == "end":
        return _meaning(failure.exit_code)
    if failure.kind == "everywhere":
        return (
            "It runs at the birth of every worker: repair it and run it again, or forget it with "
            f"`%%everywhere --anew` on top of a cell; then {again}."
        )
    if failure.kind == "initializer":
        return f"To try it, call it here by itself; then {again}."
    if failure.words.startswith(("ModuleNotFoundError", "ImportError")):
        return (
            "A worker imports modules anew: install what is missing, or put its file back where "
            f"Python finds it, then {again}."
        )
    if failure.kind == "main":
        return f"Repair it there, then {again}."
    if "<module '__main__'>" in failure.words:
        return (
            "It gets what stands at the top level of your cells or script, with def, class or "
            f"import: define it there, then {again}."
        )
    return (
        "It makes its own copies of the arguments: try `pickle.loads(pickle.dumps(argument))` with "
        f"each here, then {again}."
    )


def _meaning(code: int | None) -> str:
    if code is None or code >= 0:
        return (
            "The initializer, a module that workers import, or a cell with %%everywhere ended the "
            "process: look for `os._exit` and `sys.exit` there."
        )
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return (
            "It was killed (SIGKILL): by somebody, or by the system, which does so where memory "
            "runs out. Start fewer workers, and let each load less."
        )
    if name in _CRASHES:
        return (
            f"It crashed in compiled code ({name}): of a library that the initializer calls or "
            "that workers import. Call it in a process of its own to find out which."
        )
    return f"It was ended by {name}: find out who sends that."


def _readable(text: str) -> str:
    session = current_session()
    return text if session is None or session.script is None else session.script.readable(text)


def _words_of(place: str) -> str:
    """Return " (Cell In[3], line 2)".

    A worker does not know the names of cells; the text of a traceback gets them in the notebook.
    """
    session = current_session()
    found = _PLACE.search(_readable(place))
    if found is None or (session is not None and session.is_worker):
        return ""
    return f" ({found[1]}, line {found[2]})"
