"""Handlers that the reader's code sets: they get their signals, and ours get them first.

A cell that sets a handler for every signal does not disarm its deadline, and one that has its own
handler of SIGINT does not hide an interrupt.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from ..workers.import_hooks import unseen, wrap
from ..workers.session import current_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..workers.import_hooks import Hook

__all__ = ["hooks_of_signals"]


def hooks_of_signals(module: Any) -> list[Hook]:
    """Return the hooks in the module signal."""
    return [wrap(module, "signal", _around_signal)]


def _around_signal(set_: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    @unseen
    @functools.wraps(set_)
    def kept_signal(signalnum: int, handler: Any, /) -> Any:
        session = current_session()
        is_main = threading.current_thread() is threading.main_thread()
        if session is None or session.pid != os.getpid() or not is_main:
            return set_(signalnum, handler)
        if signalnum and signalnum == session.strike_signal:
            before = session.own_handlers.get(signalnum, signal.SIG_DFL)
            session.own_handlers[signalnum] = handler
            return before
        noted = session.interrupts
        is_note = signalnum == signal.SIGINT and noted is not None and noted.are_noted
        if noted is not None and is_note and callable(handler):
            return noted.pass_on_to(handler)
        return set_(signalnum, handler)

    return kept_signal
