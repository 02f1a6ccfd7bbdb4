"""What a script's top level would do to a worker, as far as it is plain and can be told safely.

Settings that would change answers silently travel by themselves; `workers.settings` applies them.
For everything else there is `%%everywhere`.
"""

import logging
import os
import pickle
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Settings"]

_INSTALLED = [sysconfig.get_path(key) + os.sep for key in ("purelib", "platlib")]


class Settings:
    """Tells how this process differs from one that has just been started."""

    def __init__(self) -> None:
        self._limit = sys.getrecursionlimit()
        self._environment = dict(os.environ)

    def now(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of now, as plain data.

        Args:
            names: the notebook's global names.
        """
        found = {
            "recursion_limit": self._changed_limit(),
            "environment": self._changed_environment(),
            "decimal_context": _decimal_context(),
            "numpy_errors": _numpy_errors(),
            "logging": _logging(),
            "own_modules": tuple(_own_modules(names)),
        }
        return {name: value for name, value in found.items() if value}

    def _changed_limit(self) -> int | None:
        limit = sys.getrecursionlimit()
        return limit if limit != self._limit else None

    def _changed_environment(self) -> dict[str, str | None]:
        """Return variables that were changed: a fork server has those of its own start."""
        before, now = self._environment, os.environ
        changed = {name: value for name, value in now.items() if before.get(name) != value}
        return {**changed, **{name: None for name in before if name not in now}}


def _decimal_context() -> bytes | None:
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    context = decimal.getcontext().copy()
    context.clear_flags()
    return pickle.dumps(context) if repr(context) != repr(decimal.Context()) else None


def _numpy_errors() -> dict[str, str] | None:
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "geterr"):  # it is being imported
        return None
    usual = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
    errors: dict[str, str] = numpy.geterr()
    return errors if errors != usual else None


def _logging() -> dict[str, Any] | None:
    """Return what logging.basicConfig has set: a level, and what goes to standard streams."""
    root = logging.getLogger()
    handlers = []
    for handler in root.handlers:
        stream = getattr(handler, "stream", None)
        if type(handler) is logging.StreamHandler and stream in (sys.stdout, sys.stderr):
            name = "stdout" if stream is sys.stdout else "stderr"
            form = handler.formatter
            if form is None or type(form) is logging.Formatter:
                handlers.append((name, handler.level, pickle.dumps(form)))
    return {"level": root.level, "handlers": handlers} if handlers else None


def _own_modules(names: Mapping[str, Any]) -> Iterator[str]:
    """Yield imported modules of the notebook's folder: one may be there for its effect."""
    folder = Path.cwd()
    for module in list(names.values()):
        if isinstance(module, types.ModuleType) and sys.modules.get(module.__name__) is module:
            file = getattr(module, "__file__", None)
            if file and not file.startswith(tuple(_INSTALLED)) and folder in Path(file).parents:
                yield module.__name__
