"""What is installed in this process: one session, which all other modules use.

Workers import this: it is light.
"""

from __future__ import annotations

import os
import sys
import weakref

from .events import EventLog
from .import_hooks import PostImportHook

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.process import BaseProcess
    from pathlib import Path
    from types import ModuleType
    from typing import Any, Protocol

    from .import_hooks import Hook, Table
    from .output import WorkerStreams

    class Script(Protocol):
        """The notebook as a script, for workers that are not forked."""

        imports: tuple[str, ...]
        not_sent: dict[str, str]

        @property
        def readable(self) -> Readable: ...
        def write(self) -> Path: ...

    class Readable(Protocol):
        """Makes the text of a worker's traceback readable."""

        def __call__(self, text: str) -> str: ...
        def place(self, file: str) -> str: ...

    class OutputFiles(Protocol):
        """The reading side of what workers print."""

        def path_for_worker(self, worker: BaseProcess) -> str | None: ...


__all__ = ["Session", "current_session", "set_session"]

_ABSENT = object()
_LEFT: weakref.WeakSet[Any] = weakref.WeakSet()  # hooks that others have wrapped, see `unhook`


class Session:
    """The hooks of this process, and what they need.

    Attributes:
        folder: private temporary folder of the notebook or script.
        log: where births and ends of workers are noted.
        pid: the process this session belongs to.
        is_worker: whether this process is a worker; then the folder belongs to another process.
        script: the notebook as a script; None outside of a notebook.
        main: the module in which cells run; None outside of a notebook.
        has_reader: whether a person is shown what a cell prints while it runs.
        relay: reads what workers print; None outside of a notebook and in workers.
        output: the file a worker prints to, handed on to its own children.
        streams: the standard output and error of a worker; in a notebook, of those that it forks.
        stack_signal: the number of the signal on which a worker writes where it stands, or 0.
        stack_file: the descriptor of the file to which it writes that, or -1.
        strike_signal: the number of the signal with which the sampler strikes at a deadline, or 0.
        terminals: the descriptors at which a reader can see a text while a cell runs: standard
            error, and in a notebook also that of the server.
        sampler: the handle of the sampler, once there is one.
        helpers: processes that serve the machinery, by pid; they are never lanes.
        pools: the pools made here, which replace workers that end.
        on_fork: called first in a forked worker, to release what belongs to the notebook.
        on_close: called when the session ends.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        events = os.path.join(folder, "events")  # noqa: PTH118 - pathlib is slow to import
        os.makedirs(events, 0o700, exist_ok=True)  # noqa: PTH103
        self.log = EventLog(os.path.join(events, "log"))  # noqa: PTH118
        self.pid = os.getpid()
        self.is_worker = False
        self.script: Script | None = None
        self.main: ModuleType | None = None
        self.has_reader = True
        self.relay: OutputFiles | None = None
        self.output: str | None = None
        self.streams: WorkerStreams | None = None
        self.stack_signal = 0
        self.stack_file = -1
        self.strike_signal = 0
        self.terminals: tuple[int, ...] = (2,)
        self.sampler: Any = None
        self.helpers: dict[int, str] = {}
        self.on_fork: list[Callable[[], object]] = []
        self.on_close: list[Callable[[], object]] = []
        self.pools: weakref.WeakSet[Any] = weakref.WeakSet()
        self._undo: list[tuple[Any, str, Any, Any]] = []
        self._import_hook = PostImportHook(self._hook)
        self._kept: tuple[Any, ...] = ()

    def hook(self, hooks: Mapping[str, Table]) -> None:
        """Hook each of these modules: now, or when it is imported."""
        for name, table in hooks.items():
            if name in sys.modules:
                self._hook(table(sys.modules[name]))
            else:
                self._import_hook.awaited.setdefault(name, []).append(table)
        if self._import_hook not in sys.meta_path:
            sys.meta_path.insert(0, self._import_hook)

    def _hook(self, table: list[Hook]) -> None:
        """Put each replacement in its place, and remember what was there."""
        for owner, name, replacement in table:
            if _is_inside(replacement, _LEFT):  # of an earlier session, see `unhook`
                continue
            before = vars(owner).get(name, _ABSENT)
            self._undo.append((owner, name, before, replacement))
            setattr(owner, name, replacement)

    def enter_child(self, output: str | None = None) -> None:
        """Become the session of a forked process: release what belongs to its parent."""
        for let_go in self.on_fork:
            let_go()
        # Keep these references: freeing the parent's objects would copy their memory pages.
        self._kept = self.on_fork, self.on_close, self.relay, self.sampler
        self.on_fork, self.on_close = [], []
        self.relay, self.sampler, self.output = None, None, output
        self.pid, self.is_worker = os.getpid(), True

    def unhook(self) -> None:
        """Put back what was there before our hooks, unless another tool has replaced it since.

        A wrapper that another tool has put around ours stays, and ours stays inside it: without
        a session, ours only passes the call on.
        """
        self._import_hook.awaited.clear()
        if self._import_hook in sys.meta_path:
            sys.meta_path.remove(self._import_hook)
        while self._undo:
            owner, name, before, ours = self._undo.pop()
            if vars(owner).get(name, _ABSENT) is not ours:
                _LEFT.add(ours)
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


def _is_inside(function: Any, some: weakref.WeakSet[Any]) -> bool:
    """Tell whether a function wraps one of `some`, at any depth."""
    while function is not None:
        if function in some:
            return True
        function = getattr(function, "__wrapped__", None)
    return False


_session: Session | None = None


def current_session() -> Session | None:
    """Return what is installed in this process, or None."""
    return _session


def set_session(session: Session | None) -> None:
    """Make this the session of the process."""
    global _session  # noqa: PLW0603 - the one installed extension
    _session = session
