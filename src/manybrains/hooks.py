"""The joints: everything that is hooked into multiprocessing and threading, in one table.

`install` puts the hooks in place and `uninstall` restores exactly what was there.  A
worker installs the same when it is born, so that its own children are seen as well.
"""

import atexit
import contextlib
import functools
import os
import pickle
import re
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import context, popen_fork, process, reduction, spawn, util
from pathlib import Path
from types import FunctionType
from typing import Any

from .guard import die_with_parent
from .journal import Journal, cpu_of, own_cpu
from .output import Relay, capture
from .script import NOT_SENT, Script

__all__ = ["Session", "current", "install", "uninstall"]

_ABSENT = object()
_UNKNOWN = re.compile(
    r"Can't get attribute '(\w+)' on <module '__(?:mp_)?main__'"
    r"|module '__(?:mp_)?main__' has no attribute '(\w+)'"  # from Python 3.14 on
)
_VERY_LAST = -1_000_000  # priority of a finalizer that runs after all others
# Threads of these modules serve the machinery; a lesson's own threads do the work.
_MACHINERY = ("multiprocessing", "concurrent.futures.process", "manybrains", "ipykernel", "tqdm")


@dataclass(slots=True)
class Session:
    """What is installed in this process.

    Attributes:
        folder: private temporary folder of the notebook or script.
        journal: where births and deaths are noted.
        pid: the process this session belongs to; a worker's differs from its notebook's.
        script: the notebook as a script; None outside of a notebook.
        relay: reads what workers print; None outside of a notebook and in workers.
        output: the file a worker prints to, handed on to its own children.
        sampler: the handle of the process that looks, once there is one.
        helpers: processes that serve the machinery, by pid; they are never lanes.
        on_fork: called first in a forked worker, to let go of what is the notebook's.
        on_close: called when the session ends.
        undo: (owner, attribute, what was there) of each hook.
    """

    folder: Path
    journal: Journal
    pid: int = field(default_factory=os.getpid)
    script: Script | None = None
    relay: Relay | None = None
    output: str | None = None
    sampler: Any = None
    helpers: dict[int, str] = field(default_factory=dict)
    on_fork: list[Callable[[], object]] = field(default_factory=list)
    on_close: list[Callable[[], object]] = field(default_factory=list)
    undo: list[tuple[Any, str, Any]] = field(default_factory=list)


_session: Session | None = None  # the one installed extension


def current() -> Session | None:
    """Return what is installed in this process, or None."""
    return _session


def install() -> Session:
    """Install the hooks in this process, unless they are; return the session."""
    global _session  # noqa: PLW0603 - the one installed extension
    if _session is None:
        folder = Path(tempfile.mkdtemp(prefix="manybrains-"))
        _session = Session(folder, Journal(folder / "journal"))
        _hook(_session, _everywhere() + _in_the_parent())
        atexit.register(uninstall)
    return _session


def uninstall() -> None:
    """Take every hook out again and remove the temporary folder."""
    global _session
    session, _session = _session, None
    if session is None or session.pid != os.getpid():
        return
    atexit.unregister(uninstall)
    for owner, name, before in reversed(session.undo):
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
    for close in reversed(session.on_close):
        close()
    session.journal.close()
    shutil.rmtree(session.folder, ignore_errors=True)


def _hook(session: Session, table: list[tuple[Any, str, Any]]) -> None:
    for owner, name, hook in table:
        session.undo.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, hook)


def _everywhere() -> list[tuple[Any, str, Any]]:
    """What is hooked in every process: (owner, attribute, replacement)."""
    table = [
        _around(process.BaseProcess, "start", _around_start),
        _around(process.BaseProcess, "_bootstrap", _around_bootstrap),
        _around(threading.Thread, "start", _around_thread_start),
        _around(threading.Thread, "_bootstrap_inner", _around_thread),
    ]
    if hasattr(os, "wait4"):
        table.append((popen_fork.Popen, "poll", _poll))
        table.append(_around(popen_fork.Popen, "_send_signal", _around_signal))
    with contextlib.suppress(ImportError):  # not on Windows
        from multiprocessing import popen_forkserver

        table.append(_around(popen_forkserver.Popen, "poll", _around_poll))
    return table


def _in_the_parent() -> list[tuple[Any, str, Any]]:
    """What is hooked where pools and executors are made, and where their errors arrive."""
    from concurrent.futures import process as executor
    from multiprocessing import pool

    return [
        (reduction.ForkingPickler, "reducer_override", _check_sendable),
        _around(spawn, "get_preparation_data", _around_preparation),
        _around(pool.Pool, "_setup_queues", _around_queues),
        (executor._CallItem, "__reduce__", _reduce_call),
        (vars(pool)["RemoteTraceback"], "__init__", _readable_traceback),
        (executor._RemoteTraceback, "__init__", _readable_traceback),
    ]


def _around(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> tuple[Any, str, Any]:
    return owner, name, wrapper(getattr(owner, name))


# --- birth and death of a process ---------------------------------------------------------


class _Arrival:
    """Rides on a process object to its worker; unpickling it there installs the session."""

    def __init__(self, folder: str, output: str | None) -> None:
        self.folder = folder
        self.output = output

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.folder, self.output)


def _arrive(folder: str, output: str | None) -> _Arrival:
    global _session  # noqa: PLW0603 - the one installed extension
    if _session is None:
        _session = Session(Path(folder), Journal(Path(folder) / "journal"))
        _hook(_session, _everywhere())
    return _Arrival(folder, output)


def _around_start(start: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(start)
    def noted_start(self: Any) -> None:
        session = _session
        if session is None:
            start(self)
            return
        asked = time.perf_counter()
        output = session.relay.path_for_worker() if session.relay else session.output
        self._manybrains = _Arrival(str(session.folder), output)
        try:
            start(self)
        finally:
            self.__dict__.pop("_manybrains", None)
        session.journal.note("asked", self.pid, os.getpid(), asked, name=self.name)

    return noted_start


def _around_bootstrap(bootstrap: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(bootstrap)
    def noted_bootstrap(self: Any, parent_sentinel: int | None = None) -> int:
        arrival = self.__dict__.pop("_manybrains", None)
        if _session is not None and arrival is not None:
            _enter_worker(_session, self, parent_sentinel, arrival.output)
            self.run = functools.partial(_run, _session, self.name, self.run)
        return bootstrap(self, parent_sentinel=parent_sentinel)

    return noted_bootstrap


def _enter_worker(session: Session, worker: Any, sentinel: int | None, output: str | None) -> None:
    born = time.perf_counter()
    if sentinel is not None:
        die_with_parent(sentinel)
    for let_go in session.on_fork:
        let_go()
    session.on_fork, session.on_close = [], []
    session.relay, session.sampler, session.output = None, None, output
    session.pid = os.getpid()
    session.journal.note("born", session.pid, worker._parent_pid, born, name=worker.name)
    if output is not None:
        with contextlib.suppress(OSError):  # then it prints where it always did
            capture(output, worker.name)


def _run(session: Session, name: str, run: Callable[[], None]) -> None:
    """Do a worker's work, and note its last instruction and exit code."""
    code = 1
    try:
        run()
        code = 0
    except SystemExit as error:
        code = 0 if error.code is None else error.code if isinstance(error.code, int) else 1
        raise
    except BaseException as error:
        # As multiprocessing reports it, but in one piece.
        explain(error)
        own = error.__traceback__.tb_next if error.__traceback__ else None
        lines = traceback.format_exception(type(error), error, own)
        sys.stderr.write(f"Process {name}:\n" + "".join(lines))
        raise SystemExit(1) from None
    finally:
        util.Finalize(None, _note_death, (session, code), exitpriority=_VERY_LAST)


def _note_death(session: Session, code: int) -> None:
    session.journal.note("died", os.getpid(), time.perf_counter(), *own_cpu(), code)


def _poll(self: Any, flag: int = getattr(os, "WNOHANG", 0)) -> int | None:
    """As popen_fork.Popen.poll, but ask for the resources that were used as well."""
    if self.returncode is None:
        try:
            pid, status, usage = os.wait4(self.pid, flag)
        except OSError:  # not created yet, or reaped by somebody else (bpo-1731717)
            return None
        if pid == self.pid:
            self.returncode = os.waitstatus_to_exitcode(status)
            _note_reaped(pid, self.returncode, usage.ru_utime + usage.ru_stime)
    return self.returncode


def _around_poll(poll: Callable[..., int | None]) -> Callable[..., int | None]:
    @functools.wraps(poll)
    def noted_poll(self: Any, flag: int = getattr(os, "WNOHANG", 0)) -> int | None:
        before = self.returncode
        code = poll(self, flag)
        if before is None and code is not None:
            _note_reaped(self.pid, code, None)
        return code

    return noted_poll


def _note_reaped(pid: int, code: int, cpu_seconds: float | None) -> None:
    if _session is not None:
        _session.journal.note("reaped", pid, time.perf_counter(), code, cpu_seconds)


def _around_signal(send: Any) -> Callable[[Any, int], None]:
    @functools.wraps(send)
    def noted_signal(self: Any, number: int) -> None:
        if _session is not None and self.returncode is None:
            cpu = cpu_of(self.pid)
            if cpu is not None:
                _session.journal.note("shot", self.pid, cpu)
        send(self, number)

    return noted_signal


# --- birth and death of a thread ----------------------------------------------------------


def _around_thread_start(start: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(start)
    def noted_start(self: Any) -> None:
        self._manybrains_asked = time.perf_counter()
        start(self)

    return noted_start


def _around_thread(bootstrap: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(bootstrap)
    def noted_bootstrap(self: Any) -> None:
        session, born = _session, time.perf_counter()
        if session is None or _is_machinery(self):
            return bootstrap(self)
        pid, thread = os.getpid(), threading.get_native_id()
        asked = getattr(self, "_manybrains_asked", None)
        session.journal.note("thread_born", pid, thread, asked, born, name=self.name)
        try:
            bootstrap(self)
        finally:
            died, cpu = time.perf_counter(), time.thread_time()
            session.journal.note("thread_died", pid, thread, died, cpu)

    return noted_bootstrap


def _is_machinery(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    if getattr(target, "__name__", "") == "worker":  # of a multiprocessing.pool.ThreadPool
        return False
    home = getattr(target, "__module__", None) or type(thread).__module__
    return str(home).startswith(_MACHINERY) or type(thread).__module__.startswith(_MACHINERY)


# --- what is sent to workers --------------------------------------------------------------


def _around_preparation(prepare: Callable[[str], dict[str, Any]]) -> Callable[[str], Any]:
    @functools.wraps(prepare)
    def with_script(name: str) -> dict[str, Any]:
        data = prepare(name)
        if _session is not None and _session.script is not None:
            data.pop("init_main_from_name", None)
            data.pop("init_main_from_path", None)
            if name != "ignore":  # the fork server itself needs no script
                data["init_main_from_path"] = str(_session.script.write())
        return data

    return with_script


def _check_sendable(_: Any, thing: Any) -> Any:
    """Refuse what no worker could find, in the cell that sends it, and say what to do."""
    if not isinstance(thing, (FunctionType, type)) or thing.__module__ != "__main__":
        return NotImplemented
    name = thing.__qualname__
    script = _session.script if _session is not None else None
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
        setup(self)
        put = self._quick_put

        def put_sealed(task: Any) -> None:
            put(task if task is None else (*task[:2], call, (_seal(*task[2:]),), {}))

        self._quick_put = put_sealed

    return setup_queues


def _reduce_call(item: Any) -> tuple[Any, ...]:
    return _unreduce_call, (item.work_id, _seal(item.fn, item.args, item.kwargs))


def _unreduce_call(work_id: int, sealed: bytes) -> Any:
    from concurrent.futures.process import _CallItem

    return _CallItem(work_id, call, (sealed,), {})


def _seal(*task: Any) -> bytes:
    return bytes(reduction.ForkingPickler.dumps(task))


def call(sealed: bytes) -> Any:
    """Do a pool's task in its worker; what cannot be unpickled is an error of this task.

    Without this the worker dies of it, the pool replaces it for ever, and the cell that
    waits for the answer hangs.
    """
    try:
        function, arguments, keywords = pickle.loads(sealed)
        return function(*arguments, **keywords)
    except (AttributeError, ImportError, NameError) as error:
        explain(error)
        raise


def explain(error: BaseException) -> None:
    """Add a note to an error whose cause is that a worker has memory of its own."""
    main = sys.modules.get("__main__")
    name = getattr(error, "name", None)
    if isinstance(error, NameError) and name in getattr(main, NOT_SENT, ()):
        error.add_note(
            f"{name!r} exists in the notebook's memory, not in this worker's. "
            "Hand it over as an argument."
        )
    elif isinstance(error, AttributeError) and (unknown := _UNKNOWN.match(str(error))):
        # One wording under every start method and Python: most name a temporary file.
        error.args = (f"Can't get attribute {unknown[1] or unknown[2]!r} on <module '__main__'>",)
        error.add_note(
            "This worker does not know it: it was started before that was defined, or "
            "knows another version. Define first, then start the pool."
        )


def _readable_traceback(self: Any, text: str) -> None:
    script = _session.script if _session is not None else None
    self.tb = text if script is None else script.readable(text)
