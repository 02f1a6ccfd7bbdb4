"""Errors whose cause is that a worker has memory of its own, told as such.

Workers import this: it is light.
"""

import pickle
import sys

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["call", "explain"]

_UNKNOWN = (
    r"Can't get attribute '(\w+)' on <module '__(?:mp_)?main__'"
    r"|module '__(?:mp_)?main__' has no attribute '(\w+)'"  # from Python 3.14 on
)


def call(sealed: bytes) -> "Any":
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
    import re

    main = sys.modules.get("__main__")
    name = getattr(error, "name", None)
    if isinstance(error, NameError) and name in getattr(main, "__not_sent_to_workers__", ()):
        error.add_note(
            f"{name!r} exists in the notebook's memory, not in this worker's. "
            "Hand it over as an argument."
        )
    elif isinstance(error, AttributeError) and (unknown := re.match(_UNKNOWN, str(error))):
        # One wording under every start method and Python: most name a temporary file.
        error.args = (f"Can't get attribute {unknown[1] or unknown[2]!r} on <module '__main__'>",)
        error.add_note(
            "This worker does not know it: it was started before that was defined, or "
            "knows another version. Define first, then start the pool."
        )
