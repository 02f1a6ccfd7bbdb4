"""The end of a worker's lane against the word of the system, whatever the worker does last.

A witness, a process with pidfds of its own, notes when each worker is gone; it runs before
everybody else.  A second one waits for a core like the sampler: what it is told late, because all
cores are busy with workers that end, the sampler is told late too.  What the CPU
seconds are held against is the kernel's own account where we are the parent (fork, spawn), and
what the worker counted itself at its last instruction under forkserver: at least that much.
"""

import multiprocessing
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from report import CHECKOUT, Aim, Options, Table, spread

from manybrains import Run

sys.path.insert(0, str(CHECKOUT / "tests"))
from ways_to_end import STARTERS, STUCK, WAYS, Ended, Witness, end_by, notes_of, witness

__all__ = ["End", "aims_of_ends", "measure_ends", "tables_of_ends"]

WANTED = 0.005  # seconds between the end of a lane and the system's word
DEADLINE = 2.0  # seconds of the block that hangs
CHANCE = 0.02  # of the ends: which of two processes gets a core first


@dataclass(frozen=True)
class End:
    """One worker's end: what the lens says, less what the system says, in seconds.

    `told` is how late the witness was told that has to wait for a core; `looks_after` are looks
    that lie after the end of the lane, or after the system's word.
    """

    way: str
    starter: str
    method: str
    late: float
    told: float
    cpu: float
    looks_after: int
    by_kernel: bool


class Witnesses(Witness):
    """The first witness, and beside it the one that has to wait for a core."""

    def __init__(self, first: Witness, in_turn: Witness) -> None:
        self._first, self._in_turn = first, in_turn

    def look_at(self, pid: int) -> None:
        """Let both wait for the end of this process."""
        self._first.look_at(pid)
        self._in_turn.look_at(pid)

    def end_of(self, pid: int) -> float:
        """Return when this process was gone, as the first was told."""
        return self._first.end_of(pid)

    def told_late(self, pid: int) -> float:
        """Return how much later the other was told."""
        return self._in_turn.end_of(pid) - self._first.end_of(pid)


def measure_ends(options: Options, accounts: Mapping[int, float]) -> list[End]:
    """Watch workers end in every way; `accounts` has what the kernel says of each, by pid."""
    ends: list[End] = []
    with witness() as first, witness("in turn") as second:
        seen_by = Witnesses(first, second)
        for _ in range(options.times(1, 10)):
            for method in options.methods:
                for starter in STARTERS:
                    others = [way for way in WAYS if way != STUCK]
                    together = [others] if options.quick else [[way] for way in others]
                    for ways in [*together, [STUCK]]:
                        ends += _block(starter, method, ways, seen_by, accounts)
    return ends


def _block(
    starter: str, method: str, ways: list[str], seen_by: Witnesses, accounts: Mapping[int, float]
) -> list[End]:
    context = multiprocessing.get_context(method)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deadline = DEADLINE if ways == [STUCK] else 60.0
        run, workers = end_by([starter], context, ways, folder, seen_by, deadline)
        return [_end(starter, method, run, one, folder, seen_by, accounts) for one in workers]


def _end(
    starter: str,
    method: str,
    run: Run,
    one: Ended,
    folder: Path,
    seen_by: Witnesses,
    accounts: Mapping[int, float],
) -> End:
    processes = [lane for lane in run.workers if lane.kind == "process"]
    lane = next(lane for lane in processes if lane.pid == one.pid)
    gone, index = seen_by.end_of(one.pid) - one.began, run.lanes.index(lane)
    ended = float("nan") if lane.ended is None else lane.ended
    known = accounts.get(one.pid)
    if known is not None:  # with all that it waited for, as the kernel sees it
        children = [other.cpu_seconds for other in processes if other.parent_pid == one.pid]
        cpu = lane.cpu_seconds + sum(children) - known
    else:
        cpu = lane.cpu_seconds - notes_of(folder, one.pid)[-1][1]
    looks = [sample.time for sample in run.samples if sample.lane == index]
    after = sum(time > min(ended, gone) for time in looks)
    told = seen_by.told_late(one.pid)
    return End(one.way, starter, method, ended - gone, told, cpu, after, known is not None)


def tables_of_ends(ends: list[End]) -> list[Table]:
    """Return how late each kind of end is seen, and its CPU seconds."""
    methods = list(dict.fromkeys(end.method for end in ends))
    head = ["last", "by", *methods]
    late, used = [], []
    for way in WAYS:
        for starter in STARTERS:
            same = [end for end in ends if (end.way, end.starter) == (way, starter)]
            each = [[end for end in same if end.method == method] for method in methods]
            late.append([way, starter, *(_late(those) for those in each)])
            used.append([way, starter, *(_used(those) for those in each)])
    return [
        Table("End of a lane less the system's word [ms]; worst; looks after it", head, late),
        Table("CPU seconds less the kernel's account (forkserver: its own count) [ms]", head, used),
    ]


def _late(ends: list[End]) -> str:
    worst = max((1000 * end.late for end in ends), key=abs, default=float("nan"))
    after = sum(end.looks_after for end in ends)
    return f"{spread([end.late for end in ends], 1e-3, 1)}; {worst:+.1f}; {after}"


def _used(ends: list[End]) -> str:
    return spread([end.cpu for end in ends], 1e-3, 2)


def aims_of_ends(ends: list[End]) -> list[Aim]:
    """Return whether lanes end when their processes do."""
    within = sum(abs(end.late) <= WANTED for end in ends)
    told = sum(end.told <= WANTED for end in ends)
    worst = max((1000 * end.late for end in ends), key=abs)
    after = sum(end.looks_after for end in ends)
    short = sum(end.cpu < -0.002 for end in ends)
    return [
        Aim(
            "a lane ends within 5 ms, as often as the system tells an ordinary process so",
            f"{within} of {len(ends)} workers, worst {worst:+.1f} ms; a process that does "
            f"nothing but wait for them is told that of {told}",
            within >= told - CHANCE * len(ends),
        ),
        Aim("no look lies after an end", f"{after} looks", after == 0),
        Aim(
            "no more than 2 ms of CPU time is missing at an end",
            f"{len(ends) - short} of {len(ends)} workers",
            short == 0,
        ),
    ]
