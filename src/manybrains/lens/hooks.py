"""The joints: everything that is hooked into multiprocessing and threading.

`install` puts the hooks in place and `uninstall` restores exactly what was there.
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing import context
from types import FunctionType
from typing import Any

from ..workers.hints import reserve, shared_remedy, with_remedy
from ..workers.session import Session, around, current, use
from ..workers.start_hooks import HOOKS_OF_EVERY_PROCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..workers.session import Hook, Hooks

__all__ = ["HOOKS_OF_A_NOTEBOOK", "HOOKS_OF_THE_PARENT", "install", "uninstall"]


def install() -> Session:
    """Install the hooks in this process, unless they are; return the session."""
    session = current()
    if session is None:
        session = Session(tempfile.mkdtemp(prefix="manybrains-"))
        session.hook(HOOKS_OF_EVERY_PROCESS)
        session.hook(HOOKS_OF_THE_PARENT)
        use(session)
        atexit.register(uninstall)
    elif session.pid != os.getpid():  # a bare os.fork
        session.enter_child()
    return session


def uninstall() -> None:
    """Take every hook out again and remove the temporary folder."""
    session = current()
    use(None)
    if session is None or session.pid != os.getpid() or session.is_worker:
        return
    atexit.unregister(uninstall)
    session.unhook()
    for close in reversed(session.on_close):
        close()
    session.journal.close()
    shutil.rmtree(session.folder, ignore_errors=True)


def _of_pickling(reduction: Any) -> list[Hook]:
    return [(reduction.ForkingPickler, "reducer_override", _check_sendable)]


def _of_spawning(spawn: Any) -> list[Hook]:
    return [around(spawn, "get_preparation_data", _around_preparation)]


def _of_pools(pool: Any) -> list[Hook]:
    _prepare_for_tasks()
    return [around(pool.Pool, "_setup_queues", _around_queues)]


def _of_executors(_: Any) -> list[Hook]:
    _prepare_for_tasks()
    return []


def _prepare_for_tasks() -> None:
    """Import here what workers of pools want, so that forked ones need not, one by one."""
    import_module("manybrains.workers.task_errors")


def _of_pool_errors(pool: Any) -> list[Hook]:
    return [(pool.RemoteTraceback, "__init__", _readable_traceback)]


def _of_executor_errors(executor: Any) -> list[Hook]:
    return [(executor._RemoteTraceback, "__init__", _readable_traceback)]


def _of_shared_memory(shared_memory: Any) -> list[Hook]:
    return [around(shared_memory.SharedMemory, "__init__", _around_shared_memory)]


def _of_semaphores(synchronize: Any) -> list[Hook]:
    return [around(synchronize.SemLock, "__init__", _around_semaphore)]


def _of_programs(subprocess: Any) -> list[Hook]:
    hooks = [around(subprocess.Popen, "__init__", _around_program)]
    if hasattr(subprocess.Popen, "_handle_exitstatus"):  # not on Windows
        hooks.append(around(subprocess.Popen, "_handle_exitstatus", _around_exit))
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
        if create and sys.platform.startswith("linux"):
            try:
                reserve(self._fd, size)
            except OSError:
                self.close()
                self.unlink()
                raise

    return with_remedy(make_whole, shared_remedy)


def _around_program(start: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(start)
    def noted_start(self: Any, args: Any, *rest: Any, **keywords: Any) -> None:
        asked = time.perf_counter()
        start(self, args, *rest, **keywords)
        session = current()
        if session is not None and session.pid == os.getpid():
            words = [args] if isinstance(args, (str, bytes, os.PathLike)) else list(args)
            name = os.path.basename(os.fsdecode(words[0]).split()[0])  # noqa: PTH119 - or a command line
            session.journal.note("asked", self.pid, session.pid, asked, name=name)
            session.journal.note("born", self.pid, session.pid, time.perf_counter(), name=name)

    return noted_start


def _around_exit(handle: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(handle)
    def noted_exit(self: Any, *arguments: Any, **keywords: Any) -> None:
        handle(self, *arguments, **keywords)
        session = current()
        if session is not None:
            moment = time.perf_counter()
            session.journal.note("reaped", self.pid, moment, self.returncode, None)

    return noted_exit


def _around_preparation(prepare: Callable[[str], dict[str, Any]]) -> Callable[[str], Any]:
    @functools.wraps(prepare)
    def with_script(name: str) -> dict[str, Any]:
        __tracebackhide__ = True  # IPython leaves this frame out
        data = prepare(name)
        session = current()
        if session is not None and session.script is not None:
            data.pop("init_main_from_name", None)
            data.pop("init_main_from_path", None)
            if name != "ignore":  # the fork server itself needs no script
                data["init_main_from_path"] = _written(session)
        return data

    return with_script


def _written(session: Session) -> str:
    try:
        return str(session.script.write())
    except OSError as error:  # a full disk: where it is counts, not how we write
        raise OSError(error.errno, error.strerror, session.folder) from None


def _check_sendable(_: Any, thing: Any) -> Any:
    """Refuse what no worker could find, in the cell that sends it, and say what to do."""
    if not isinstance(thing, (FunctionType, type)) or thing.__module__ != "__main__":
        return NotImplemented
    name = thing.__qualname__
    session = current()
    script = session.script if session is not None else None
    if script is None:
        return NotImplemented
    if sentence := _objection(name, script):
        error = pickle.PicklingError(sentence)
        error.says_all = True  # type: ignore[attr-defined]
        raise error
    return NotImplemented


def _objection(name: str, script: Any) -> str:
    """Return why a worker would not find a function or class of the notebook, or no text."""
    if "<lambda>" in name:
        return (
            "a lambda cannot be sent to another process: a worker looks functions up by their "
            "name, and a lambda has none. Write it with def, at the top level of a cell."
        )
    if "<locals>" in name:
        outer, _, inner = name.rpartition(".<locals>.")
        return (
            f"{inner!r} cannot be sent to another process: it is defined inside {outer!r}, "
            "where a worker cannot find it. Move it to the top level of a cell."
        )
    if context.get_spawning_popen() is not None and name.partition(".")[0] not in script.names:
        return (
            f"{name!r} cannot be sent to another process: a worker imports the definitions of "
            "your cells, and this one is not among them, because it was computed, or is made "
            "from what was. Define it with def or class, at the top level of a cell, and hand "
            "over as an argument what it needs."
        )
    return ""


def _around_queues(setup: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(setup)
    def setup_queues(self: Any) -> None:
        __tracebackhide__ = True
        setup(self)
        session = current()
        if session is not None:
            session.pools.add(self)

    return setup_queues


def _readable_traceback(self: Any, text: str) -> None:
    session = current()
    script = session.script if session is not None else None
    self.tb = text if script is None else script.readable(text)


HOOKS_OF_THE_PARENT: Hooks = {
    "concurrent.futures.process": _of_executors,
    "multiprocessing.pool": _of_pools,
    "multiprocessing.shared_memory": _of_shared_memory,
    "multiprocessing.synchronize": _of_semaphores,
    "subprocess": _of_programs,
}
HOOKS_OF_A_NOTEBOOK: Hooks = {
    "concurrent.futures.process": _of_executor_errors,
    "multiprocessing.pool": _of_pool_errors,
    "multiprocessing.reduction": _of_pickling,
    "multiprocessing.spawn": _of_spawning,
}
