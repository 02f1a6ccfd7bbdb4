"""Records how far counting scales on this machine, for notebook 08: `make recordings`.

What is stored names no machine and no person: it is the records of the runs, without the looks
of the sampler, in a file named after the number of cores.
"""

import dataclasses
import datetime
import math
import os
from collections.abc import Iterable
from pathlib import Path

from manybrains import Scaling, count, measure_scaling, this_machine

TASKS_A_CORE = [1_000_000] * 32  # about a second, so that the start of a worker matters little
MOST = 60  # workers: on Windows an executor has no more than 61


def numbers_of_workers(cores: float) -> list[int]:
    """1, 2, 4 and so on up to the cores that are ours, these, and twice as many."""
    whole = min(math.ceil(cores), MOST // 2)
    doubled = [2**k for k in range(whole.bit_length())]
    return sorted({1, 2, 4, *doubled, whole, 2 * whole})


def record(folder: Path, tasks: list[int], numbers: Iterable[int], repeats: int = 3) -> Path:
    """Measure, and return the file in which the scaling is stored then."""
    measured = measure_scaling(count, tasks, numbers, repeats, deadline=600)
    today = datetime.date.today().isoformat()
    note = f"recorded on {today} by `make recordings`, {len(tasks)} tasks count to {tasks[0]:,}"
    scaling = Scaling(tuple(map(without_looks, measured.points)), note=note)
    path = folder / f"scaling-{scaling.machine.cores_yours:g}-cores.json"
    scaling.save(path)
    return path


def without_looks(point):
    """The point with the totals of each lane, which need a tenth of the room."""
    runs = tuple(dataclasses.replace(run, samples=()) for run in point.runs)
    return dataclasses.replace(point, runs=runs)


if __name__ == "__main__":
    os.environ.setdefault("MANYBRAINS_HEADLESS", "1")
    cores = this_machine().cores_yours
    numbers = numbers_of_workers(cores)
    print(f"Workers: {', '.join(map(str, numbers))}. Keep the machine free of other work.")
    path = record(Path(__file__).parent, TASKS_A_CORE * math.ceil(cores), numbers)
    print(Scaling.load(path))
    print(f"Stored in {path.name}; `make notebooks` shows it in notebook 08.")
