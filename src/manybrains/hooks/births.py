"""The birth of a worker: what is raised before its work begins is noted in a file for its parent.

The parent makes the file empty; the worker removes it when its work begins.  Only workers of
pools, executors and managers have one: their parent would replace them for ever, or not know why
they ended.  Workers import this: it is light.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import weakref

from ..workers.events import open_to_append
from ..workers.import_hooks import wrap
from ..workers.output import capture
from ..workers.snapshot import has_failed
from ..workers.stdlib_internals import EXECUTOR_LOOP, POOL_LOOP, SERVER_NAME, SPAWN_DATA, target_of
from .worker_internals import MANAGER_BODY, WORKER_PREPARES

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from types import ModuleType, TracebackType
    from typing import Any

    from ..workers.import_hooks import Hook
    from ..workers.output import WorkerStreams
    from .birth_errors import Failure

__all__ = [
    "Birth",
    "arrive",
    "birth_of",
    "failure_of",
    "forget_birth",
    "hooks_of_spawning",
    "is_born",
    "place_of",
    "wait_for_failure",
]

_COUNT = itertools.count()
_FILES: weakref.WeakKeyDictionary[BaseProcess, str] = weakref.WeakKeyDictionary()
_STARTING = threading.local()  # `birth`: of the worker that this thread starts
# What a worker does first, when it unpickles what prepares it.  Its `sys.path` is set a moment
# later, when it has all; without that, it may not find this package.
_FIRST = """import sys
sys.path[:] = {path!r}
from manybrains.hooks.births import wait_for_failure
wait_for_failure{birth!r}"""


def place_of(function: Any) -> tuple[str, str]:
    """Return the module and the name of a function."""
    return getattr(function, "__module__", ""), getattr(function, "__name__", "")


class Birth:
    """The birth of one worker, as this worker knows it.

    Attributes:
        folder: of the session.
        file: where it notes what is raised; empty if nobody would read it, or when it is over.
        output: the file to which the worker prints, if there is one.
        name: of the worker.
    """

    def __init__(self, folder: str, file: str, output: str | None, name: str) -> None:
        self.folder = folder
        self.file = file
        self.output = output
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return Birth, (self.folder, self.file, self.output, self.name)

    def __enter__(self) -> None:
        """Give the birth to the worker that this thread starts meanwhile, if it is not forked."""
        self._outer = getattr(_STARTING, "birth", None)
        _STARTING.birth = self

    def __exit__(self, *_: object) -> None:
        _STARTING.birth = self._outer

    def over(self) -> None:
        """Say that the worker is born, and its work begins."""
        if self.file:
            _remove(self.file)
            self.file = ""

    def failed(self, kind: str, error: BaseException) -> bool:
        """Note for the parent what was raised; tell whether that could be done.

        Args:
            kind: in what: "main" (the main module), "everywhere" (a cell that all workers run),
                "arguments" (what the worker was sent) or "initializer".
            error: what was raised.
        """
        if not self.file or isinstance(error, KeyboardInterrupt):
            return False
        from .birth_errors import sealed

        try:
            # The parent made the file: if it is gone, nobody asks any more.
            descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND)
            with open(descriptor, "wb") as file:  # noqa: PTH123
                file.write(sealed(kind, error, self.folder))
        except OSError:
            return False
        self.file = ""
        return True


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - pathlib is slow to import


# --- in the parent ------------------------------------------------------------------------


def birth_of(worker: BaseProcess, folder: str, output: str | None) -> Birth:
    """Return the birth of a worker that is about to be started; make its file, if it needs one."""
    if place_of(target_of(worker)) not in (POOL_LOOP, EXECUTOR_LOOP, MANAGER_BODY):
        return Birth(folder, "", output, worker.name)
    name = f"birth-{os.getpid()}-{next(_COUNT)}"
    path = os.path.join(folder, name)  # noqa: PTH118 - pathlib is slow to import
    try:
        os.close(open_to_append(path))
    except OSError:  # no room: the worker fails as it would without us
        path = ""
    else:
        _FILES[worker] = path
    return Birth(folder, path, output, worker.name)


def hooks_of_spawning(spawn: ModuleType) -> list[Hook]:
    """Return what lets a worker that is not forked note whatever is raised in it."""
    return [wrap(spawn, SPAWN_DATA, _around_preparation)]


def _around_preparation(prepare: Callable[[str], dict[str, Any]]) -> Callable[[str], Any]:
    import functools

    @functools.wraps(prepare)
    def with_birth(name: str) -> dict[str, Any]:
        __tracebackhide__ = True  # IPython leaves this frame out
        data = prepare(name)
        birth: Birth | None = getattr(_STARTING, "birth", None)
        if birth is None or name == SERVER_NAME:
            return data
        first = _FIRST.format(path=data["sys_path"], birth=birth.__reduce__()[1])
        return {**data, "manybrains": _First(first)}

    return with_birth


class _First:
    """Unpickled, it is Python code that runs."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code, {})


def is_born(worker: BaseProcess) -> bool:
    """Tell whether the work of a worker has begun; if that cannot be known, yes."""
    path = _FILES.get(worker)
    return not path or not os.path.exists(path)  # noqa: PTH110 - pathlib is slow to import


def failure_of(worker: BaseProcess) -> Failure | None:
    """Return why a worker that has ended was not born; None if it was.  It can be asked once."""
    if not (path := _FILES.pop(worker, "")):
        return None
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            noted = file.read()
    except OSError:
        return None
    _remove(path)
    from .birth_errors import Failure

    return Failure(noted, worker.exitcode)


def forget_birth(worker: BaseProcess) -> None:
    """Note that a worker was born; for one that does not say so itself."""
    _remove(_FILES.pop(worker, ""))


# --- in a worker that was not forked --------------------------------------------------------


class _Coming:
    """A worker on its way: it imports its main module, and unpickles what it has to do."""

    def __init__(self, birth: Birth, spawn: Any) -> None:
        self._birth = birth
        self._spawn = spawn
        self._prepare = getattr(spawn, WORKER_PREPARES)
        self._excepthook: Any = None
        self.streams: WorkerStreams | None = None
        setattr(spawn, WORKER_PREPARES, self.prepare)

    def prepare(self, data: dict[str, Any]) -> None:
        """Do what spawn.prepare does; see to what it raises, and to what is raised later."""
        setattr(self._spawn, WORKER_PREPARES, self._prepare)
        if self._birth.output is not None:
            with contextlib.suppress(OSError):  # then it prints to the usual place
                self.streams = capture(self._birth.output, self._birth.name, None)
        try:
            self._prepare(data)
        except BaseException as error:
            self._tell("main", error)
            raise SystemExit(_code_of(error)) from None
        self._excepthook, sys.excepthook = sys.excepthook, self.tell_of_arguments

    def tell_of_arguments(
        self, _: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Be the sys.excepthook of this worker."""
        kind = "everywhere" if has_failed() else "arguments"
        self._tell(kind, error.with_traceback(trace))

    def arrive(self) -> None:
        """Be it no longer."""
        if sys.excepthook == self.tell_of_arguments:
            sys.excepthook = self._excepthook

    def _tell(self, kind: str, error: BaseException) -> None:
        if self._birth.failed(kind, error) or isinstance(error, SystemExit):
            return
        from .birth_errors import told

        text = told(error, self._birth.folder)
        sys.stderr.write(f"Process {self._birth.name}:\n{text}")


def _code_of(error: BaseException) -> Any:
    return error.code if isinstance(error, SystemExit) else 1


_coming: _Coming | None = None


def wait_for_failure(folder: str, file: str, output: str | None, name: str) -> None:
    """Note or print what is raised in this worker from now on, until `arrive`."""
    global _coming  # noqa: PLW0603 - a worker is born once
    from multiprocessing import spawn

    _coming = _Coming(Birth(folder, file, output, name), spawn)


def arrive() -> WorkerStreams | None:
    """Let an error be an error again: this worker has all that it was sent.

    Returns:
        its standard output and error, if it has them already.
    """
    global _coming
    if _coming is None:
        return None
    _coming.arrive()
    streams, _coming = _coming.streams, None
    return streams
