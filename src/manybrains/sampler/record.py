"""What the sampler has seen of one watched block so far, and its report about it."""

import itertools
import marshal
import math
import sys
import time

from .procfs import busy_seconds, kills_for_memory

__all__ = ["Record", "answer"]

MOST_LOOKS = 60_000  # kept of one block; if there are more, every second round is dropped
MOST_NEWS = 400  # looks told at once while the block runs
SHORTEST = 0.2  # seconds: over less, the machine's use cannot be told, as it is counted in ticks
# Seconds from one look at the memory to the next, at least; 20 times as long as a look takes; and
# a hundredth of the block so far, so that a long block has not too many.
MEMORY_SECONDS, MEMORY_PAUSE, MEMORY_SHARE = 0.1, 20, 0.01
Look = tuple[float, int, int, float, "int | None", "int | None"]
MemoryLook = tuple[float, int, int, "int | None"]


class Record:
    """What was seen for one watched block so far; its fields are those of `report`.

    Args:
        interval: seconds from one look to the next.
        with_memory: whether the memory of each process is looked at, too.

    Attributes:
        next, next_memory: when the next look is due, and the next look at the memory.
        newest: the newest round of looks, kept or not.
    """

    def __init__(self, interval: float, with_memory: bool = False) -> None:
        self.interval = interval
        self.next = self._begin = time.perf_counter()
        self.next_memory = self._begin if with_memory else math.inf
        self.memory: list[MemoryLook] = []
        self._busy: float | None = None
        self._kills = 0
        self.rounds: list[list[Look]] = []
        self.newest: list[Look] = []
        self.exits: list[tuple[int, float, float | None, bool]] = []
        self.unrecorded: list[tuple[int, str, int]] = []
        self.helpers: list[tuple[int, str, int]] = []
        self._kept = self._count = 0
        self._thin = 1

    def look_at_the_machine(self) -> None:
        """Note how busy the machine has been so far; `report` counts from here."""
        self._begin = time.perf_counter()
        self._busy, self._kills = busy_seconds(), kills_for_memory()

    def keep(self, looks: list[Look]) -> None:
        """Keep a round of looks; when there are too many, keep every second round."""
        self.newest = looks
        self._count += 1
        if self._count % self._thin:
            return
        self.rounds.append(looks)
        self._kept += len(looks)
        if self._kept > MOST_LOOKS:
            self.rounds = self.rounds[::2]
            self._kept = sum(map(len, self.rounds))
            self._thin *= 2

    def keep_memory(self, looks: list[MemoryLook], began: float) -> None:
        """Keep a round of looks at the memory; the longer it took, the later comes the next."""
        self.memory += looks
        now = time.perf_counter()
        pause = max(MEMORY_PAUSE * (now - began), MEMORY_SHARE * (now - self._begin))
        self.next_memory = now + max(MEMORY_SECONDS, pause)

    def news(self, since: float, exits: int, unrecorded: int, helpers: int) -> bytes:
        """Return what is new since then, as marshal data; nothing is taken away from `report`.

        Args:
            since: the time of the newest look that is known already.
            exits, unrecorded, helpers: how many of these are known already.
        """
        fresh = itertools.takewhile(lambda looks: _time_of(looks) > since, reversed(self.rounds))
        rounds = list(fresh)  # the newest first
        if _time_of(self.newest) > max(since, _time_of(rounds[0]) if rounds else since):
            rounds.insert(0, self.newest)
        rounds = rounds[:: -(-sum(map(len, rounds)) // MOST_NEWS) or 1]
        looks = [look for round_ in reversed(rounds) for look in round_]
        others = (self.exits[exits:], self.unrecorded[unrecorded:], self.helpers[helpers:])
        return marshal.dumps((looks, *others))

    def report(self) -> bytes:
        """Return all of it as marshal data, in the order of `sampler_client.Report`.

        (looks, exits, unrecorded, helpers, busy, kills, memory): `busy` is how many cores of the
        machine all processes kept busy meanwhile, None if the time was too short to tell; `kills`
        is how many processes the system had killed for memory when the block began.
        """
        looks = [look for round_ in self.rounds for look in round_]
        seen = (looks, self.exits, self.unrecorded, self.helpers)
        return marshal.dumps((*seen, self._busy_cores(), self._kills, self.memory))

    def _busy_cores(self) -> float | None:
        seconds = time.perf_counter() - self._begin
        busy = None if seconds < SHORTEST else busy_seconds()
        if busy is None or self._busy is None:
            return None
        return (busy - self._busy) / seconds


def answer(report: bytes) -> None:
    """Write a report to standard output, its length before it."""
    sys.stdout.buffer.write(len(report).to_bytes(8, "big") + report)
    sys.stdout.buffer.flush()


def _time_of(looks: list[Look]) -> float:
    return looks[0][0] if looks else -math.inf
