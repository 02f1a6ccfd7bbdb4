"""What is installed in this process: one session, which everything else asks for.

Workers import this: it is light.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Mapping

from .events import Journal

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    Hook = tuple[Any, str, Any]  # owner, attribute, replacement
    Hooks = Mapping[str, Callable[[ModuleType], list[Hook]]]  # what is hooked in which module

__all__ = ["Session", "around", "current", "use"]

_ABSENT = object()


class Session:
    """The hooks of this process, and what they need.

    Attributes:
        folder: private temporary folder of the notebook or script.
        journal: where births and deaths are noted.
        pid: the process this session belongs to.
        is_worker: whether that is a worker; the folder is then somebody else's.
        script: the notebook as a script; None outside of a notebook.
        relay: reads what workers print; None outside of a notebook and in workers.
        output: the file a worker prints to, handed on to its own children.
        sampler: the handle of the process that looks, once there is one.
        helpers: processes that serve the machinery, by pid; they are never lanes.
        pools: the pools made here, which replace workers that end.
        on_fork: called first in a forked worker, to let go of what is the notebook's.
        on_close: called when the session ends.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.journal = Journal(os.path.join(folder, "journal"))  # noqa: PTH118 - pathlib is slow
        self.pid = os.getpid()
        self.is_worker = False
        self.script: Any = None
        self.relay: Any = None
        self.output: str | None = None
        self.sampler: Any = None
        self.helpers: dict[int, str] = {}
        self.on_fork: list[Callable[[], object]] = []
        self.on_close: list[Callable[[], object]] = []
        self.pools: weakref.WeakSet[Any] = weakref.WeakSet()
        self._undo: list[Hook] = []
        self._latecomers = _Latecomers(self._hook)
        self._inherited: Any = None

    def hook(self, hooks: Hooks) -> None:
        """Hook each of these modules, now or once somebody imports it.

        To import them all would make a small script twice as large, and as slow to fork.
        """
        for name, table in hooks.items():
            if name in sys.modules:
                self._hook(table(sys.modules[name]))
            else:
                self._latecomers.awaited.setdefault(name, []).append(table)
        if self._latecomers not in sys.meta_path:
            sys.meta_path.insert(0, self._latecomers)

    def _hook(self, table: list[Hook]) -> None:
        """Put each replacement in its place, and remember what was there."""
        for owner, name, replacement in table:
            self._undo.append((owner, name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, replacement)

    def enter_child(self, output: str | None = None) -> None:
        """Become the session of a forked process: let go of what is its parent's."""
        for let_go in self.on_fork:
            let_go()
        # Kept, for to free what the parent made would copy the pages it lies in.
        self._inherited = self.on_fork, self.on_close, self.relay, self.sampler
        self.on_fork, self.on_close = [], []
        self.relay, self.sampler, self.output = None, None, output
        self.pid, self.is_worker = os.getpid(), True

    def unhook(self) -> None:
        """Put back exactly what was there."""
        self._latecomers.awaited.clear()
        if self._latecomers in sys.meta_path:
            sys.meta_path.remove(self._latecomers)
        while self._undo:
            owner, name, before = self._undo.pop()
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


class _Latecomers:
    """A finder that finds no module itself, but learns who is imported: it is hooked then."""

    def __init__(self, hook: Callable[[list[Hook]], None]) -> None:
        self.awaited: dict[str, list[Callable[[ModuleType], list[Hook]]]] = {}
        self._hook = hook

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.awaited:
            return None
        specs = (f.find_spec(name, path, target) for f in sys.meta_path if f is not self)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_hook(module: ModuleType) -> None:
            del loader.exec_module
            execute(module)
            for table in self.awaited.pop(name, ()):  # not before: some only ask for the spec
                self._hook(table(module))

        loader.exec_module = execute_and_hook
        return spec


def around(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> Hook:
    """Return the hook that puts a wrapper around what is there."""
    return owner, name, wrapper(getattr(owner, name))


_session: Session | None = None


def current() -> Session | None:
    """Return what is installed in this process, or None."""
    return _session


def use(session: Session | None) -> None:
    """Make this the session of the process."""
    global _session  # noqa: PLW0603 - the one installed extension
    _session = session
