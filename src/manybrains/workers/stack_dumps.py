"""Where the threads of a process stand: the process writes it down when it gets a signal.

`faulthandler` does this in C, in the signal's handler: it needs no GIL, and forked workers
inherit it.  `deadlines.stacks` sends the signal and reads.  Workers import this: it is light.
"""

import os
import signal
import threading

from .events import open_to_append
from .platform import LINUX
from .stdlib_internals import get_handler, set_handler

__all__ = ["choose_signal", "is_free", "stacks_path", "tell_no_more", "tell_stacks_on"]

_CANDIDATES = range(5, 15)  # below the last real-time signal


def choose_signal(taken: int = 0) -> int:
    """Return the number of a signal that is unused in this process, or 0 if there is none.

    On Linux it is a real-time signal; elsewhere SIGINFO, which macOS ignores by default.

    Args:
        taken: a real-time signal that `faulthandler` uses already, which `is_free` cannot see.
    """
    if not LINUX:
        information = int(getattr(signal, "SIGINFO", 0))
        return information if information and is_free(information) else 0
    for below in _CANDIDATES:
        number = int(signal.SIGRTMAX) - below
        if number != taken and is_free(number):
            return number
    return 0


def is_free(number: int) -> bool:
    """Tell whether no Python code of this process handles a signal (`faulthandler` is in C)."""
    return get_handler(number) == signal.SIG_DFL


def stacks_path(folder: str) -> str:
    """Return the file in which all processes of a session write where they stand."""
    return os.path.join(folder, "stacks")  # noqa: PTH118 - pathlib is slow to import


def tell_stacks_on(number: int, folder: str) -> int:
    """Let this process and its forked children write, on this signal, where they stand.

    Returns:
        the descriptor of the file, which `tell_no_more` closes; -1 if it is not possible:
        there is no such signal, no room for a file, or the signal has a handler, which stays.
    """
    if not number or not is_free(number):
        return -1
    import faulthandler

    try:
        file = open_to_append(stacks_path(folder))
        faulthandler.register(number, file=file, all_threads=True, chain=False)
    except (AttributeError, OSError, RuntimeError, ValueError):
        return -1
    return file


def tell_no_more(number: int, file: int) -> None:
    """Undo `tell_stacks_on` in this process; a handler that somebody has set since stays."""
    import faulthandler

    theirs = get_handler(number)
    if theirs == signal.SIG_DFL:
        faulthandler.unregister(number)
    elif threading.current_thread() is threading.main_thread():  # else it is not ours to set
        faulthandler.unregister(number)  # puts back what was there before ours
        set_handler(number, theirs)
    os.close(file)
