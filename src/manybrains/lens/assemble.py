"""Joins what workers noted of themselves with what the sampler saw into lanes and samples.

Pure: lives and looks in, lanes and samples out; no clock, no process is touched.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..records.run import Lane, Sample
from .lifetimes import Life

__all__ = ["Block", "Look", "assemble"]

Look = tuple[float, int, int, float, int | None, int | None]
_IDLE = 0.001  # CPU seconds below which a worker of an earlier block was not at work in this one


@dataclass(frozen=True, slots=True)
class Block:
    """A watched block, as it stands when it is over; times on the clock of perf_counter.

    Attributes:
        begin, end: the block's first and last moment.
        pid, name: of the watched process; cpu_seconds what it used in the block, threads included.
        lives: what the journal tells.
        looks: (time, pid, thread id or 0, cpu_seconds, core, memory_bytes) by the sampler.
        gone: when the sampler saw a process end, by pid.
        others: (pid, name, parent pid) of processes that the journal does not know.
        alive: CPU seconds by now of the workers that outlive the block, by pid and thread id or 0.
        baseline: CPU seconds at the beginning of the watched process and of workers that were
            there before, likewise; None where their clock cannot be asked.
    """

    begin: float
    end: float
    pid: int
    name: str
    cpu_seconds: float
    lives: Sequence[Life]
    looks: Sequence[Look] = ()
    gone: Mapping[int, float] = field(default_factory=dict)
    others: Sequence[tuple[int, str, int]] = ()
    alive: Mapping[tuple[int, int], float | None] = field(default_factory=dict)
    baseline: Mapping[tuple[int, int], float | None] = field(default_factory=dict)


def assemble(block: Block) -> tuple[tuple[Lane, ...], tuple[Sample, ...]]:
    """Return the lanes of a block, the watched process first, and the samples of each."""
    seen: dict[tuple[int, int], list[Look]] = {}
    for look in block.looks:
        seen.setdefault((look[1], look[2]), []).append(look)
    lives = sorted(_relevant(block, seen), key=lambda life: life.requested or life.started or 0.0)
    found = [_lane(block, life, seen.get((life.pid, life.thread_id or 0), ())) for life in lives]
    workers = [(lane, base) for lane, base in found if _worked(lane)]
    threads = [(lane, base) for lane, base in workers if lane.thread_id and lane.pid == block.pid]
    in_threads = math.fsum(lane.cpu_seconds for lane, _ in threads)
    main = Lane(
        "main",
        block.name,
        block.pid,
        started=0.0,
        ended=block.end - block.begin,
        cpu_seconds=max(0.0, block.cpu_seconds - in_threads),
    )
    bases = {(lane.pid, lane.thread_id or 0): base for lane, base in threads}
    samples = _main_samples(block, bases)
    for index, (lane, base) in enumerate(workers, start=1):
        for time, _, _, cpu, core, memory in seen.get((lane.pid, lane.thread_id or 0), ()):
            if (lane.ended is None or time <= block.begin + lane.ended) and time <= block.end:
                used = max(0.0, cpu - base)
                samples.append(Sample(time - block.begin, index, used, core, memory))
    samples.sort(key=lambda sample: (sample.time, sample.lane))
    return (main, *(lane for lane, _ in workers)), tuple(s for s in samples if s.time >= 0)


def _relevant(block: Block, seen: Mapping[tuple[int, int], list[Look]]) -> Iterable[Life]:
    """Yield those whose life touches the block, whoever told of them."""
    told = set()
    for life in block.lives:
        first = life.requested if life.requested is not None else life.started
        told.add(life.pid)
        if first is not None and first <= block.end and (life.ended or block.end) >= block.begin:
            yield life
    for pid, name, parent in block.others:
        if pid not in told and (looks := seen.get((pid, 0))):
            known_cpu = looks[-1][3] if pid in block.gone else None
            yield Life(
                pid,
                parent_pid=parent,
                name=name,
                started=looks[0][0],
                ended=block.gone.get(pid),
                own_cpu=known_cpu,
            )


def _worked(lane: Lane) -> bool:
    begun = lane.requested if lane.requested is not None else lane.started
    return begun is None or begun >= 0 or lane.cpu_seconds >= _IDLE


def _lane(block: Block, life: Life, looks: Sequence[Look]) -> tuple[Lane, float]:
    """Return the lane of a life, and the CPU seconds it had used before the block."""
    first = life.requested if life.requested is not None else life.started
    base = 0.0
    if first is not None and first < block.begin:
        known = block.baseline.get((life.pid, life.thread_id or 0))
        base = known if known is not None else looks[0][3] if looks else 0.0
    ended = _end_of(block, life)
    total = _total(block, life, looks, ended)

    def since(moment: float | None) -> float | None:
        return None if moment is None else moment - block.begin

    lane = Lane(
        "thread" if life.thread_id else "process",
        life.name,
        life.pid,
        life.parent_pid,
        thread_id=life.thread_id,
        requested=since(life.requested),
        started=since(life.started),
        ended=since(ended),
        cpu_seconds=max(0.0, total - base),
        exit_code=life.exit_code if ended is not None else None,
    )
    return lane, base


def _end_of(block: Block, life: Life) -> float | None:
    """Return the worker's last instruction; of one that was killed, when its end was seen."""
    if life.own_cpu is not None:
        ended = life.ended
    else:
        known = [t for t in (life.ended, block.gone.get(life.pid)) if t is not None]
        ended = min(known) if known and not life.thread_id else None
    # Reaped while the block was being closed: for the reader that is its end as well.
    return None if ended is None else min(ended, block.end)


def _total(block: Block, life: Life, looks: Sequence[Look], ended: float | None) -> float:
    if ended is None:
        now = block.alive.get((life.pid, life.thread_id or 0))
        return now if now is not None else looks[-1][3] if looks else life.cpu_seconds or 0.0
    if life.cpu_seconds is not None and (life.kernel_cpu is not None or life.own_cpu is not None):
        return life.cpu_seconds
    last = looks[-1][3] if looks else 0.0
    if life.shot_cpu is not None:
        return max(life.shot_cpu, last)
    return last + _since_last_look(looks, ended)


def _since_last_look(looks: Sequence[Look], ended: float) -> float:
    """Estimate what was used after the last look, at the rate of the look before."""
    if len(looks) < 2:
        return 0.0
    before, last = looks[-2], looks[-1]
    rate = (last[3] - before[3]) / (last[0] - before[0])
    return min(rate, 1.0) * min(max(0.0, ended - last[0]), last[0] - before[0])


def _main_samples(block: Block, threads: Mapping[tuple[int, int], float]) -> list[Sample]:
    """Return the samples of the watched process, less what its thread lanes used.

    Those are given with the CPU seconds that each had used before the block.
    """
    samples: list[Sample] = []
    totals: dict[tuple[int, int], float] = {}
    rounds: list[tuple[Look, float]] = []
    main: Look | None = None
    for look in block.looks:  # a round of looks begins with the watched process
        if (look[1], look[2]) == (block.pid, 0):
            if main is not None:
                rounds.append((main, math.fsum(totals.values())))
            main = look
        elif (look[1], look[2]) in threads:
            totals[look[1], look[2]] = look[3] - threads[look[1], look[2]]
    if main is not None:
        rounds.append((main, math.fsum(totals.values())))
    if not rounds:
        return samples
    known = block.baseline.get((block.pid, 0))
    base = known if known is not None else rounds[0][0][3] - rounds[0][1]
    for (time, _, _, cpu, core, memory), in_threads in rounds:
        used = max(0.0, cpu - in_threads - base)
        if time <= block.end:
            samples.append(Sample(time - block.begin, 0, used, core, memory))
    return samples
