"""Joins the notes of the workers and the looks of the sampler into lanes and samples.

Pure: observations in, lanes and samples out.  It reads no clock and touches no process.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..records.memory_look import MemoryLook
from ..records.run import Lane, Sample
from .lifetimes import Lifetime
from .observations import Exit, Key, Look, Observations

__all__ = [
    "Worker",
    "assemble",
    "base_of",
    "end_of",
    "end_of_thread",
    "lane_of",
    "memory_looks",
    "worked",
]

_IDLE = 0.001  # CPU seconds: a worker of an earlier block that used less did not work in this one


@dataclass(frozen=True, slots=True)
class Worker:
    """A lifetime that overlaps the block, with what was seen of it.

    Attributes:
        looks: the looks during its life.
        exit: the end of its process, if the sampler saw it.
        end: when it was gone; None if it outlives the block, or if that is not known.
        base: CPU seconds that it had used before the block.
    """

    life: Lifetime
    looks: Sequence[Look]
    exit: Exit | None
    end: float | None
    base: float = 0.0

    @property
    def key(self) -> Key:
        return self.life.pid, self.life.thread_id or 0


def assemble(seen: Observations) -> tuple[tuple[Lane, ...], tuple[Sample, ...]]:
    """Return the lanes of a block, the watched process first, and the samples of each."""
    workers = sorted(_workers(seen), key=lambda one: one.life.first_moment or 0.0)
    pairs = [(worker, lane_of(seen, worker)) for worker in workers]
    pairs = [(worker, lane) for worker, lane in pairs if worked(lane)]
    own_threads = [(w, lane) for w, lane in pairs if lane.thread_id and lane.pid == seen.pid]
    in_threads = math.fsum(lane.cpu_seconds for _, lane in own_threads)
    main = Lane(
        "main",
        seen.name,
        seen.pid,
        started=0.0,
        ended=seen.end - seen.begin,
        cpu_seconds=max(0.0, seen.cpu_seconds - in_threads),
        stood_at=seen.stood_at.get((seen.pid, 0), ""),
    )
    samples = _main_samples(seen, {worker.key: worker.base for worker, _ in own_threads})
    for index, (worker, _) in enumerate(pairs, start=1):
        samples += _samples(seen, worker, index)
    samples = [sample for sample in samples if sample.time >= 0]
    samples.sort(key=lambda sample: (sample.time, sample.lane))
    return (main, *(lane for _, lane in pairs)), tuple(samples)


def memory_looks(seen: Observations, lanes: Sequence[Lane]) -> tuple[MemoryLook, ...]:
    """Return the looks at the memory of these lanes; a pid may belong to several, one by one."""
    found: list[MemoryLook] = []
    for moment, pid, resident, private in seen.memory:
        time = moment - seen.begin
        alive = [
            index
            for index, lane in enumerate(lanes)
            if lane.pid == pid and lane.kind != "thread" and _was_there(lane, time)
        ]
        if alive and 0 <= time <= seen.end - seen.begin:
            found.append(MemoryLook(time, alive[-1], resident, private))
    return tuple(found)


def _was_there(lane: Lane, time: float) -> bool:
    known = [t for t in (lane.requested, lane.started) if t is not None]
    return min(known, default=0.0) <= time and (lane.ended is None or time <= lane.ended)


def _workers(seen: Observations) -> Iterable[Worker]:
    """Yield every worker that lived in the block, from all sources: processes, then threads."""
    looks: dict[Key, list[Look]] = {}
    for look in seen.looks:
        looks.setdefault((look.pid, look.thread), []).append(look)
    exits: dict[int, list[Exit]] = {}
    for ended in seen.exits:
        exits.setdefault(ended.pid, []).append(ended)
    ends: dict[int, float | None] = {}
    for life in sorted(_lifetimes(seen, looks), key=lambda life: life.thread_id is not None):
        first = life.first_moment
        if first is None or first > seen.end:
            continue
        found = [one for one in exits.get(life.pid, ()) if one.time >= first]
        known = found[0] if found and not life.thread_id else None
        own = looks.get((life.pid, life.thread_id or 0), [])
        own = [look for look in own if look.time >= first or first < seen.begin]
        end = end_of(life, own, known) if not life.thread_id else end_of_thread(life, ends)
        if not life.thread_id:
            ends[life.pid] = end
        if end is None or end >= seen.begin:
            own = [look for look in own if end is None or look.time <= end]
            # It may have been reaped just after the block: for the reader it ended with the block.
            end = None if end is None else min(end, seen.end)
            yield Worker(life, own, known, end, base_of(seen, life, own))


def _lifetimes(seen: Observations, looks: Mapping[Key, Sequence[Look]]) -> Iterable[Lifetime]:
    """Yield the lifetimes of the log, and one for each process that only the sampler found."""
    yield from seen.lifetimes
    told = {life.pid for life in seen.lifetimes}
    for pid, name, parent in seen.unrecorded:
        if pid not in told and (pid, 0) in looks:
            yield Lifetime(pid, name=name, parent=parent, started=looks[pid, 0][0].time)


def end_of(life: Lifetime, looks: Sequence[Look], exit_: Exit | None) -> float | None:
    """Return when a process was gone.

    What the system told the sampler counts first, if it is exact.  Next counts the last own
    instruction, unless a look saw the process alive after it: exit handlers, feeder threads
    and children can keep a process alive for long.  Last counts when its parent was told of its
    end, which may be much later.
    """
    if exit_ is not None and exit_.is_exact:
        return exit_.time if life.reaped is None else min(exit_.time, life.reaped)
    if life.finished is not None and not any(look.time > life.finished for look in looks):
        return life.finished
    told = [t for t in (life.reaped, exit_.time if exit_ else None) if t is not None]
    return min(told, default=None)


def end_of_thread(life: Lifetime, ends: Mapping[int, float | None]) -> float | None:
    """Return the moment of a thread's last instruction; if it has none, its process's end."""
    return life.finished if life.finished is not None else ends.get(life.pid)


def base_of(seen: Observations, life: Lifetime, looks: Sequence[Look]) -> float:
    """Return the CPU seconds that a worker had used before the block."""
    first = life.first_moment
    if first is None or first >= seen.begin:
        return 0.0
    known = seen.baseline.get((life.pid, life.thread_id or 0))
    if known is not None:
        return known
    return looks[0].cpu_seconds if looks else 0.0


def worked(lane: Lane) -> bool:
    """Tell whether a worker belongs into the picture: one of an earlier block that worked, too."""
    begun = lane.requested if lane.requested is not None else lane.started
    return begun is None or begun >= 0 or lane.cpu_seconds >= _IDLE


def lane_of(seen: Observations, worker: Worker) -> Lane:
    """Return the lane of a worker, with what is known of it by now."""
    life = worker.life

    def since(moment: float | None) -> float | None:
        return None if moment is None else moment - seen.begin

    parent = life.parent if life.parent is not None else life.asker
    return Lane(
        "thread" if life.thread_id else "process",
        life.name,
        life.pid,
        parent,
        life.asker if life.asker != parent else None,
        life.thread_id,
        since(life.requested),
        since(life.started),
        since(worker.end),
        max(0.0, _total(seen, worker) - worker.base),
        life.exit_code if worker.end is not None else None,
        seen.stood_at.get(worker.key, ""),
    )


def _total(seen: Observations, worker: Worker) -> float:
    """Return the CPU seconds of a worker from its birth to its end, or to the block's end."""
    life, looks = worker.life, worker.looks
    last = looks[-1].cpu_seconds if looks else 0.0
    if worker.end is None:
        now = seen.alive.get(worker.key)
        return now if now is not None else max(last, life.own_cpu or 0.0)
    if life.system_cpu is not None:
        return max(life.system_cpu - life.children_cpu, life.own_cpu or 0.0)
    at_exit = worker.exit.cpu_seconds if worker.exit is not None else None
    told = [cpu for cpu in (life.own_cpu, at_exit, life.cpu_before_kill) if cpu is not None]
    if told:
        return max(last, *told)
    return last + _since_last_look(looks, worker.end)


def _since_last_look(looks: Sequence[Look], ended: float) -> float:
    """Estimate the CPU time after the last look, at the rate between the last two looks."""
    if len(looks) < 2:
        return 0.0
    before, last = looks[-2], looks[-1]
    if last.time <= before.time:
        return 0.0
    rate = (last.cpu_seconds - before.cpu_seconds) / (last.time - before.time)
    return min(rate, 1.0) * min(max(0.0, ended - last.time), last.time - before.time)


def _samples(seen: Observations, worker: Worker, index: int) -> Iterable[Sample]:
    for time, _, _, cpu, core, memory in worker.looks:
        if time <= seen.end:
            used = max(0.0, cpu - worker.base)
            yield Sample(time - seen.begin, index, used, core, memory)


def _main_samples(seen: Observations, bases: Mapping[Key, float]) -> list[Sample]:
    """Return the samples of the watched process, without what its thread lanes used.

    Args:
        bases: the CPU seconds that each of those threads had used before the block.
    """
    samples: list[Sample] = []
    rounds = _rounds(seen, bases)
    if not rounds:
        return samples
    known = seen.baseline.get((seen.pid, 0))
    first, in_threads = rounds[0]
    base = known if known is not None else first.cpu_seconds - in_threads
    for look, in_threads in rounds:
        used = max(0.0, look.cpu_seconds - in_threads - base)
        if look.time <= seen.end:
            time = look.time - seen.begin
            samples.append(Sample(time, 0, used, look.core, look.memory_bytes))
    return samples


def _rounds(seen: Observations, bases: Mapping[Key, float]) -> list[tuple[Look, float]]:
    """Return each look at the watched process, with what its threads had used by then."""
    rounds: list[tuple[Look, float]] = []
    totals: dict[Key, float] = {}
    main: Look | None = None
    for look in seen.looks:  # a round of looks begins with the watched process
        if (look.pid, look.thread) == (seen.pid, 0):
            if main is not None:
                rounds.append((main, math.fsum(totals.values())))
            main = look
        elif (look.pid, look.thread) in bases:
            key = look.pid, look.thread
            totals[key] = look.cpu_seconds - bases[key]
    if main is not None:
        rounds.append((main, math.fsum(totals.values())))
    return rounds
