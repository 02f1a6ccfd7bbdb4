"""The ceiling: the course's own speed comparison against what the machine can do.

The cells of the notebook count serially and in two processes, in a kernel, by its own
functions; in the same minute the shell starts Pythons that count one after
the other and side by side.  And what `compare` and `measure_scaling` add to the processes that
they measure: to some that count, and in CPU time to some that count to one, where a busy machine
hides less.
"""

import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import nbformat
from contender import Contender, duel, ratios
from report import (
    CHECKOUT,
    Aim,
    Options,
    Report,
    Table,
    at_least,
    at_most,
    judged,
    main,
    middle,
    spread,
)
from workloads import counts_in

sys.path.insert(0, str(CHECKOUT / "tests"))
from kernels import Kernel, kernel

NOTEBOOK = CHECKOUT / "notebooks" / "06-the-speed-comparison.ipynb"
# The ids of the cells that define the contestants.
CELLS = ("count", "coroutines", "four-ways")
TO = 16_000_000  # so far that the start of two processes does not decide
ROUNDS = 2  # by one kernel and one script
TELLING = 1.25  # a ceiling below says that there is no second core to be had now
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
    for _ in range(to):
        n += 1
for to in sys.argv[1:]:
    count(int(to))
"""
PYTHON = '"$PYTHON" -I -S -c "$COUNTER"'


def cells_of_the_notebook() -> list[str]:
    """Return the cells that define the contestants."""
    found = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    missing = [name for name in CELLS if name not in found]
    if missing:
        raise LookupError(f"{NOTEBOOK.name} has no cells {missing}: name its own in CELLS")
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
    # Linux shares busy cores out among sessions, and the kernel is in one of its own as well.
    command = ["sh", "-c", script]
    # With a pipe to read, its end is waited for; with none it would be asked for now and then.
    options = {"stdout": subprocess.PIPE, "timeout": 120, "start_new_session": True}
    subprocess.run(command, env=environment, check=True, **options)
    return time.perf_counter() - began


def shell_speedup(to: int) -> float:
    """Return how many times as fast the shell is with two Pythons side by side as with one."""
    serial = shell_seconds(f"{PYTHON} {to} {to}")
    return serial / shell_seconds(f"{PYTHON} {to} & {PYTHON} {to} & wait")


def script_speedup(script: Contender, to: int) -> float:
    """Return the speedup of two processes in a script that knows nothing of the lens."""
    return script.run("serial", to)["wall"] / script.run("executor_of_two", to)["wall"]


def rounds_of(method: str, to: int, repeats: int) -> dict[str, list[float]]:
    """Return the speedups of each round: in the notebook, in a bare script, by the shell.

    Every two rounds have a new kernel and a new script: where a program lies in memory makes it
    a little faster or slower for as long as it lives, in main alone or in its workers.
    """
    speedups: dict[str, list[float]] = {"notebook": [], "script": [], "shell": []}
    for begun in range(0, repeats, ROUNDS):
        _add_rounds(speedups, method, to, min(ROUNDS, repeats - begun))
    return speedups


def _add_rounds(speedups: dict[str, list[float]], method: str, to: int, repeats: int) -> None:
    with kernel(method, seconds=300) as ours, Contender("bare", method) as script:
        for source in (SET_UP, *cells_of_the_notebook()):
            defined = ours.run(source)
            if defined.error:
                raise RuntimeError(f"a cell of {NOTEBOOK.name} failed: {defined.error}")
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


def measure(options: Options) -> Report:
    """Race the notebook against the shell, and compare() and measure_scaling() against nobody."""
    repeats, to = options.times(3, 10), counts_in(options.size(0.3, 0.6))
    as_far = options.size(to, TO)
    races = {method: rounds_of(method, as_far, repeats) for method in options.methods}
    added = {method: _added(method, to, options) for method in options.methods}
    rows, aims = [], []
    for method, speedups in races.items():
        row = [method, *map(spread, speedups.values())]
        there = middle(speedups["shell"]) >= TELLING
        for beside, what in (("shell", "the ceiling"), ("script", "a bare script's")):
            pairs = zip(speedups["notebook"], speedups[beside], strict=True)
            shares = [notebook / other for notebook, other in pairs]
            row.append(spread(shares))
            says = f"speedup of two processes in the notebook, {method}: at least 0.97 of {what}"
            aims.append(Aim(says, judged(shares), at_least(shares, 0.97) if there else None))
        rows.append([*row, str(repeats)])
    head = ["start method", "notebook", "bare script", "shell (the ceiling)", "notebook / shell"]
    head += ["notebook / script", "rounds"]
    race = Table(f"Speedup of two processes over serial, counting to {as_far:,} each", head, rows)
    aims += [_aim(method, each) for method, found in added.items() for each in found]
    notes = [
        f"a shell that gains less than {TELLING} has no second core: a share of it says nothing",
        "under spawn and forkserver a worker imports before it counts: notebook / script is ours",
    ]
    return Report("The ceiling", [race, _table(added)], aims, notes, _figures(races, added))


@dataclass(frozen=True)
class Added:
    """What measuring adds, by one of our functions.

    Attributes:
        ratios: wall time of two processes that count, with all around it, over bare ones.
        bare: seconds of the bare ones.
        start_cpu: CPU seconds more than bare of two processes that count to one.
    """

    name: str
    ratios: list[float]
    bare: float
    start_cpu: list[float]


def _added(method: str, to: int, options: Options) -> list[Added]:
    repeats, batches = options.times(3, 6), options.size(1, 3)
    found = []
    for name, condition, job in (
        ("compare", "compared", "two_processes"),
        ("measure_scaling", "scaled", "executor_of_two"),
    ):
        both = ("bare", condition)
        counting = duel(both, method, [(job, to)], repeats, batches)[job]
        starting = duel(both, method, [(job, 1)], 5 * repeats, batches)[job]
        pairs = zip(starting[condition], starting["bare"], strict=True)
        more = [one["cpu"] - other["cpu"] for one, other in pairs]
        bare = middle([one["wall"] for one in counting["bare"]])
        found.append(Added(name, ratios(counting, condition, "whole"), bare, more))
    return found


def _aim(method: str, added: Added) -> Aim:
    says = f"{added.name}, {method}: at most 1 % more than without"
    return Aim(says, judged(added.ratios), at_most(added.ratios, 1.01))


def _table(added: dict[str, list[Added]]) -> Table:
    rows = [
        [
            each.name,
            method,
            spread(each.ratios),
            spread(each.start_cpu, 0.001, 2),
            f"{100 * middle(each.start_cpu) / each.bare:.2f} %",
        ]
        for method, found in added.items()
        for each in found
    ]
    head = ["function", "start method", "counting / bare", "CPU more, counting to 1 [ms]"]
    return Table("What measuring adds to two processes", [*head, "of the time counting"], rows)


def _figures(
    races: dict[str, dict[str, list[float]]], added: dict[str, list[Added]]
) -> dict[str, Any]:
    return {"races": races, "added": {m: [asdict(one) for one in a] for m, a in added.items()}}


if __name__ == "__main__":
    main(measure, __doc__ or "")
