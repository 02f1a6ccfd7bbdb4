"""Hooks of a notebook in multiprocessing, which make a cell behave as a script does.

Workers that are not forked get the notebook as their main module.  A function that cannot reach
them is refused in the cell that sends it.  Their tracebacks name cells.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..hooks.pickle_errors import is_main, told
from ..workers.import_hooks import unseen, wrap
from ..workers.session import Session, current_session
from ..workers.stdlib_internals import (
    EXECUTOR_TRACEBACK,
    PICKLE_WORKER,
    POOL_TRACEBACK,
    SERVER_NAME,
    SPAWN_DATA,
    arguments_of,
    is_pickled_for_a_worker,
    main_of,
    preload_in_fork_server,
    target_of,
)

if TYPE_CHECKING:
    from ..workers.import_hooks import Hook, Table

__all__ = ["HOOKS_OF_A_NOTEBOOK"]


# Each worker of a fork server imports what the notebook's functions need, which takes NumPy a
# tenth of a second and pyplot half of one.  The server can do that once, for packages that are
# known to work after a fork; `start_hooks` gives each worker random numbers of its own.
_SAFE = {"PIL", "matplotlib", "numpy", "pandas", "scipy"}
_WORKER = "manybrains.hooks.start_hooks"


def _of_pickling(reduction: Any) -> list[Hook]:
    return [wrap(reduction, PICKLE_WORKER, _around_dump)]


def _of_spawning(spawn: Any) -> list[Hook]:
    return [wrap(spawn, SPAWN_DATA, _around_preparation)]


def _of_pool_errors(pool: Any) -> list[Hook]:
    return [wrap(getattr(pool, POOL_TRACEBACK), "__init__", _around_traceback)]


def _of_executor_errors(executor: Any) -> list[Hook]:
    return [wrap(getattr(executor, EXECUTOR_TRACEBACK), "__init__", _around_traceback)]


def _around_preparation(prepare: Callable[[str], dict[str, Any]]) -> Callable[[str], Any]:
    @functools.wraps(prepare)
    def with_script(name: str) -> dict[str, Any]:
        __tracebackhide__ = True  # IPython leaves this frame out
        session = current_session()
        main = sys.modules["__main__"]
        if not hasattr(main, "__spec__"):  # a script that `%run` runs for the second time
            main.__spec__ = None
        data = prepare(name)
        if session is None or session.script is None:
            return data
        if name == SERVER_NAME:  # the fork server itself needs no script
            return main_of(data, None)
        # What such a worker sends back names the classes of main so, as it does in a script.
        sys.modules["__mp_main__"] = main
        if not is_main(session):
            return data
        path = _written(session)
        if "multiprocessing.forkserver" in sys.modules:
            safe = [name for name in session.script.imports if name.partition(".")[0] in _SAFE]
            preload_in_fork_server([*safe, _WORKER])
        data["sys_path"] += _folders_left(session.script.imports, data["sys_path"])
        return main_of(data, path)

    return with_script


def _folders_left(modules: Iterable[str], path: list[str]) -> list[str]:
    """Return the folders of modules that the notebook has found in its working folder of then.

    That folder is on a notebook's path, wherever `os.chdir` goes; of a worker's path it is the one
    in which the kernel was started.
    """
    tops = dict.fromkeys(name.partition(".")[0] for name in modules)
    files = (getattr(sys.modules.get(top), "__file__", None) for top in tops)
    paths = (Path(file) for file in files if file)
    folders = (p.parents[1 if p.stem == "__init__" else 0] for p in paths if p.suffix == ".py")
    return [str(f) for f in dict.fromkeys(folders) if f.is_absolute() and str(f) not in path]


def _written(session: Session) -> str:
    assert session.script is not None
    try:
        return str(session.script.write())
    except OSError as error:  # a full disk: name the folder, not our file
        raise OSError(error.errno, error.strerror, session.folder) from None


def _around_dump(dump: Callable[..., None]) -> Callable[..., None]:
    @unseen
    @functools.wraps(dump)
    def checked_dump(thing: Any, *arguments: Any, **keywords: Any) -> None:
        _check_arguments(thing)
        dump(thing, *arguments, **keywords)

    return checked_dump


def _check_arguments(worker: Any) -> None:
    """Refuse a target or an argument that the worker's main module does not have.

    Raises:
        pickle.PicklingError: if a worker would not find it.
    """
    session = current_session()
    if session is None or not is_pickled_for_a_worker() or not is_main(session):
        return
    assert session.script is not None
    for thing in (target_of(worker), *arguments_of(worker)):
        if isinstance(thing, (FunctionType, type)) and thing.__module__ == "__main__":
            name = thing.__qualname__.partition(".")[0]
            if "<" not in thing.__qualname__ and name in session.script.not_sent:
                place = _place(thing, session.script.readable.place)
                why = session.script.not_sent[name]
                raise told(f"{name!r}{place} cannot be sent to another process: {why}.")


def _place(thing: FunctionType | type, cell_name: Callable[[str], str]) -> str:
    """Return " (Cell In[3], line 1)" for a function."""
    if not isinstance(thing, FunctionType):
        return ""
    code = thing.__code__
    return f" ({cell_name(code.co_filename)}, line {code.co_firstlineno})"


def _around_traceback(make: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(make)
    def readable_traceback(self: Any, text: str) -> None:
        session = current_session()
        script = session.script if session is not None else None
        make(self, text if script is None else script.readable(text))

    return readable_traceback


HOOKS_OF_A_NOTEBOOK: Mapping[str, Table] = {
    "concurrent.futures.process": _of_executor_errors,
    "multiprocessing.pool": _of_pool_errors,
    "multiprocessing.reduction": _of_pickling,
    "multiprocessing.spawn": _of_spawning,
}
