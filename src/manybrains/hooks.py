"""The joints: everything that is hooked into multiprocessing and threading.

`install` puts the hooks in place and `uninstall` restores exactly what was there.
"""

import atexit
import contextlib
import functools
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import context, reduction, spawn
from types import FunctionType
from typing import Any

from .births import around, hooks_of_every_process
from .explaining import call, call_item
from .remedies import reserve, shared_remedy, with_remedy
from .session import Session, current, use

__all__ = ["hooks_of_the_parent", "install", "uninstall"]


def install() -> Session:
    """Install the hooks in this process, unless they are; return the session."""
    session = current()
    if session is None:
        session = Session(tempfile.mkdtemp(prefix="manybrains-"))
        session.hook(hooks_of_every_process() + hooks_of_the_parent())
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


def hooks_of_the_parent() -> list[tuple[Any, str, Any]]:
    """What is hooked where pools and executors are made, and where their errors arrive."""
    from concurrent.futures import process as executor
    from multiprocessing import pool, shared_memory

    table = [
        (reduction.ForkingPickler, "reducer_override", _check_sendable),
        around(spawn, "get_preparation_data", _around_preparation),
        around(pool.Pool, "_setup_queues", _around_queues),
        (executor._CallItem, "__reduce__", _reduce_call),
        (vars(pool)["RemoteTraceback"], "__init__", _readable_traceback),
        (executor._RemoteTraceback, "__init__", _readable_traceback),
        around(shared_memory.SharedMemory, "__init__", _around_shared_memory),
        around(subprocess.Popen, "__init__", _around_program),
    ]
    with contextlib.suppress(ImportError):  # a platform without semaphores
        from multiprocessing import synchronize

        table.append(around(synchronize.SemLock, "__init__", _around_semaphore))
    if hasattr(subprocess.Popen, "_handle_exitstatus"):  # not on Windows
        table.append(around(subprocess.Popen, "_handle_exitstatus", _around_exit))
    return table


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
    if "<lambda>" in name:
        raise pickle.PicklingError(
            "a lambda cannot be sent to another process: a worker looks functions up by their "
            "name, and a lambda has none. Write it with def, at the top level of a cell."
        )
    if "<locals>" in name:
        outer, _, inner = name.rpartition(".<locals>.")
        raise pickle.PicklingError(
            f"{inner!r} cannot be sent to another process: it is defined inside {outer!r}, "
            "where a worker cannot find it. Move it to the top level of a cell."
        )
    if context.get_spawning_popen() is not None and name.partition(".")[0] not in script.names:
        raise pickle.PicklingError(
            f"{name!r} cannot be sent to another process: a worker imports the definitions of "
            "your cells, and this one is not among them, because it was computed, or is made "
            "from what was. Define it with def or class, at the top level of a cell, and hand "
            "over as an argument what it needs."
        )
    return NotImplemented


def _around_queues(setup: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(setup)
    def setup_queues(self: Any) -> None:
        __tracebackhide__ = True
        setup(self)
        put = self._quick_put

        def put_sealed(task: Any) -> None:
            put(task if task is None else (*task[:2], call, (_seal(*task[2:]),), {}))

        self._quick_put = put_sealed
        session = current()
        if session is not None:
            session.pools.add(self)

    return setup_queues


def _reduce_call(item: Any) -> tuple[Any, ...]:
    return call_item, (item.work_id, _seal(item.fn, item.args, item.kwargs))


def _seal(*task: Any) -> bytes:
    return bytes(reduction.ForkingPickler.dumps(task))


def _readable_traceback(self: Any, text: str) -> None:
    session = current()
    script = session.script if session is not None else None
    self.tb = text if script is None else script.readable(text)
