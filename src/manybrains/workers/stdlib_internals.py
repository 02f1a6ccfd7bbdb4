"""Every private or undocumented name of the standard library that the package touches.

No other module touches one, but `worker_internals`, which has those of births.  Each says what we
rely on, and tests/workers/test_stdlib_internals.py has a test for it, on every Python.  Workers
import this: it is light.
"""

from __future__ import annotations

# signal.signal makes an enum of each handler; after a fork that copies pages of memory.
import _signal  # type: ignore[import-not-found]
import _thread
import sys

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from multiprocessing.pool import Pool
    from multiprocessing.process import BaseProcess
    from types import FrameType
    from typing import Any

    Handler = Callable[[int, FrameType | None], Any] | int | None

__all__ = [
    "EXECUTOR_LOOP",
    "EXECUTOR_TRACEBACK",
    "FORK_CALL",
    "HELPER_COMMANDS",
    "KNOWN_CALLS",
    "NAMELESS",
    "NOT_FOUND",
    "NOT_IN_MAIN",
    "NO_THREAD",
    "OTHER_OBJECT",
    "PICKLE_TASK",
    "PICKLE_WORKER",
    "PIPE_CLOSED",
    "POOL_LOOP",
    "POOL_QUEUES",
    "POOL_TRACEBACK",
    "PROCESS_BODY",
    "PROGRAM_ENDED",
    "SEMAPHORE",
    "SEND_SIGNAL",
    "SERVER_NAME",
    "SPAWN_DATA",
    "TEMPORARY_FOLDER",
    "THREAD_BODY",
    "WORKER_ENDED",
    "arguments_of",
    "at_the_very_end",
    "descriptor_of",
    "executor_task",
    "exit_handlers_run_after_the_body",
    "get_handler",
    "helper_pids",
    "is_pickled_for_a_worker",
    "known_children",
    "main_of",
    "open_to_append_on_windows",
    "pickle_for_a_worker",
    "pool_workers",
    "preload_in_fork_server",
    "receive_from_executor",
    "receive_from_pool",
    "requester_of",
    "set_handler",
    "start_bare_thread",
    "stop_refilling",
    "target_of",
    "temporary_folder",
    "thread_target",
    "wake_by_signal",
]

# --- names that are hooked ----------------------------------------------------------------

# Of BaseProcess: called once, in the worker, with the pipe that closes when its parent ends.
# `run` is called inside; the worker's own threads have ended when it returns the exit code.
PROCESS_BODY = "_bootstrap"
# Of popen_fork.Popen (spawn has it from there) and popen_forkserver.Popen: `join`, `exitcode` and
# `active_children` all ask by it, and it sets `returncode`.
WORKER_ENDED = "poll"
# Of threading.Thread: called once, in the thread; `join` waits until it has returned.
THREAD_BODY = "_bootstrap_inner"
SEND_SIGNAL = "_send_signal"  # of popen_fork.Popen: terminate() and kill() go through it
PROGRAM_ENDED = "_handle_exitstatus"  # of subprocess.Popen: called once, with how it ended
POOL_QUEUES = "_setup_queues"  # of Pool: called once, before its workers are started
# Of multiprocessing.pool and concurrent.futures.process: made in the parent, of a text.
POOL_TRACEBACK = "RemoteTraceback"
EXECUTOR_TRACEBACK = "_RemoteTraceback"
# Of multiprocessing.spawn: called in the parent, for each worker that is not forked, with its name.
SPAWN_DATA = "get_preparation_data"
SERVER_NAME = "ignore"  # the name of which the fork server asks that for itself
# Of multiprocessing.reduction: writes what prepares a worker that is not forked, then its Process.
PICKLE_WORKER = "dump"
PICKLE_TASK = "dumps"  # of its ForkingPickler: writes what goes through a queue or a pipe
SEMAPHORE = "SemLock"  # of multiprocessing.synchronize: every lock and semaphore is one
TEMPORARY_FOLDER = "get_temp_dir"  # of multiprocessing.util: makes a folder pymp-...
PIPE_CLOSED = (EOFError, ConnectionError)  # what a client of the fork server sees of its end

# What workers of pools and of executors do: (module, function).  The first argument is the queue
# whose `get` returns the next task, or None at the end.
POOL_LOOP = ("multiprocessing.pool", "worker")
EXECUTOR_LOOP = ("concurrent.futures.process", "_process_worker")

# What a command line of a process that serves multiprocessing has in it.
HELPER_COMMANDS = (
    ("multiprocessing.forkserver", "fork server"),
    ("resource_tracker import main", "resource tracker"),
)

# What Python does where none of the reader's code is on the stack: (file, function), words.
KNOWN_CALLS = (
    (("manybrains/hooks/task_errors.py", "_do"), "in C code, at work on a task"),
    (("multiprocessing/queues.py", "_finalize_join"), "in `Queue`, feeding its pipe"),
    (("multiprocessing/queues.py", "_feed"), "in `Queue`, feeding its pipe"),
    (("multiprocessing/pool.py", "worker"), "in `Pool`, waiting for a task"),
    (("concurrent/futures/process.py", "_process_worker"), "in an executor, waiting for a task"),
    (("concurrent/futures/thread.py", "_worker"), "in an executor, waiting for a task"),
    (("multiprocessing/process.py", "run"), "in C code"),
    (("threading.py", "run"), "in C code"),
    (("threading.py", "_shutdown"), "at its end, waiting for its threads"),
    (("multiprocessing/util.py", "_exit_function"), "at its end, waiting for its children"),
    (("multiprocessing/spawn.py", "prepare"), "at its start, importing the main module"),
)
FORK_CALL = ("multiprocessing/popen_fork.py", "_launch")  # a forked worker stands on its parent's

# --- texts of errors, which have no other mark ----------------------------------------------

NO_THREAD = "can't start new thread"  # a RuntimeError: the limit of threads is reached
NOT_IN_MAIN = (  # an AttributeError: unpickling looks in vain for a name in the main module
    r"Can't get attribute '(\w+)' on <module '__(?:mp_)?main__'"
    r"|module '__(?:mp_)?main__' has no attribute '(\w+)'"  # from Python 3.14 on
)
OTHER_OBJECT = r"not the same object as __main__\.([\w.]+)"  # a PicklingError
NOT_FOUND = (  # a PicklingError: its name was deleted, or never was one
    r"attribute lookup ([\w.]+) on __main__ failed"
    r"|not found as __main__\.([\w.]+)"  # from Python 3.14 on
)
NAMELESS = r"([\w.]+\.<locals>\.[\w.<>]+|[\w.]*<lambda>)"  # a function that pickle refuses

# --- processes ----------------------------------------------------------------------------


def requester_of(worker: BaseProcess) -> int:
    """Return the pid of the process that made this Process object and starts it."""
    return int(worker._parent_pid)  # type: ignore[attr-defined]


def target_of(worker: BaseProcess) -> Any:
    """Return the function that a worker runs: in the worker, and here until `start` returns."""
    return getattr(worker, "_target", None)


def arguments_of(worker: BaseProcess) -> tuple[Any, ...]:
    """Return the arguments of that function, as long as `target_of` has it."""
    named = getattr(worker, "_kwargs", None) or {}
    return (*(getattr(worker, "_args", None) or ()), *named.values())


def known_children() -> set[BaseProcess]:
    """Return the workers that this process has started and not yet seen ended.

    `start` adds one, and whatever learns of its end takes it out.  To read the set polls none.
    """
    from multiprocessing import process

    return set(process._children)  # type: ignore[attr-defined]


def exit_handlers_run_after_the_body() -> bool:
    """Tell whether `_bootstrap` returns before the exit handlers run.

    They do from Python 3.13 on (https://github.com/python/cpython/issues/83856): functions of
    atexit, finalizers, the join of feeder threads and of children.
    """
    return sys.version_info >= (3, 13)


def at_the_very_end(do: Callable[[], object]) -> None:
    """Let a worker do something after all its exit handlers; to be called from its `run`."""
    if exit_handlers_run_after_the_body():
        from multiprocessing import util

        util.Finalize(None, do, exitpriority=-(10**9))
        return
    import atexit  # forked workers do not run it: they end with their body

    atexit.register(do)


def helper_pids() -> dict[int, str]:
    """Return the processes that serve multiprocessing in this process, by pid.

    Both modules keep the pid of the process that they have started, and None before.
    """
    from multiprocessing import resource_tracker

    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    known = {
        getattr(resource_tracker._resource_tracker, "_pid", None): "resource tracker",
        getattr(server, "_forkserver_pid", None): "fork server",
    }
    return {pid: name for pid, name in known.items() if pid is not None}


def preload_in_fork_server(modules: list[str]) -> None:
    """Let the fork server import these modules when it starts, so that its children have them.

    It is left alone if it runs already, or if the reader has chosen what it imports.
    """
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver
    if server._forkserver_pid is None and server._preload_modules == ["__main__"]:
        forkserver.set_forkserver_preload(["__main__", *modules])


def temporary_folder() -> str | None:
    """Return the folder pymp-... of this process, if it has one.

    The process object keeps it; its children get it from there.
    """
    from multiprocessing import process

    folder = process.current_process()._config.get("tempdir")  # type: ignore[attr-defined]
    return None if folder is None else str(folder)


def is_pickled_for_a_worker() -> bool:
    """Tell whether this thread pickles a worker just now, which is not going to be forked."""
    from multiprocessing import context

    return context.get_spawning_popen() is not None


def pickle_for_a_worker(thing: object) -> bytes:
    """Pickle as the queues, pipes and pools of multiprocessing do."""
    from multiprocessing import reduction

    return bytes(reduction.ForkingPickler.dumps(thing))


# --- threads ------------------------------------------------------------------------------


def thread_target(thread: threading.Thread) -> Any:
    """Return the function that a thread runs, until it has ended; None if it overrides `run`."""
    return getattr(thread, "_target", None)


# --- pools and executors ------------------------------------------------------------------


def receive_from_pool(queue: Any) -> bytes:
    """Return the next pickled task of a Pool's worker: as SimpleQueue.get, not unpickled.

    A task is (job, number, function, arguments, keywords).
    """
    with queue._rlock:
        sealed: bytes = queue._reader.recv_bytes()
    return sealed


def receive_from_executor(queue: Any) -> bytes:
    """Return the next pickled task of an executor's worker: as Queue.get, not unpickled.

    The semaphore counts the room that is left in the queue.
    """
    with queue._rlock:
        sealed: bytes = queue._recv_bytes()
    queue._sem.release()
    return sealed


def executor_task(number: int, function: Any, arguments: tuple[Any, ...]) -> Any:
    """Return a task as an executor's worker takes it from its queue."""
    from concurrent.futures import process as executor

    item: Any = executor._CallItem
    return item(number, function, arguments, {})


def pool_workers(pool: Pool) -> list[BaseProcess]:
    """Return the workers that a Pool has now."""
    return list(pool._pool)  # type: ignore[attr-defined]


def stop_refilling(pool: Any) -> None:
    """Keep a Pool from replacing its workers, as the beginning of `Pool.terminate` does.

    One thread of the pool replaces them, until its state is TERMINATE; the notifier wakes it.
    The rest of `terminate` may wait for a lock that a killed worker held.
    """
    from multiprocessing.pool import TERMINATE

    pool._state = TERMINATE
    # At the end of the program it would wait for that lock for ever.
    if (finalizer := getattr(pool, "_terminate", None)) is not None:
        finalizer.cancel()
    if (handler := getattr(pool, "_worker_handler", None)) is not None:
        handler._state = TERMINATE
        pool._change_notifier.put(None)
    # else the making of the pool was interrupted, and no thread replaces its workers


# --- signals, memory, files ---------------------------------------------------------------


def get_handler(number: int) -> Handler:
    """As signal.getsignal, without making an enum of it."""
    return _signal.getsignal(number)  # type: ignore[no-any-return]


def set_handler(number: int, handler: Handler) -> None:
    """As signal.signal, without making an enum of the old one."""
    _signal.signal(number, handler)


def start_bare_thread(function: Callable[..., object], *arguments: object) -> None:
    """Start a thread that `threading` does not know, as a handler of a signal may."""
    # The thread that a signal interrupts may hold a lock of `threading`.
    _thread.start_new_thread(function, arguments)


def wake_by_signal(name: str, descriptor: int) -> None:
    """Let a signal do nothing but write a byte to a descriptor (which must not block)."""
    number = int(getattr(_signal, name))
    _signal.signal(number, lambda *_: None)
    _signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)


def descriptor_of(shared: Any) -> int:
    """Return the file descriptor of a SharedMemory (POSIX)."""
    return int(shared._fd)


def main_of(data: dict[str, Any], path: str | None) -> dict[str, Any]:
    """Return the preparation data of a spawned worker with this file as its main module."""
    others = ("init_main_from_name", "init_main_from_path")
    changed = {key: value for key, value in data.items() if key not in others}
    return changed if path is None else {**changed, "init_main_from_path": path}


def open_to_append_on_windows(path: str) -> int:
    """Open a file so that what each process appends at once stays whole."""
    # C's library goes to the end first and writes then, so that two may write to the same place
    # (https://github.com/python/cpython/issues/86772).  The system itself finds the end for a
    # handle that may append and do nothing else.
    import _winapi  # type: ignore[import-not-found,unused-ignore]
    import msvcrt
    import os

    access = 0x0004 | 0x0010_0000  # FILE_APPEND_DATA | SYNCHRONIZE, no FILE_WRITE_DATA
    everybody, open_always, normal = 7, 4, 0x80  # may read, write and delete it meanwhile
    handle = _winapi.CreateFile(path, access, everybody, 0, open_always, normal, 0)  # type: ignore[attr-defined,unused-ignore]
    descriptor: int = msvcrt.open_osfhandle(handle, os.O_NOINHERIT)  # type: ignore[attr-defined,unused-ignore]
    return descriptor
