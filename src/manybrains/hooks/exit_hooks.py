"""How workers ended: noted at the call that asks, because the system answers it only once.

The fork server answers once too.  Workers import this, since they may have children of their
own: it is light.
"""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref
from operator import itemgetter

from ..workers.cpu_clock import cpu_of
from ..workers.import_hooks import wrap
from ..workers.interrupts import DelayedInterrupt
from ..workers.platform import LINUX
from ..workers.session import current_session
from ..workers.stdlib_internals import SEND_SIGNAL, WORKER_ENDED

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..workers.import_hooks import Hook, Table

__all__ = ["HOOKS_OF_EXITS"]

_ANSWER_TIMEOUT = 0.2  # seconds within which another thread should return with the answer
_NO_WAITING = getattr(os, "WNOHANG", 0)


class _Ends:
    """What is known of the end of one worker, beside its Popen object.

    Attributes:
        told: the system's answer: (pid, status and, from wait4, usage); empty before.
        cpu: CPU seconds by its clock, read after its end and before it was reaped.
        is_lost: whether the answer went to other code, outside of multiprocessing.
        lock: held by the thread that asks the fork server.
    """

    __slots__ = ("__weakref__", "cpu", "is_lost", "lock", "told")

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.cpu: float | None = None
        self.is_lost = False
        self.lock = threading.Lock()


_ENDS: weakref.WeakKeyDictionary[Any, _Ends] = weakref.WeakKeyDictionary()


def _ends_of(popen: Any) -> _Ends:
    return _ENDS.setdefault(popen, _Ends())


def _of_forks(popen_fork: Any) -> list[Hook]:
    if not hasattr(os, "wait4"):  # Windows
        return []
    return [
        wrap(popen_fork.Popen, WORKER_ENDED, _around_poll),
        wrap(popen_fork.Popen, SEND_SIGNAL, _around_signal),
    ]


def _of_the_forkserver(popen_forkserver: Any) -> list[Hook]:
    return [wrap(popen_forkserver.Popen, WORKER_ENDED, _around_poll_of_the_forkserver)]


def _around_poll(poll: Callable[..., int | None]) -> Callable[..., int | None]:
    @functools.wraps(poll)
    def noted_poll(self: Any, flag: int = _NO_WAITING) -> int | None:
        if current_session() is None:
            return poll(self, flag)
        return _poll(self, flag)

    return noted_poll


def _poll(self: Any, flag: int) -> int | None:
    """Do what popen_fork.Popen.poll does, and ask for the CPU time too.

    The system says only once how a worker ended.  No interrupt can come between its answer and
    the list, because both happen in one call into C.
    """
    if self.returncode is None:
        ends = _ends_of(self)
        try:
            if not ends.told and not (LINUX and _lives_on(self.pid, ends, flag)):
                reap = os.waitpid if LINUX else os.wait4
                ends.told.extend(filter(itemgetter(0), map(reap, (self.pid,), (flag,))))
        except OSError:  # not created yet, or reaped by other code (bpo-1731717)
            if not _told_to_another_thread(ends):
                return None
        for pid, status, *usage in ends.told:
            code = os.waitstatus_to_exitcode(status)
            cpu = usage[0].ru_utime + usage[0].ru_stime if usage else ends.cpu
            _note_reaped(pid, code, cpu)
            self.returncode = code
    return self.returncode


def _told_to_another_thread(ends: _Ends) -> bool:
    """Wait a moment for a thread that asked at the same time, and got the answer instead.

    It may still be on its way back from the system: an executor has such a thread.
    """
    until = time.monotonic() + (0.0 if ends.is_lost else _ANSWER_TIMEOUT)
    while not ends.told:
        if time.monotonic() >= until:  # it was no thread of ours: never wait for it again
            ends.is_lost = True
            return False
        time.sleep(0.001)
    return True


def _lives_on(pid: int, ends: _Ends, flag: int) -> bool:
    """Tell whether a worker has not ended; if it has, read its CPU clock before it is reaped."""
    if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | flag) is None:
        return True
    ends.cpu = cpu_of(pid)
    return False


def _around_poll_of_the_forkserver(
    poll: Callable[..., int | None],
) -> Callable[..., int | None]:
    """Let no interrupt and no other thread come between the fork server's answer and its note.

    An executor has such a thread, which joins its workers.
    """

    @functools.wraps(poll)
    def noted_poll(self: Any, flag: int = _NO_WAITING) -> int | None:
        if current_session() is None:
            return poll(self, flag)
        if self.returncode is None and not flag:  # it waits, and may be interrupted
            from multiprocessing.connection import wait

            wait([self.sentinel])
        if self.returncode is None:
            with DelayedInterrupt(), _ends_of(self).lock:
                if self.returncode is None and (code := poll(self)) is not None:
                    _note_reaped(self.pid, code, None)
        return self.returncode  # type: ignore[no-any-return]

    return noted_poll


def _note_reaped(pid: int, code: int, cpu_seconds: float | None) -> None:
    session = current_session()
    if session is not None:
        session.log.note("reaped", pid, moment=time.perf_counter(), code=code, cpu=cpu_seconds)


def _around_signal(send: Any) -> Callable[[Any, int], None]:
    @functools.wraps(send)
    def noted_signal(self: Any, number: int) -> None:
        session = current_session()
        cpu = None if session is None or self.returncode is not None else cpu_of(self.pid)
        if session is not None and cpu is not None:
            session.log.note("signalled", self.pid, cpu=cpu)
        send(self, number)

    return noted_signal


HOOKS_OF_EXITS: Mapping[str, Table] = {
    "multiprocessing.popen_fork": _of_forks,
    "multiprocessing.popen_forkserver": _of_the_forkserver,
}
