"""What the reader can do at a limit of the machine: a sentence or two for each limit.

The operating system names a limit by a number; the sentence goes with the error as a note.
Workers import this: it is light.
"""

from __future__ import annotations

import errno
import functools
import os
import sys

from ..workers.import_hooks import unseen
from ..workers.session import current_session
from ..workers.stdlib_internals import NO_THREAD, PIPE_CLOSED

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "no_room",
    "remedy",
    "reserve",
    "shared_remedy",
    "start_remedy",
    "with_explanation",
    "with_remedy",
    "with_tuple",
]

SHARED = "/dev/shm"  # where Linux keeps semaphores and shared memory
_SMALL_SHARE = 8  # a block is small if that many of it fit into what is free
_PROCESSES = (
    "No more processes or threads may be started here: their limit is reached (`ulimit -u`; in a "
    "container, its limit of pids). Start fewer workers, and end what other cells and notebooks "
    "still run: restarting a kernel ends its workers."
)
_SERVER = (
    "The fork server, which starts the workers, has ended. If a traceback of it stands above, "
    "repair that: it imports the main module, and what set_forkserver_preload names. If not: "
)
_FILES = (
    "No more files may be opened here: their limit is reached (`ulimit -n`), and each worker and "
    "each queue takes some. Start fewer at a time, and close the pools that have done their work."
)
_MEMORY = (
    "There is no memory for it here. Start fewer workers, give each its part of the data instead "
    "of the whole, or restart the kernel, which frees all its memory."
)
_SENTENCES = {
    errno.EAGAIN: _PROCESSES,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _MEMORY,
}


def remedy(error: BaseException) -> str:
    """Return what the reader can do about an error from a limit of the machine; else ""."""
    number = getattr(error, "errno", None) or 0
    if isinstance(error, MemoryError):
        return _MEMORY
    if number == errno.ENOSPC:
        return no_room(os.path.dirname(str(error.filename or "")))  # type: ignore[attr-defined] # noqa: PTH120
    if isinstance(error, RuntimeError) and NO_THREAD in str(error):
        return _PROCESSES
    return _SENTENCES.get(number, "")


def start_remedy(error: BaseException) -> str:
    """Return what the reader can do if a worker cannot be started."""
    # The fork server could not fork, and ended: all that its client sees is a closed pipe.
    return _SERVER + _PROCESSES if isinstance(error, PIPE_CLOSED) else remedy(error)


def shared_remedy(error: BaseException) -> str:
    """Return what the reader can do if a semaphore or shared memory cannot be made."""
    if not isinstance(error, OSError) or not sys.platform.startswith("linux"):
        return ""
    if not os.path.isdir(SHARED):  # noqa: PTH112 - pathlib is slow to import
        what = "is not there"
    elif error.errno == errno.ENOSPC:
        what = f"has no room: it holds {_size_of(SHARED) / 1e6:,.0f} MB in all"
    elif error.errno == errno.EROFS or not os.access(SHARED, os.W_OK):
        what = "cannot be written to"
    else:
        return remedy(error)
    return (
        f"Locks, queues, pools and shared memory live in {SHARED}, which {what}. A container has "
        "it from outside: `docker run --shm-size=1g ...`, or a volume of memory at that place."
    )


def no_room(folder: str) -> str:
    """Return what the reader can do about a full file system."""
    return (
        f"No room is left on the disk of {folder or 'the temporary folder'}, so that something of "
        "what workers print and do may be missing here. Make room there, or set the environment "
        "variable TMPDIR to a folder with room before the kernel starts."
    )


def reserve(descriptor: int, size: int) -> None:
    """Take the pages of new shared memory at once, if there may be too little room.

    Linux promises more than /dev/shm holds, and kills the process that writes past the end.
    To take all pages costs a tenth of a second for 500 MB.  So this is done only for a block
    that is large in comparison with the free room.

    Raises:
        OSError: if there is no room for so many bytes.
    """
    __tracebackhide__ = True
    try:
        state = os.statvfs(SHARED)
        if size * _SMALL_SHARE > state.f_bavail * state.f_frsize:
            os.posix_fallocate(descriptor, 0, size)
    except AttributeError:  # another system
        return
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.ENOMEM):
            raise


def _size_of(folder: str) -> int:
    state = os.statvfs(folder)
    return state.f_blocks * state.f_frsize


def with_remedy(
    do: Callable[..., Any], find: Callable[[BaseException], str] = remedy
) -> Callable[..., Any]:
    """Wrap a function that a limit can stop, so that its errors say what the reader can do."""

    @functools.wraps(do)
    def done(*arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True  # IPython leaves this frame out
        try:
            return do(*arguments, **keywords)
        except (OSError, EOFError, MemoryError, RuntimeError) as error:
            sentence = find(error)
            if sentence and sentence not in getattr(error, "__notes__", ()):
                error.add_note(sentence)
            raise

    return done


def with_tuple(
    keyword: str, at: int, of: str, of_at: int, is_not_made: Callable[[Any], object] = id
) -> Callable[[Any], Any]:
    """Return the wrapper of an `__init__` that takes arguments for a function, in a tuple.

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
                from .arguments import check

                function = given[of_at] if len(given) > of_at else named.get(of)
                is_not_made(self)
                check(keyword, arguments, function, named.get("kwargs") or {})
            make(self, *given, **named)

        return checked_make

    return around


def with_explanation(dump: Callable[..., Any], explain: str) -> Callable[..., Any]:
    """Return a function that pickles as this one does, and explains what cannot be pickled.

    Args:
        explain: the name of a function of `pickle_errors`: a worker imports that for an error only.
    """

    @unseen
    @functools.wraps(dump)
    def explained_dump(*arguments: Any, **keywords: Any) -> Any:
        try:
            return dump(*arguments, **keywords)
        except Exception as error:
            from . import pickle_errors

            getattr(pickle_errors, explain)(error, *arguments)
            raise

    return explained_dump
