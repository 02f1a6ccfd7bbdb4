"""Many Brains: see what Python multiprocessing does, cell by cell.

Every public name is loaded when it is first used, so that importing the
package (as each spawned worker does) costs next to nothing.
"""

from importlib import import_module

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import

__version__ = "0.1.0"

# The room of every public name, in the order of the data flow.
_ROOMS = {
    "Machine": "machine",
    "this_machine": "machine",
    "Lane": "runs",
    "Run": "runs",
    "Sample": "runs",
    "watch": "watching",
    "Comparison": "comparing",
    "Contestant": "comparing",
    "compare": "comparing",
    "Scaling": "scaling",
    "measure_scaling": "scaling",
    "ceiling": "side_by_side",
    "Ticks": "work",
    "count": "work",
    "fetch": "work",
    "fetch_async": "work",
    "io_server": "work",
    "overlap_seconds": "work",
    "tick": "work",
    "Claim": "claims",
    "claim": "claims",
    "predict": "claims",
    "plot_cores": "plots",
    "plot_memory": "plots",
    "plot_processes": "plots",
    "plot_speedup": "plots",
    "plot_ticks": "plots",
    "plot_timeline": "plots",
    "plot_wall_times": "plots",
    "load_ipython_extension": "magics",
    "unload_ipython_extension": "magics",
}
__all__ = sorted(_ROOMS)  # noqa: PLE0605 - the names are offered lazily

if TYPE_CHECKING:
    from .claims import Claim, claim, predict
    from .comparing import Comparison, Contestant, compare
    from .machine import Machine, this_machine
    from .magics import load_ipython_extension, unload_ipython_extension
    from .plots import (
        plot_cores,
        plot_memory,
        plot_processes,
        plot_speedup,
        plot_ticks,
        plot_timeline,
        plot_wall_times,
    )
    from .runs import Lane, Run, Sample
    from .scaling import Scaling, measure_scaling
    from .side_by_side import ceiling
    from .watching import watch
    from .work import Ticks, count, fetch, fetch_async, io_server, overlap_seconds, tick


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
