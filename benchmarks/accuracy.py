"""Accuracy: what the lens says of workers, against the operating system and the workers' clocks.

CPU seconds: the kernel's own account of the ended worker, as wait4(2) gives it, where we are
its parent (fork, spawn); the worker's own CPU clock elsewhere.  Start and end: the worker's own
clock at the first and last line of its work.  Core: workers that move from core to core and
write down when.  The drawn timeline: the area of what is painted.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accuracy_workers import KINDS, logged, migrate, read_logs
from report import Aim, Options, Report, Table, main, spread
from workloads import SWARM, swarm

from manybrains import Run, watch
from manybrains.workers.cpu_clock import cpu_of

LIFETIMES = (0.01, 0.05, 0.1, 0.3, 0.6)  # of programs that only looking can find
DYING = 0.05  # seconds that the system may take to end a killed worker
UNKNOWN = float("nan")
ACCOUNTS: dict[int, float] = {}  # by pid, what the kernel said when the worker was reaped


def keep_accounts() -> None:
    """Reap with wait4 whoever is reaped, the lens's workers too, and note what it returns.

    On Linux the lens itself asks the worker's CPU clock: this is the word of another.
    """
    wait4 = os.wait4

    def noting(pid: int, options: int) -> Any:
        pid, status, usage = wait4(pid, options)
        if pid:
            ACCOUNTS[pid] = usage.ru_utime + usage.ru_stime
        return pid, status

    os.waitpid = noting


@dataclass(frozen=True)
class Case:
    """One worker: the errors of what the lens says of it, in seconds, nan where nobody knows."""

    kind: str
    method: str
    account: str
    cpu: float
    lens_cpu: float
    start: float
    end: float

    @property
    def is_right(self) -> bool:
        """Whether the CPU seconds are within 1 % or 2 ms."""
        return abs(self.lens_cpu - self.cpu) <= max(0.002, 0.01 * self.cpu)


def cases_of(kind: str, method: str) -> tuple[list[Case], Run]:
    """Watch two workers of a kind at work; return how far off the lens is."""
    context = multiprocessing.get_context(method)
    with tempfile.TemporaryDirectory() as folder:
        killed: dict[str, dict[str, float]] = {}
        with watch() as run:
            begin = time.perf_counter()
            workers = [context.Process(target=logged, args=(kind, folder)) for _ in range(2)]
            for worker in workers:
                worker.start()
            if kind.startswith("killed"):
                killed = _kill(workers, kind, folder)
            for worker in workers:
                worker.join()
        logs = {name: log | killed.get(name, {}) for name, log in read_logs(folder).items()}
    return [_case(kind, method, run, worker, logs[worker.name], begin) for worker in workers], run


def _kill(workers: list[Any], kind: str, folder: str) -> dict[str, dict[str, float]]:
    """Kill each once it has computed for a tenth of a second; return its clocks at its end."""
    while len([log for log in Path(folder).iterdir() if log.stat().st_size]) < len(workers):
        time.sleep(0.005)
    time.sleep(0.1)
    clocks = {}
    for worker in workers:
        if kind == "killed by kill()":
            worker.kill()
        else:
            os.kill(worker.pid, signal.SIGKILL)
        clocks[worker.name] = _last_clocks(worker.pid)
    return clocks


def _last_clocks(pid: int) -> dict[str, float]:
    """Return the clocks of one that was just killed, as they stood when it last computed.

    It computes until the system takes it off its core, which may be a tick later.
    """
    until, cpu, end = time.perf_counter() + DYING, UNKNOWN, time.perf_counter()
    while (now := cpu_of(pid)) is not None and time.perf_counter() < until:
        if now != cpu:
            cpu, end = now, time.perf_counter()
        time.sleep(0.0002)  # the sampler wants a core as well
    return {"cpu": cpu, "end": end}


def _case(
    kind: str, method: str, run: Run, worker: Any, log: dict[str, float], begin: float
) -> Case:
    lane = next(lane for lane in run.workers if lane.pid == worker.pid)
    if worker.pid in ACCOUNTS:  # with all that it waited for, as the kernel sees it
        account, cpu = "kernel", ACCOUNTS.pop(worker.pid)
        children = [other for other in run.workers if other.parent_pid == lane.pid]
        lens = lane.cpu_seconds + sum(c.cpu_seconds for c in children if c.kind == "process")
    else:
        account, cpu, lens = "own clock", log.get("cpu", UNKNOWN), lane.cpu_seconds
    start = UNKNOWN if lane.started is None else lane.started + begin - log["begin"]
    end = UNKNOWN if lane.ended is None else lane.ended + begin - log.get("end", UNKNOWN)
    return Case(kind, method, account, cpu, lens, start, end)


# --- the core of each sample --------------------------------------------------------------


def cores_right(rounds: int) -> tuple[int, int]:
    """Return how many samples of wandering workers name the right core, of how many."""
    cores = sorted(os.sched_getaffinity(0))
    right = total = 0
    with tempfile.TemporaryDirectory() as folder:
        with watch(interval=0.02) as run:
            begin = time.perf_counter()
            paths = {}
            for number in range(2):
                path = Path(folder) / str(number)
                own = cores[number % len(cores) :] + cores[: number % len(cores)]
                worker = multiprocessing.Process(target=migrate, args=(own, rounds, str(path)))
                worker.start()
                paths[worker] = path
            for worker in paths:
                worker.join()
        for worker, path in paths.items():
            lane = next(place for place, lane in enumerate(run.lanes) if lane.pid == worker.pid)
            for core, came, left in json.loads(path.read_text()):
                seen = [
                    sample.core
                    for sample in run.samples
                    if sample.lane == lane and came < sample.time + begin < left
                ]
                right += seen.count(core)
                total += len(seen)
    return right, total


# --- workers missed -----------------------------------------------------------------------


def missed(method: str, repeats: int) -> int:
    """Return how many of a swarm's workers, all told, are no lane or have no start or end."""
    context = multiprocessing.get_context(method)
    lost = 0
    for _ in range(repeats):
        with watch() as run:
            swarm(context, SWARM)
        whole = [lane for lane in run.workers if None not in (lane.started, lane.ended)]
        lost += SWARM - len(whole)
    return lost


def programs_seen(seconds: float, repeats: int) -> int:
    """Return how many programs, which only looking can find, became lanes."""
    code = f"import time; time.sleep({seconds})"
    seen = 0
    for _ in range(repeats):
        with watch() as run:
            subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
        seen += len(run.workers)
    return seen


# --- what is drawn ------------------------------------------------------------------------


def drawn_share(run: Run) -> float:
    """Return the area that is painted, in CPU seconds, as a share of the run's CPU seconds."""
    from matplotlib.figure import Figure

    from manybrains import plot_timeline

    ax = plot_timeline(run, Figure().subplots())
    paths = [path for c in ax.collections if c.get_label() == "work" for path in c.get_paths()]
    return sum(_area(path.vertices) for path in paths) / run.cpu_seconds


def _area(corners: Any) -> float:
    x, y = corners[:, 0], corners[:, 1]
    return abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) / 2


# --- together -----------------------------------------------------------------------------


def measure(options: Options) -> Report:
    """Hold what the lens says of many workers against what the system and they themselves say."""
    keep_accounts()
    cases: list[Case] = []
    shares: dict[str, list[float]] = {}
    for _ in range(options.times(2, 10)):
        for method in options.methods:
            for kind in KINDS:
                found, run = cases_of(kind, method)
                cases += found
                shares.setdefault(f"{kind}, {method}", []).append(drawn_share(run))
    swarms = options.times(3, 20)
    lost = {method: missed(method, swarms) for method in options.methods}
    programs = options.times(3, 20)
    seen = {seconds: programs_seen(seconds, programs) for seconds in LIFETIMES}
    cores = cores_right(options.size(6, 30)) if hasattr(os, "sched_setaffinity") else None
    tables = [_cpu_table(cases), _clock_table(cases), _area_table(shares)]
    rows = [[method, str(swarms * SWARM), str(count)] for method, count in lost.items()]
    tables.append(Table("Workers of 5 ms missed", ["start method", "workers", "missed"], rows))
    rows = [[f"{1000 * s:.0f} ms", str(programs), str(count)] for s, count in seen.items()]
    title = "Programs by subprocess that became lanes (found by looking, four times a second)"
    tables.append(Table(title, ["lived", "programs", "seen"], rows))
    figures = {"cases": [asdict(case) for case in cases], "shares": shares, "missed": lost}
    figures |= {"programs": seen, "cores": cores}
    return Report("Accuracy", tables, _aims(cases, shares, lost, cores), (), figures)


def _aims(
    cases: list[Case],
    shares: dict[str, list[float]],
    lost: dict[str, int],
    cores: tuple[int, int] | None,
) -> list[Aim]:
    known = [case for case in cases if case.cpu == case.cpu]
    right = sum(case.is_right for case in known)
    starts = [abs(case.start) for case in cases if case.start == case.start]
    ends = [abs(case.end) for case in cases if case.end == case.end]
    off = max(abs(share - 1) for each in shares.values() for share in each)
    aims = [
        Aim(
            "CPU seconds within 1 % or 2 ms of the system's or the worker's account",
            f"{right} of {len(known)} workers",
            right == len(known),
        ),
        _clock_aim("start", starts),
        _clock_aim("end", ends),
        Aim("no worker of 5 ms missed", f"{sum(lost.values())} missed", not any(lost.values())),
        Aim("drawn area within 2 % of the CPU seconds", f"off by {off:.2%} at most", off <= 0.02),
    ]
    if cores is not None:
        figure = f"{cores[0]} of {cores[1]} samples"
        aims.append(Aim("the core of each sample right", figure, cores[0] == cores[1]))
    return aims


def _clock_aim(what: str, errors: list[float]) -> Aim:
    within = sum(error <= 0.002 for error in errors)
    figure = f"{within} of {len(errors)} within, worst {1000 * max(errors):.2f} ms"
    return Aim(f"{what} within 2 ms of the worker's own clock", figure, within == len(errors))


def _cpu_table(cases: list[Case]) -> Table:
    rows = []
    for key in sorted({(case.kind, case.method, case.account) for case in cases}):
        same = [case for case in cases if (case.kind, case.method, case.account) == key]
        known = [case for case in same if case.cpu == case.cpu]
        errors = [case.lens_cpu - case.cpu for case in known]
        worst = f"{1000 * max(errors, key=abs):+.2f}" if errors else "nobody knows"
        right = f"{sum(case.is_right for case in known)} of {len(known)}"
        rows.append([*key, spread(errors, 0.001, 2), worst, right])
    head = ["work", "start method", "against", "lens less account [ms]", "worst [ms]", "right"]
    return Table("CPU seconds of a worker", head, rows)


def _clock_table(cases: list[Case]) -> Table:
    rows = []
    for key in sorted({(case.kind, case.method) for case in cases}):
        same = [case for case in cases if (case.kind, case.method) == key]
        starts = [case.start for case in same if case.start == case.start]
        ends = [case.end for case in same if case.end == case.end]
        worst = [f"{1000 * max(e, key=abs):+.2f}" if e else "" for e in (starts, ends)]
        rows.append([*key, spread(starts, 1e-3, 2), worst[0], spread(ends, 1e-3, 2), worst[1]])
    head = ["work", "start method", "start: lens less worker [ms]", "worst [ms]"]
    head += ["end: lens less worker [ms]", "worst [ms]"]
    return Table("First and last line of a worker", head, rows)


def _area_table(shares: dict[str, list[float]]) -> Table:
    rows = [[kind, spread(each, 1, 4), f"{min(each):.4f}"] for kind, each in shares.items()]
    return Table("Drawn area over CPU seconds", ["work, start method", "share", "least"], rows)


if __name__ == "__main__":
    main(measure, __doc__ or "")
