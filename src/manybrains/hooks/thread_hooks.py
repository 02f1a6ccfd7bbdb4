"""Births and ends of the threads of a process: the reader's threads, not helper threads.

Workers import this: it is light.
"""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref

from ..workers.import_hooks import wrap
from ..workers.session import current_session
from ..workers.stdlib_internals import POOL_LOOP, THREAD_BODY, thread_target
from .hints import with_remedy

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..workers.import_hooks import Hook, Table

__all__ = ["HOOKS_OF_THREADS"]

# Threads of these packages serve the machinery.
_MACHINERY = (
    "multiprocessing",
    "concurrent.futures.process",
    "asyncio.unix_events",  # waits for a program
    "manybrains",
    "ipykernel",
    "IPython",  # its history thread starts again after each fork
    "tqdm",
    "joblib",
)
_WORK = ("manybrains.lessons",)  # the reader's threads run these functions too

_REQUESTED: weakref.WeakKeyDictionary[threading.Thread, float] = weakref.WeakKeyDictionary()


def _of_threads(threading: Any) -> list[Hook]:
    return [
        wrap(threading.Thread, "start", _around_start),
        wrap(threading.Thread, THREAD_BODY, _around_body),
    ]


def _around_start(start: Callable[[Any], None]) -> Callable[[Any], None]:
    start = with_remedy(start)

    @functools.wraps(start)
    def noted_start(self: Any) -> None:
        __tracebackhide__ = True  # IPython leaves this frame out
        if current_session() is not None:
            _REQUESTED[self] = time.perf_counter()
        start(self)

    return noted_start


def _around_body(body: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(body)
    def noted_body(self: Any) -> None:
        session, born = current_session(), time.perf_counter()
        if session is None or _is_machinery(self):
            return body(self)
        pid, thread = os.getpid(), threading.get_native_id()
        requested = _REQUESTED.pop(self, None)
        session.log.note(
            "born", pid, thread=thread, parent=pid, requested=requested, moment=born, name=self.name
        )
        try:
            body(self)
        finally:
            cpu, moment = time.thread_time(), time.perf_counter()
            session.log.note("finished", pid, thread=thread, moment=moment, cpu=cpu)

    return noted_body


def _is_machinery(thread: threading.Thread) -> bool:
    target = thread_target(thread)
    if getattr(target, "__name__", "") == POOL_LOOP[1]:  # of a multiprocessing.pool.ThreadPool
        return False
    home = str(getattr(target, "__module__", None) or type(thread).__module__)
    if _is_of(home, _WORK):
        return False
    return _is_of(home, _MACHINERY) or _is_of(type(thread).__module__, _MACHINERY)


def _is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


HOOKS_OF_THREADS: Mapping[str, Table] = {"threading": _of_threads}
