"""Scale: what a worker costs, what a look costs, and what a long watch leaves behind.

Watching is measured with 2 to 256 workers alive at once; hours are made up, by looks that
pass through the sampler's own thinning at full speed.
"""

import contextlib
import multiprocessing
import os
import statistics
import time

from contender import CONDITIONS, Figures, duel
from long_runs import figures_of
from report import Aim, Options, Report, Table, at_most, judged, main, spread
from workloads import count

from manybrains import watch
from manybrains.sampler.procfs import all_pids
from manybrains.workers.cpu_clock import cpu_of
from manybrains.workers.session import current_session

LOOKS_WANTED = 20  # a second
CROWDS = (2, 16, 64, 256)
# Seconds that are watched, and workers.
QUICK = ((10, 2), (60, 2), (3600, 2), (60, 64))
FULL = ((10, 2), (60, 2), (600, 2), (3600, 2), (10, 64), (60, 64), (600, 64), (3600, 64), (60, 256))
Looks = list[dict[str, float]]
Pipe = tuple[int, int]


def sampler_cpu() -> float:
    """Return the CPU seconds of the sampler, by now."""
    session = current_session()
    assert session is not None
    [pid] = [pid for pid, name in session.helpers.items() if name == "sampler"]
    cpu = cpu_of(pid)
    return float("nan") if cpu is None else cpu


def blocked_until(begin: Pipe, end: Pipe) -> None:
    os.close(begin[1])
    os.close(end[1])
    os.read(end[0], 1)  # returns when the last writer has closed


def compute_until(begin: Pipe, end: Pipe) -> None:
    os.close(begin[1])
    os.close(end[1])
    os.read(begin[0], 1)
    os.set_blocking(end[0], False)
    while True:
        count(10_000)
        with contextlib.suppress(BlockingIOError):
            os.read(end[0], 1)
            return


def looked_at(kind: str, workers: int, seconds: float) -> dict[str, float]:
    """Watch that many workers for a while; return what the sampler used when all were there."""
    context = multiprocessing.get_context("fork")
    begin, end = os.pipe(), os.pipe()
    work = {"computing": compute_until, "blocked": blocked_until}[kind]
    processes = [context.Process(target=work, args=(begin, end)) for _ in range(workers)]
    with watch(interval=1 / LOOKS_WANTED) as run:
        entered = time.perf_counter()
        for process in processes:
            process.start()
        os.close(begin[1])
        time.sleep(0.2)
        cpu, began = sampler_cpu(), time.perf_counter()
        time.sleep(seconds)
        cpu, ended = sampler_cpu() - cpu, time.perf_counter()
        os.close(end[1])
        for process in processes:
            process.join()
    for descriptor in (begin[0], end[0]):
        os.close(descriptor)
    looks = [s for s in run.samples if s.lane == 0 and began < s.time + entered < ended]
    return {"cpu": cpu, "wall": ended - began, "rounds": len(looks), "lanes": workers + 1}


def search_seconds() -> float:
    """Return what one search for programs costs the sampler: it lists every process there is."""
    began, times = time.process_time(), 50
    for _ in range(times):
        all_pids()
    return (time.process_time() - began) / times


# --- together -----------------------------------------------------------------------------


def measure(options: Options) -> Report:
    """Measure crowds of workers, and long watches that are made up."""
    crowds = CROWDS[: options.size(3, 4)]
    repeats, batches = options.times(3, 10), options.size(1, 3)
    births = {
        n: duel(CONDITIONS, "fork", [("crowd", n)], repeats, batches)["crowd"] for n in crowds
    }
    seconds, again = options.size(1.0, 5.0), options.times(1, 5)
    looks = {
        (kind, crowd): [looked_at(kind, crowd, seconds) for _ in range(again)]
        for kind in ("blocked", "computing")
        for crowd in crowds
        if kind == "blocked" or crowd <= 64
    }
    long = [figures_of(*each) for each in options.size(QUICK, FULL)]
    search = search_seconds()
    note = (
        f"a search for programs, four times a second, takes {1e6 * search:.0f} microseconds "
        f"of CPU with {len(all_pids())} processes on the machine"
    )
    figures = {"births": births, "long": long, "search_seconds": search}
    figures["looks"] = {f"{kind} {crowd}": each for (kind, crowd), each in looks.items()}
    tables = [_births_table(births), _looks_table(looks), *_long_tables(long)]
    return Report("Scale", tables, _aims(looks, long), [note], figures)


def share(looks: Looks) -> list[float]:
    """Return how much of one core the sampler used."""
    return [one["cpu"] / one["wall"] for one in looks]


def fitted(looks: dict[tuple[str, int], Looks], kind: str) -> tuple[float, float]:
    """Return the sampler's CPU seconds for each lane and look, and for each round of looks."""
    all_of_kind = [one for (each, _), ones in looks.items() for one in ones if each == kind]
    lanes = [one["lanes"] for one in all_of_kind]
    rounds = [one["cpu"] / max(1.0, one["rounds"]) for one in all_of_kind]
    line = statistics.linear_regression(lanes, rounds)
    return line.slope, line.intercept


def per_look(looks: Looks) -> list[float]:
    """Return the sampler's CPU seconds for each lane and look."""
    return [one["cpu"] / max(1.0, one["rounds"] * one["lanes"]) for one in looks]


def _aims(looks: dict[tuple[str, int], Looks], long: Looks) -> list[Aim]:
    aims = []
    for kind in ("blocked", "computing"):
        slope, constant = fitted(looks, kind)
        figure = f"{1e6 * slope:.1f}, and {1e6 * constant:.0f} for each round of looks"
        says = f"{kind} workers: at most 20 microseconds of CPU more for each lane and look"
        aims.append(Aim(says, figure, slope <= 20e-6))
    for (kind, crowd), each in looks.items():
        if crowd in (2, 64):
            limit = {2: 0.005, 64: 0.03}[crowd]
            says = f"{crowd} {kind} workers: the sampler uses at most {100 * limit:g} % of one core"
            figure = f"{judged(share(each), 0.01, 2)} %"
            aims.append(Aim(says, figure, at_most(share(each), limit)))
    for one in long:
        limit = 1.0 if one["seconds"] >= 3600 else 0.3
        if one["workers"] <= 64:
            says = (
                f"{one['seconds']:.0f} s, {one['workers']:.0f} workers: drawn in {limit:g} s of CPU"
            )
            took = one["timeline_seconds"]
            aims.append(Aim(says, f"{took:.3f} s", took <= limit))
    return aims


def _births_table(births: dict[int, Figures]) -> Table:
    rows = []
    for crowd, figures in births.items():
        bare = [run["wall"] / crowd for run in figures["bare"]]
        row = [str(crowd), spread(bare, 1e-3)]
        for condition, kind in (("hooked", "wall"), ("watched", "wall"), ("watched", "whole")):
            pairs = zip(figures[condition], figures["bare"], strict=True)
            row.append(spread([(one[kind] - base["wall"]) / crowd for one, base in pairs], 1e-3))
        rows.append(row)
    head = ["workers at once", "bare [ms]", "hooked: more [ms]", "watched: more [ms]"]
    head.append("with entering and leaving: more [ms]")
    return Table("Wall time for each worker, started by fork and joined", head, rows)


def _looks_table(looks: dict[tuple[str, int], Looks]) -> Table:
    rows = [
        [
            f"{crowd} {kind}",
            spread([one["rounds"] / one["wall"] for one in each], 1, 1),
            spread(share(each), 0.01, 2),
            spread(per_look(each), 1e-6, 1),
        ]
        for (kind, crowd), each in looks.items()
    ]
    head = ["workers", "looks a second", "CPU of one core [%]", "CPU per lane and look [µs]"]
    return Table(f"The sampler's own use at {LOOKS_WANTED} looks a second", head, rows)


def _long_tables(long: Looks) -> list[Table]:
    sizes, times = [], []
    for one in long:
        length = [f"{one['seconds']:.0f} s", f"{one['workers']:.0f}"]
        kept = one["looks"] / (one["seconds"] * LOOKS_WANTED * (one["workers"] + 1))
        megabytes = [f"{one[each] / 1e6:.2f}" for each in ("memory_bytes", "json_bytes")]
        sizes.append([*length, f"{one['looks']:.0f}", f"{100 * kept:.1f}", *megabytes])
        kinds = ("assemble", "to_json", "from_json", "timeline", "cores", "memory")
        times.append([*length, *(f"{one[f'{kind}_seconds']:.3f}" for kind in kinds)])
    head = ["watched", "workers", "looks kept", "of all [%]", "Run in memory [MB]", "JSON [MB]"]
    doing = ["assemble [s]", "to_json [s]", "from_json [s]", "timeline [s]", "cores [s]"]
    return [
        Table("What a long watch leaves behind", head, sizes),
        Table("The CPU time it takes, fastest of three", [*head[:2], *doing, "memory [s]"], times),
    ]


if __name__ == "__main__":
    main(measure, __doc__ or "")
