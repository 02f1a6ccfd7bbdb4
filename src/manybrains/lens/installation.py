"""Hooks in multiprocessing, threading and subprocess, in the process that watches.

`install` puts the hooks in place.  When no holder is left, `release` takes them out and puts back
what was there.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ..deadlines.deadline import on_strike
from ..hooks.hints import reserve, shared_remedy, with_remedy
from ..hooks.signal_hooks import hooks_of_signals
from ..hooks.start_hooks import HOOKS_OF_EVERY_PROCESS
from ..sampler.program_names import helper_name, program_name
from ..workers.import_hooks import wrap
from ..workers.platform import LINUX
from ..workers.session import Session, current_session, set_session
from ..workers.stack_dumps import choose_signal, tell_no_more, tell_stacks_on
from ..workers.stdlib_internals import (
    PROGRAM_ENDED,
    SEMAPHORE,
    TEMPORARY_FOLDER,
    descriptor_of,
    get_handler,
    set_handler,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..workers.import_hooks import Hook, Table

__all__ = ["HOOKS_OF_THE_PARENT", "install", "release", "strike_signal", "uninstall"]

_lock = threading.RLock()
_holders = 0


def install() -> Session:
    """Install the hooks in this process, if they are not installed; return the session.

    Each call needs a later `release`; until then the hooks stay.
    """
    global _holders  # noqa: PLW0603 - of the one session
    with _lock:
        session = current_session()
        if session is None:
            session = _new_session()
        elif session.pid != os.getpid():  # a bare os.fork
            session.enter_child()
        _holders += 1
        return session


def _new_session() -> Session:
    session = Session(tempfile.mkdtemp(prefix="manybrains-"))
    session.stack_signal = choose_signal()
    session.stack_file = tell_stacks_on(session.stack_signal, session.folder)
    session.hook(HOOKS_OF_EVERY_PROCESS)
    session.hook(HOOKS_OF_THE_PARENT)
    set_session(session)
    atexit.register(uninstall)
    return session


def release() -> None:
    """Give up one `install`; after the last one, the hooks are taken out."""
    global _holders  # noqa: PLW0603
    with _lock:
        _holders -= 1
        if _holders <= 0:
            uninstall()


def uninstall() -> None:
    """Take every hook out, even if it has holders, and remove the temporary folder."""
    global _holders
    with _lock:
        session, _holders = current_session(), 0
        if session is None:
            return
        if session.is_worker:  # a worker keeps what its parent gave it
            return
        set_session(None)
        if session.pid != os.getpid():
            return
        atexit.unregister(uninstall)
        session.unhook()
        for close in reversed(session.on_close):
            close()
        if session.stack_file >= 0:
            tell_no_more(session.stack_signal, session.stack_file)
        session.log.close()
        shutil.rmtree(session.folder, ignore_errors=True)


def strike_signal(session: Session) -> int:
    """Return the number of the signal with which deadlines strike this process, 0 if none can.

    Its handler stays until the session ends, after the sampler: a strike may come late, and
    without a handler it would end the process.
    """
    is_main = threading.current_thread() is threading.main_thread()
    number = session.strike_signal
    if LINUX and is_main and (not number or get_handler(number) is not on_strike):
        number = session.strike_signal = choose_signal(session.stack_signal)
        if number:
            set_handler(number, on_strike)
            session.on_close.insert(0, functools.partial(_strike_no_more, number))
    return number


def _strike_no_more(number: int) -> None:
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and get_handler(number) is on_strike:
        set_handler(number, int(signal.SIG_IGN))  # forgets a strike that is on its way
        set_handler(number, int(signal.SIG_DFL))


def _prepare_for_tasks(_: Any) -> list[Hook]:
    """Import what workers of pools need, so that forked workers need not import it each."""
    import_module("manybrains.hooks.task_errors")
    return []


def _of_shared_memory(shared_memory: Any) -> list[Hook]:
    return [wrap(shared_memory.SharedMemory, "__init__", _around_shared_memory)]


def _of_semaphores(synchronize: Any) -> list[Hook]:
    return [wrap(getattr(synchronize, SEMAPHORE), "__init__", _around_semaphore)]


def _of_folders(util: Any) -> list[Hook]:
    return [wrap(util, TEMPORARY_FOLDER, _around_folder)]


def _of_programs(subprocess: Any) -> list[Hook]:
    hooks = [wrap(subprocess.Popen, "__init__", _around_program)]
    if hasattr(subprocess.Popen, PROGRAM_ENDED):  # not on Windows
        hooks.append(wrap(subprocess.Popen, PROGRAM_ENDED, _around_exit))
    return hooks


def _around_semaphore(make: Callable[..., None]) -> Callable[..., None]:
    return with_remedy(make, shared_remedy)


def _around_shared_memory(make: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(make)
    def make_whole(
        self: Any, name: Any = None, create: bool = False, size: int = 0, **more: Any
    ) -> None:
        __tracebackhide__ = True
        make(self, name, create, size, **more)
        if create and sys.platform.startswith("linux") and current_session() is not None:
            try:
                reserve(descriptor_of(self), size)
            except OSError:
                self.close()
                self.unlink()
                raise

    return with_remedy(make_whole, shared_remedy)


def _around_folder(make: Callable[[], str]) -> Callable[[], str]:
    @functools.wraps(make)
    def noted_folder() -> str:
        folder = make()
        session = current_session()
        if session is not None and session.sampler is not None:
            session.sampler.remember_to_remove(folder)
        return folder

    return noted_folder


def _around_program(start: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(start)
    def noted_start(self: Any, args: Any, *rest: Any, **keywords: Any) -> None:
        requested = time.perf_counter()
        start(self, args, *rest, **keywords)
        session, words = current_session(), _words(args)
        if session is not None and session.pid == os.getpid() and not helper_name(words):
            name, own = program_name(words), session.pid
            session.log.note("requested", self.pid, asker=own, moment=requested, name=name)
            moment = time.perf_counter()
            session.log.note("born", self.pid, parent=own, moment=moment, name=name)

    return noted_start


def _words(args: Any) -> list[str]:
    """Return the words of a command; it may be one line for a shell."""
    if isinstance(args, (str, bytes, os.PathLike)):
        return os.fsdecode(args).split()
    return [os.fsdecode(word) for word in args]


def _around_exit(handle: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(handle)
    def noted_exit(self: Any, *arguments: Any, **keywords: Any) -> None:
        handle(self, *arguments, **keywords)
        session = current_session()
        if session is not None:
            code = self.returncode
            session.log.note("reaped", self.pid, moment=time.perf_counter(), code=code)

    return noted_exit


HOOKS_OF_THE_PARENT: Mapping[str, Table] = {
    "concurrent.futures.process": _prepare_for_tasks,
    "multiprocessing.pool": _prepare_for_tasks,
    "multiprocessing.shared_memory": _of_shared_memory,
    "multiprocessing.synchronize": _of_semaphores,
    "multiprocessing.util": _of_folders,
    "signal": hooks_of_signals,
    "subprocess": _of_programs,
}
