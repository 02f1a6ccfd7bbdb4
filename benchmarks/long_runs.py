"""Runs that would take hours, made up: looks as the sampler hands them over, at full speed.

They pass through the sampler's own thinning and the watcher's own assembling.
"""

import json
import marshal
import time
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from typing import Any

from manybrains import Run, this_machine
from manybrains.lens.assemble import assemble
from manybrains.lens.lifetimes import Lifetime
from manybrains.lens.observations import Look, Observations
from manybrains.plots.timeline import timeline_png
from manybrains.plots.usage import plot_cores, plot_memory_over_time
from manybrains.sampler.record import Record

__all__ = ["figures_of"]

MAIN = 1
INTERVAL = 0.05
MEMORY = 50_000_000


def figures_of(seconds: float, workers: int) -> dict[str, float]:
    """Return what a watch of that length with that many workers costs when it is over."""
    block = made_up(seconds, workers)
    figures: dict[str, float] = {"seconds": seconds, "workers": workers}
    figures["report_bytes"] = len(marshal.dumps([tuple(look) for look in block.looks]))
    tracemalloc.start()
    lanes, samples = assemble(block)
    figures["memory_bytes"] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    figures["looks"] = len(samples)
    figures["assemble_seconds"] = fastest(lambda: assemble(block))
    plain = {"helpers": (), "interval": INTERVAL, "finished": True, "note": ""}
    run = Run("long", this_machine(), seconds, lanes, samples, **plain)
    text = run.to_json()
    figures["json_bytes"] = len(text)
    figures["to_json_seconds"] = fastest(run.to_json)
    figures["from_json_seconds"] = fastest(lambda: Run.from_json(text))
    figures["json_load_seconds"] = fastest(lambda: json.loads(text))
    for name, draw in DRAWN.items():
        figures[f"{name}_seconds"] = fastest(lambda draw=draw: draw(_new(run)))  # type: ignore[misc]
    return figures


def made_up(seconds: float, workers: int) -> Observations:
    """Return a block in which that many workers computed on two cores from begin to end."""
    record, share = Record(INTERVAL), min(1.0, 2 / workers)
    for number in range(int(seconds / INTERVAL)):
        moment = number * INTERVAL
        looks: list[Any] = [(moment, MAIN, 0, 0.0, 0, MEMORY)]
        for pid in range(2, workers + 2):
            looks.append((moment, pid, 0, moment * share, (pid + number // 7) % 2, MEMORY))
        record.keep(looks)
    lives = [
        Lifetime(
            pid,
            name=f"Process-{pid - 1}",
            parent=MAIN,
            requested=0.0,
            started=0.001,
            finished=seconds - 0.001,
            reaped=seconds,
            own_cpu=seconds * share,
        )
        for pid in range(2, workers + 2)
    ]
    kept, *_ = marshal.loads(record.report())
    seen = tuple(Look(*look) for look in kept)
    return Observations(0.0, seconds, MAIN, "MainProcess", 0.1, lives, seen)


def _new(run: Run) -> Run:
    """Return an equal run that has worked nothing out yet."""
    fields = ("name", "machine", "wall_seconds", "lanes", "samples", "helpers", "interval")
    return Run(*(getattr(run, name) for name in fields), run.finished, run.note, run.used_by_others)


def _as_png(draw: Callable[..., Any]) -> Callable[[Run], object]:
    def drawn(run: Run) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 3), layout="constrained")
        draw(run, figure.subplots())
        figure.savefig(BytesIO(), format="png")

    return drawn


DRAWN: dict[str, Callable[[Run], object]] = {
    "timeline": timeline_png,
    "cores": _as_png(plot_cores),
    "memory": _as_png(plot_memory_over_time),
}


def fastest(work: Callable[[], object], times: int = 3) -> float:
    """Return the CPU seconds of the fastest of some runs: others' use of the machine only adds."""
    took = []
    for _ in range(times):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)
