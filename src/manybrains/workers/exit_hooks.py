"""How workers ended, noted where it is told: the operating system and the fork server tell it once.

Workers import this, for they may have children of their own: it is light.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from operator import itemgetter

from .cleanup import Undisturbed
from .events import LINUX, cpu_of
from .session import around, current

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

    from .session import Hook, Hooks

__all__ = ["HOOKS_OF_REAPING"]

_PATIENCE = 0.2  # seconds that another thread gets to come back with what it was told


def _of_forks(popen_fork: Any) -> list[Hook]:
    if not hasattr(os, "wait4"):  # Windows
        return []
    return [
        (popen_fork.Popen, "poll", _poll),
        around(popen_fork.Popen, "_send_signal", _around_signal),
    ]


def _of_the_forkserver(popen_forkserver: Any) -> list[Hook]:
    return [around(popen_forkserver.Popen, "poll", _around_poll)]


def _poll(self: Any, flag: int = getattr(os, "WNOHANG", 0)) -> int | None:
    """As popen_fork.Popen.poll, but ask for the CPU time that was used as well.

    It is told once how a worker ended.  No interrupt can come between the telling and the
    list, for both happen in one call into C.
    """
    if self.returncode is None:
        end = self.__dict__.setdefault("_manybrains_end", [])
        try:
            if not end and not (LINUX and _lives_on(self, flag)):
                reap = os.waitpid if LINUX else os.wait4
                end.extend(filter(itemgetter(0), map(reap, (self.pid,), (flag,))))
        except OSError:  # not created yet, or reaped by somebody else (bpo-1731717)
            if not _told_to_another_thread(self, end):
                return None
        for pid, status, *usage in end:
            code = os.waitstatus_to_exitcode(status)
            cpu = usage[0].ru_utime + usage[0].ru_stime if usage else self._manybrains_cpu
            _note_reaped(pid, code, cpu)
            self.returncode = code
    return self.returncode


def _told_to_another_thread(self: Any, end: list[Any]) -> bool:
    """Wait a moment for a thread of ours that asked at the same time, and was told instead.

    It may still be on its way back from the system: an executor has such a thread.
    """
    until = time.monotonic() + (0.0 if hasattr(self, "_manybrains_lost") else _PATIENCE)
    while not end:
        if time.monotonic() >= until:  # it was no thread of ours: never wait for it again
            self._manybrains_lost = True
            return False
        time.sleep(0.001)
    return True


def _lives_on(self: Any, flag: int) -> bool:
    """Tell whether a worker has not ended; if it has, ask its CPU clock, which ends with it."""
    if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | flag) is None:
        return True
    self._manybrains_cpu = cpu_of(self.pid)
    return False


def _around_poll(poll: Callable[..., int | None]) -> Callable[..., int | None]:
    """Let neither an interrupt nor another thread come between the fork server's word and its note.

    An executor has such a thread, which joins its workers.
    """

    @functools.wraps(poll)
    def noted_poll(self: Any, flag: int = getattr(os, "WNOHANG", 0)) -> int | None:
        if self.returncode is None and not flag:  # it waits, and may be interrupted
            from multiprocessing.connection import wait

            wait([self.sentinel])
        if self.returncode is None:
            with Undisturbed(), self.__dict__.setdefault("_manybrains_lock", threading.Lock()):
                if self.returncode is None and (code := poll(self)) is not None:
                    _note_reaped(self.pid, code, None)
        ended: int | None = self.returncode
        return ended

    return noted_poll


def _note_reaped(pid: int, code: int, cpu_seconds: float | None) -> None:
    session = current()
    if session is not None:
        session.journal.note("reaped", pid, time.perf_counter(), code, cpu_seconds)


def _around_signal(send: Any) -> Callable[[Any, int], None]:
    @functools.wraps(send)
    def noted_signal(self: Any, number: int) -> None:
        session = current()
        cpu = None if session is None or self.returncode is not None else cpu_of(self.pid)
        if session is not None and cpu is not None:
            session.journal.note("shot", self.pid, cpu)
        send(self, number)

    return noted_signal


HOOKS_OF_REAPING: Hooks = {
    "multiprocessing.popen_fork": _of_forks,
    "multiprocessing.popen_forkserver": _of_the_forkserver,
}
