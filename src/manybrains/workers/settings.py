"""Settings that a worker takes over from the notebook, as `snapshots.settings` has read them.

Workers import this: it is light.
"""

from __future__ import annotations

import os
import pickle
import sys

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

    from .import_hooks import Hook

__all__ = ["apply_settings", "set_numpy_errors"]

_numpy_errors: dict[str, str] = {}


def apply_settings(settings: dict[str, Any]) -> None:
    """Make these settings those of this process."""
    for name, value in settings.get("environment", {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "recursion_limit" in settings:
        sys.setrecursionlimit(settings["recursion_limit"])
    if "decimal_context" in settings:
        import decimal

        decimal.setcontext(pickle.loads(settings["decimal_context"]))
    _numpy_errors.update(settings.get("numpy_errors", {}))
    if "logging" in settings:
        _configure_logging(**settings["logging"])
    for module in settings.get("own_modules", ()):
        try:
            __import__(module)
        except Exception:  # what needs it says so when it is loaded
            continue


def set_numpy_errors(numpy: Any) -> list[Hook]:
    """Set how NumPy handles floating-point errors, once it is imported."""
    if _numpy_errors:
        numpy.seterr(**_numpy_errors)
    return []


def _configure_logging(level: int, handlers: list[tuple[str, int, bytes]]) -> None:
    import logging

    root = logging.getLogger()
    root.setLevel(level)
    for stream, own_level, form in handlers:
        handler = logging.StreamHandler(getattr(sys, stream))
        handler.setLevel(own_level)
        handler.setFormatter(pickle.loads(form))
        root.addHandler(handler)
