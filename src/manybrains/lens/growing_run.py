"""What is known of a run while its block still runs, told piece by piece.

The pieces are cut from the same cloth as the Run: lives from the log of events, looks and ends
from the sampler.  Nothing here measures; `Watch` asks the sampler.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..records.run import Lane, Sample
from .assemble import Worker, base_of, end_of, end_of_thread, lane_of, worked
from .lifetimes import Lifetime
from .observations import Exit, Key, Look, Observations, Unrecorded

__all__ = ["Facts", "GrowingRun", "Known", "News"]


class Known(NamedTuple):
    """How much is known already: the time of the newest look, and how many of the others."""

    since: float = -math.inf
    exits: int = 0
    unrecorded: int = 0
    helpers: int = 0


class Facts(NamedTuple):
    """What is new, as `Observations` has it; all lifetimes of the log; and all helpers by pid.

    `helpers` says how many helpers the sampler has told this time.
    """

    lifetimes: Sequence[Lifetime]
    looks: Sequence[Look] = ()
    exits: Sequence[Exit] = ()
    unrecorded: Sequence[Unrecorded] = ()
    helper_pids: frozenset[int] = frozenset()
    helpers: int = 0


class News(NamedTuple):
    """What is new of a run.

    Attributes:
        now: seconds since the block began.
        lanes: the lanes that are new or have changed, by their index; 0 is the watched process.
            `Lane.ended` is None while a lane lives; its CPU seconds are all of its life's
            once it has ended.
        samples: new looks, in order of time for each lane; none after its end, if that is told
            by now.
    """

    now: float
    lanes: dict[int, Lane]
    samples: Sequence[Sample]


@dataclass(slots=True, eq=False)
class _Growth:
    """A lifetime that goes on, with what was seen of it lately."""

    life: Lifetime
    is_made: bool = False  # of a process that the log does not name
    index: int | None = None
    fresh: list[Look] = field(default_factory=list)
    before: list[Look] = field(default_factory=list)  # the last looks until now, at most two
    base: float | None = None
    exit: Exit | None = None
    end: float | None = None
    lane: Lane | None = None
    told: Lane | None = None

    @property
    def key(self) -> Key:
        return self.life.pid, self.life.thread_id or 0

    @property
    def first(self) -> float:
        return self.life.first_moment or -math.inf


class GrowingRun:
    """Tells, each time it is asked, what is new in a block that runs.

    Args:
        block: the block, with its beginning, its baseline and nothing seen.
        ask: returns the facts that are not known yet; None if there are none for now.
        name: the name of the run.
    """

    def __init__(
        self, block: Observations, ask: Callable[[Known], Facts | None], name: str = "run"
    ) -> None:
        self.name = name
        self._block = block
        self._ask = ask
        self._known = Known()
        self._met: dict[int, Lifetime] = {}  # by identity; kept, so that it stays theirs
        self._newest: dict[Key, _Growth] = {}
        self._open: list[_Growth] = []
        self._exits: dict[int, list[Exit]] = {}
        self._ends: dict[int, float] = {}
        self._unnamed: dict[int, Unrecorded] = {}
        self._main = Lane("main", block.name, block.pid, started=0.0)
        self._main_base = block.baseline.get((block.pid, 0))
        self._in_threads: dict[Key, float] = {}
        self._count = 0

    def news(self, now: float) -> News | None:
        """Return what is new at this moment, on the clock of `time.perf_counter`."""
        facts = self._ask(self._known)
        if facts is None:
            return None
        newest = max((look.time for look in facts.looks), default=self._known.since)
        others = (len(facts.exits), len(facts.unrecorded), facts.helpers)
        self._known = Known(newest, *map(sum, zip(self._known[1:], others, strict=True)))
        self._meet(facts)
        self._deal(facts.looks)
        lanes = {} if self._count else {0: self._main}
        self._count = self._count or 1
        samples: list[Sample] = []
        for growth in sorted(self._open, key=lambda one: (one.life.thread_id or 0) > 0):
            self._grow(growth)  # a thread ends at the latest with its process
        for growth in sorted(self._open, key=lambda one: one.first):
            self._tell(growth, lanes, samples)
        samples += self._of_main(facts.looks)
        self._open = [growth for growth in self._open if not self._is_over(growth)]
        return News(now - self._block.begin, lanes, samples)

    def _meet(self, facts: Facts) -> None:
        """Learn of lifetimes that are new, and of ends."""
        for ended in facts.exits:
            self._exits.setdefault(ended.pid, []).append(ended)
        for other in facts.unrecorded:
            self._unnamed[other.pid] = other
        for life in facts.lifetimes:
            if id(life) in self._met or life.first_moment is None:
                continue
            self._met[id(life)] = life
            if life.pid not in facts.helper_pids and not life.is_over(self._block.begin):
                self._begin(life)
        for pid in facts.helper_pids & self._unnamed.keys():
            del self._unnamed[pid]

    def _begin(self, life: Lifetime, is_made: bool = False) -> _Growth:
        growth = _Growth(life, is_made)
        before = self._newest.get(growth.key)
        if before is not None and before.is_made:  # the log names it after all
            before.life, before.is_made = life, False
            return before
        self._newest[growth.key] = growth
        self._open.append(growth)
        return growth

    def _deal(self, looks: Iterable[Look]) -> None:
        """Give each look to the lifetime at which it was."""
        for look in looks:
            growth = self._newest.get((look.pid, look.thread))
            if growth is None and not look.thread and look.pid in self._unnamed:
                pid, name, parent = self._unnamed[look.pid]
                made = Lifetime(pid, name=name, parent=parent, started=look.time)
                growth = self._begin(made, is_made=True)
            if growth and (look.time >= growth.first or growth.first < self._block.begin):
                growth.fresh.append(look)

    def _grow(self, growth: _Growth) -> None:
        """Work out what is known of one lifetime by now."""
        growth.end = self._end(growth)
        if growth.end is not None:
            growth.fresh = [look for look in growth.fresh if look.time <= growth.end]
        looks = [*growth.before, *growth.fresh]
        if growth.base is None and (looks or growth.first >= self._block.begin):
            growth.base = base_of(self._block, growth.life, looks)
        worker = Worker(growth.life, looks, growth.exit, growth.end, growth.base or 0.0)
        growth.lane = lane_of(self._block, worker)
        growth.before = looks[-2:]

    def _tell(self, growth: _Growth, lanes: dict[int, Lane], samples: list[Sample]) -> None:
        """Add what is new of one lifetime."""
        lane = growth.lane
        if lane is not None and growth.index is None and worked(lane):
            growth.index, self._count = self._count, self._count + 1
        if lane is not None and growth.index is not None:
            if growth.told is None or _is_news(growth.told, lane):
                lanes[growth.index] = growth.told = lane
            samples += self._samples(growth)
        growth.fresh = []

    def _end(self, growth: _Growth) -> float | None:
        """Return when it was gone, if that is sure: what still runs can be seen again."""
        life, pid = growth.life, growth.life.pid
        if life.thread_id:
            return end_of_thread(life, self._ends)
        if growth.exit is None:
            ends = [one for one in self._exits.get(pid, ()) if one.time >= growth.first]
            growth.exit = ends[0] if ends else None
        if growth.exit is None and life.reaped is None:
            return None
        end = end_of(life, [*growth.before, *growth.fresh], growth.exit)
        if end is not None:
            self._ends[pid] = end
        return end

    def _samples(self, growth: _Growth) -> Iterable[Sample]:
        begin, base = self._block.begin, growth.base or 0.0
        for look in growth.fresh:
            if look.time >= begin:
                used = max(0.0, look.cpu_seconds - base)
                yield Sample(look.time - begin, growth.index or 0, used, look.core)

    def _of_main(self, looks: Iterable[Look]) -> Iterable[Sample]:
        """Yield the samples of the watched process, without what its thread lanes used.

        A round of looks begins with the watched process, and the looks at its threads follow.
        """
        own, begin, main = self._block.pid, self._block.begin, None
        for look in looks:
            if look.pid != own:
                continue
            if look.thread:
                growth = self._newest.get((own, look.thread))
                if growth is not None and growth.index is not None:
                    used = max(0.0, look.cpu_seconds - (growth.base or 0.0))
                    self._in_threads[own, look.thread] = used
                continue
            if main is not None:
                yield from self._sample_of_main(main, begin)
            main = look
        if main is not None:
            yield from self._sample_of_main(main, begin)

    def _sample_of_main(self, look: Look, begin: float) -> Iterable[Sample]:
        in_threads = math.fsum(self._in_threads.values())
        if self._main_base is None:
            self._main_base = look.cpu_seconds - in_threads
        if look.time >= begin:
            used = max(0.0, look.cpu_seconds - in_threads - self._main_base)
            yield Sample(look.time - begin, 0, used, look.core)

    def _is_over(self, growth: _Growth) -> bool:
        """Tell whether nothing more can be learned of it; a process that ended may be reaped."""
        life = growth.life
        if growth.end is None or not (life.thread_id or life.reaped is not None):
            return False
        if growth.key in self._in_threads:  # what ended is kept in one sum
            used = self._in_threads.pop(growth.key)
            self._in_threads[0, 0] = self._in_threads.get((0, 0), 0.0) + used
        return True


def _is_news(told: Lane, lane: Lane) -> bool:
    """Tell whether a lane has changed; while it lives, its CPU seconds are told by the looks."""
    if lane.ended is None:
        lane = replace(lane, cpu_seconds=told.cpu_seconds)
    return told != lane
