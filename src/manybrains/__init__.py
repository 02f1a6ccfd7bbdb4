"""Many Brains: see what Python multiprocessing does, cell by cell.

Each public name is loaded when it is first used.  So an import of the package
costs almost nothing, and each spawned worker imports it.
"""

from importlib import import_module

TYPE_CHECKING = False  # for type checkers it is True; the module `typing` is slow to import

__version__ = "0.1.0"

# The module that holds each public name, in the order of the data flow.
_ROOMS = {
    "Machine": "records.machine",
    "this_machine": "records.machine",
    "Lane": "records.run",
    "MemoryLook": "records.memory_look",
    "Run": "records.run",
    "Sample": "records.run",
    "watch": "lens.watch",
    "Comparison": "comparisons.comparison",
    "Contestant": "comparisons.comparison",
    "compare": "comparisons.comparison",
    "Scaling": "comparisons.scaling",
    "compare_workers": "comparisons.scaling",
    "measure_scaling": "comparisons.scaling",
    "ceiling": "comparisons.ceiling",
    "break_even": "comparisons.crossing",
    "Ticks": "lessons.workloads",
    "count": "lessons.workloads",
    "fetch": "lessons.workloads",
    "fetch_async": "lessons.workloads",
    "io_server": "lessons.workloads",
    "overlap_seconds": "lessons.workloads",
    "tick": "lessons.workloads",
    "Claim": "lessons.claims",
    "claim": "lessons.claims",
    "predict": "lessons.claims",
    "Evidence": "lessons.evidence",
    "Interleaving": "lessons.interleavings",
    "interleavings": "lessons.interleavings",
    "LoopTurns": "lessons.loop_turns",
    "Outbox": "lessons.outbox",
    "exercise": "lessons.outcomes",
    "outcomes": "lessons.outcomes",
    "PausedArray": "lessons.paused_array",
    "Recommendation": "lessons.recommendation",
    "recommend": "lessons.recommendation",
    "TwoWorkers": "lessons.two_workers",
    "write_sales": "lessons.sales",
    "plot_break_even": "plots.break_even",
    "plot_cores": "plots.usage",
    "plot_final_table": "plots.final_table",
    "plot_interleavings": "plots.orders",
    "plot_memory": "plots.memory",
    "plot_memory_over_time": "plots.usage",
    "plot_processes": "plots.process_tree",
    "plot_speedup": "plots.speedup",
    "plot_ticks": "plots.ticks",
    "plot_timeline": "plots.timeline",
    "plot_wall_times": "plots.wall_times",
    "load_ipython_extension": "notebook.extension",
    "unload_ipython_extension": "notebook.extension",
    "panel": "widgets.panel",
    "stepper": "widgets.stepper",
}
__all__ = sorted(_ROOMS)  # noqa: PLE0605 - `__getattr__` loads the names

if TYPE_CHECKING:
    from .comparisons.ceiling import ceiling
    from .comparisons.comparison import Comparison, Contestant, compare
    from .comparisons.crossing import break_even
    from .comparisons.scaling import Scaling, compare_workers, measure_scaling
    from .lens.watch import watch
    from .lessons.claims import Claim, claim, predict
    from .lessons.evidence import Evidence
    from .lessons.interleavings import Interleaving, interleavings
    from .lessons.loop_turns import LoopTurns
    from .lessons.outbox import Outbox
    from .lessons.outcomes import exercise, outcomes
    from .lessons.paused_array import PausedArray
    from .lessons.recommendation import Recommendation, recommend
    from .lessons.sales import write_sales
    from .lessons.two_workers import TwoWorkers
    from .lessons.workloads import (
        Ticks,
        count,
        fetch,
        fetch_async,
        io_server,
        overlap_seconds,
        tick,
    )
    from .notebook.extension import load_ipython_extension, unload_ipython_extension
    from .plots.break_even import plot_break_even
    from .plots.final_table import plot_final_table
    from .plots.memory import plot_memory
    from .plots.orders import plot_interleavings
    from .plots.process_tree import plot_processes
    from .plots.speedup import plot_speedup
    from .plots.ticks import plot_ticks
    from .plots.timeline import plot_timeline
    from .plots.usage import plot_cores, plot_memory_over_time
    from .plots.wall_times import plot_wall_times
    from .records.machine import Machine, this_machine
    from .records.memory_look import MemoryLook
    from .records.run import Lane, Run, Sample
    from .widgets.panel import panel
    from .widgets.stepper import stepper


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
