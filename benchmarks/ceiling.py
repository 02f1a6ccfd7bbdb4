"""The ceiling: the course's own speed comparison against what the machine can do.

The cells of the notebook count serially and in two processes, in a kernel, by its own
functions; in the same minute the shell starts Pythons that count one after the other and side
by side.  And what `compare` and `measure_scaling` add to the processes that they measure.
"""

import os
import subprocess
import sys
import time

import nbformat
from contender import Contender, duel, ratios
from report import CHECKOUT, Aim, Options, Report, Table, at_most, main, middle, spread
from workloads import counts_in

sys.path.insert(0, str(CHECKOUT / "tests"))
from kernels import Kernel, kernel

NOTEBOOK = CHECKOUT / "notebooks" / "05-the-speed-comparison.ipynb"
CELLS = ("count", "in-pool-in-tasks", "four-ways")  # the ids of those that define the contestants
SET_UP = """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from manybrains import compare
"""
RACE = """
raced = four_ways(count, count_politely, [{to}] * 2)
raced = compare({{name: raced[name] for name in ("serial", "processes")}}, repeats=1)
raced.speedup("processes")
"""
COUNTER = """
import sys
def count(to):
    n = 0
    while n < to:
        n += 1
for to in sys.argv[1:]:
    count(int(to))
"""
PYTHON = '"$PYTHON" -I -S -c "$COUNTER"'


def cells_of_the_notebook() -> list[str]:
    found = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    missing = [name for name in CELLS if name not in found]
    if missing:
        raise LookupError(f"{NOTEBOOK.name} has no cells {missing}: name its definitions in CELLS")
    return [found[name] for name in CELLS]


def raced(kernel: Kernel, to: int) -> float:
    """Return the speedup of two processes that one round of the notebook's race shows."""
    shown = kernel.run(RACE.format(to=to))
    if shown.error:
        raise RuntimeError(f"the race of {NOTEBOOK.name} failed: {shown.error}")
    return float(shown.text)


def shell_seconds(script: str) -> float:
    environment = {**os.environ, "PYTHON": sys.executable, "COUNTER": COUNTER}
    began = time.perf_counter()
    subprocess.run(["sh", "-c", script], env=environment, check=True, timeout=120)
    return time.perf_counter() - began


def shell_speedup(to: int) -> float:
    """Return how many times as fast the shell is with two Pythons side by side as with one."""
    serial = shell_seconds(f"{PYTHON} {to} {to}")
    return serial / shell_seconds(f"{PYTHON} {to} & {PYTHON} {to} & wait")


def script_speedup(script: Contender, to: int) -> float:
    """Return the speedup of two processes in a script that knows nothing of the lens."""
    return script.run("serial", to)["wall"] / script.run("executor_of_two", to)["wall"]


def rounds_of(method: str, to: int, repeats: int) -> dict[str, list[float]]:
    """Return the speedups of each round: in the notebook, in a bare script, by the shell."""
    speedups: dict[str, list[float]] = {"notebook": [], "script": [], "shell": []}
    with kernel(method, seconds=300) as ours, Contender("bare", method) as script:
        for source in (SET_UP, *cells_of_the_notebook()):
            ours.run(source)
        measured = {
            "notebook": lambda: raced(ours, to),
            "script": lambda: script_speedup(script, to),
            "shell": lambda: shell_speedup(to),
        }
        raced(ours, to // 10)  # warm
        script_speedup(script, to // 10)
        for repeat in range(repeats):
            for name in list(measured)[:: -1 if repeat % 2 else 1]:
                speedups[name].append(measured[name]())
    return speedups


def measure(options: Options) -> Report:
    """Race the notebook against the shell, and compare() and measure_scaling() against nobody."""
    repeats, to = options.times(3, 15), counts_in(options.size(0.3, 0.6))
    races = {method: rounds_of(method, to, repeats) for method in options.methods}
    added = {method: _added(method, to, options) for method in options.methods}
    rows, aims = [], []
    for method, speedups in races.items():
        row = [method, *map(spread, speedups.values())]
        for beside, what in (("shell", "the ceiling"), ("script", "a bare script's")):
            pairs = zip(speedups["notebook"], speedups[beside], strict=True)
            shares = [notebook / other for notebook, other in pairs]
            row.append(spread(shares))
            says = f"speedup of two processes in the notebook, {method}: at least 0.97 of {what}"
            aims.append(Aim(says, spread(shares), middle(shares) >= 0.97))
        rows.append([*row, str(repeats)])
    head = ["start method", "notebook", "bare script", "shell (the ceiling)", "notebook / shell"]
    head += ["notebook / script", "rounds"]
    tables = [Table("Speedup of two processes over serial counting", head, rows), _table(added)]
    for method, figures in added.items():
        for name, each in figures.items():
            says = f"{name}, {method}: at most 1 % more than without"
            aims.append(Aim(says, spread(each), at_most(each, 1.01)))
    return Report("The ceiling", tables, aims, (), {"races": races, "added": added})


def _added(method: str, to: int, options: Options) -> dict[str, list[float]]:
    repeats, batches = options.times(3, 6), options.size(1, 3)
    compared = duel(("bare", "compared"), method, [("two_processes", to)], repeats, batches)
    scaled = duel(("bare", "scaled"), method, [("executor_of_two", to)], repeats, batches)
    return {
        "compare": ratios(compared["two_processes"], "compared", "whole"),
        "measure_scaling": ratios(scaled["executor_of_two"], "scaled", "whole"),
    }


def _table(added: dict[str, dict[str, list[float]]]) -> Table:
    rows = [[method, *map(spread, figures.values())] for method, figures in added.items()]
    head = ["start method", "compare / bare Process", "measure_scaling / bare executor"]
    return Table("What measuring adds to two processes that count", head, rows)


if __name__ == "__main__":
    main(measure, __doc__ or "")
