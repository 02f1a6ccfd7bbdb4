"""Disturbance: how much longer work takes because it is watched.

Three Pythons run the same work in turn: one that has never seen the lens, one with its hooks
installed, one that watches.  The ratio is taken of each pair of neighbours.
"""

from contender import CONDITIONS, Figures, duel, ratios
from report import Aim, Options, Report, Table, at_most, judged, main, spread
from workloads import SWARM, counts_in

# Name, what it is, whether the start method matters to it, the aim for its ratio.
WORK = {
    "two_processes": ("two CPU-bound processes", True, 1.01),
    "two_threads": ("two CPU-bound threads", False, 1.01),
    "serial": ("CPU-bound, serial", False, 1.01),
    "swarm": (f"{SWARM} workers of 5 ms", True, 1.05),
    "pool_in_chunks": ("Pool of 2, tiny tasks in chunks", True, 1.01),
    "pool_one_by_one": ("Pool of 2, tiny tasks one by one", True, 1.01),
    "executor_one_by_one": ("ProcessPoolExecutor of 2, tiny tasks", True, 1.01),
    "fan_out": ("asyncio fan-out", False, 1.01),
}


def sizes(options: Options) -> dict[str, int]:
    """Return how much of each there is to do: about a second of computing, less if quick."""
    to = counts_in(options.size(0.25, 1.0))
    tasks = options.size(2_000, 10_000)
    return {
        "two_processes": to,
        "two_threads": to // 2,
        "serial": to // 2,
        "swarm": SWARM,
        "pool_in_chunks": tasks,
        "pool_one_by_one": tasks,
        "executor_one_by_one": tasks // 2,
        "fan_out": options.size(500, 2_000),
    }


def measure(options: Options) -> Report:
    """Compare bare, hooked and watched runs of every workload under every start method."""
    todo = sizes(options)
    found: dict[str, dict[str, Figures]] = {}
    for place, method in enumerate(options.methods):
        jobs = [
            (name, todo[name]) for name, (_, matters, _) in WORK.items() if matters or not place
        ]
        repeats, batches = options.times(3, 6), options.size(1, 4)
        found[method] = duel(CONDITIONS, method, jobs, repeats, batches)
    rows, aims = [], []
    for name, (words, matters, aim) in WORK.items():
        for method in [m for m in found if name in found[m]]:
            figures = found[method][name]
            where = method if matters else "any"
            rows.append([words, where, *_cells(figures)])
            whole = ratios(figures, "watched", "whole")
            says = f"{words}, {where}: watched / bare at most {aim}"
            aims.append(Aim(says, judged(whole), at_most(whole, aim)))
    head = ["work", "start method", "bare [s]", "hooked / bare", "watched / bare"]
    head += [
        "with entering and leaving / bare",
        "fastest / fastest",
        "CPU time watched / bare",
        "pairs",
    ]
    table = Table("Wall time, medians and quartiles of pairs", head, rows)
    note = "Judged is the time with entering and leaving the watched block."
    return Report("Disturbance", [table], aims, [note], {"sizes": todo, "runs": found})


def _cells(figures: Figures) -> list[str]:
    bare = [run["wall"] for run in figures["bare"]]
    fastest = min(run["whole"] for run in figures["watched"]) / min(bare)
    return [
        spread(bare),
        spread(ratios(figures, "hooked")),
        spread(ratios(figures, "watched")),
        spread(ratios(figures, "watched", "whole")),
        f"{fastest:.3f}",
        spread(ratios(figures, "watched", "cpu")),
        str(len(bare)),
    ]


if __name__ == "__main__":
    main(measure, __doc__ or "")
