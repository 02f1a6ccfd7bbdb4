"""Hooks that are put into a module when it is imported, and not before.

An import of all these modules would make a small script twice as large, and its fork as slow.
Workers import this: it is light.
"""

from __future__ import annotations

import functools
import os
import sys

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Hook = tuple[Any, str, Any]  # owner, attribute, replacement
    Table = Callable[[ModuleType], list[Hook]]  # what is hooked in a module

__all__ = ["PostImportHook", "unseen", "wrap"]

_OURS = __file__.removesuffix("import_hooks.py").removesuffix("workers" + os.sep)


def wrap(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> Hook:
    """Return the hook that puts a wrapper around what is there."""
    return owner, name, wrapper(getattr(owner, name))


def unseen(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return a hook whose frames are in no traceback, wherever that is shown.

    A bare `raise` adds no frame.
    """

    @functools.wraps(hook)
    def called(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True  # IPython leaves this frame out while code below it runs
        try:
            return hook(*arguments, **named)
        except BaseException as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
                trace = trace.tb_next
            error.__traceback__ = trace
            raise

    return called


class PostImportHook:
    """A finder that finds no module itself, but learns which modules are imported.

    Args:
        hook: called with the hooks of a module, once it has been imported.
    """

    def __init__(self, hook: Callable[[list[Hook]], None]) -> None:
        self.awaited: dict[str, list[Table]] = {}
        self._hook = hook

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return what the other finders find; its loader hooks the module it has loaded."""
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
