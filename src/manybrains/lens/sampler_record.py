"""What the sampler has seen of one watched block so far, and the report it makes of it."""

import marshal
import time

from .procfs import busy_seconds, kills_for_memory

__all__ = ["Record"]

MOST_LOOKS = 60_000  # kept of one watch; beyond that every second round goes
SHORTEST = 0.2  # seconds over which the machine's use, counted in ticks, can be told
Look = tuple[float, int, int, float, "int | None", "int | None"]


class Record:
    """What was seen for one watched block so far; its fields are those of `report`."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.next = self._begin = time.perf_counter()
        self._busy: float | None = None
        self._kills = 0
        self.rounds: list[list[Look]] = []
        self.exits: list[tuple[int, float, float | None, bool]] = []
        self.unrecorded: list[tuple[int, str, int]] = []
        self.helpers: list[tuple[int, str, int]] = []
        self._kept = self._count = 0
        self._thin = 1

    def look_at_the_machine(self) -> None:
        """Note how busy the machine has been by now, to tell later what was used meanwhile."""
        self._begin = time.perf_counter()
        self._busy, self._kills = busy_seconds(), kills_for_memory()

    def keep(self, looks: list[Look]) -> None:
        """Keep a round of looks; when there are too many, keep every second round."""
        self._count += 1
        if self._count % self._thin:
            return
        self.rounds.append(looks)
        self._kept += len(looks)
        if self._kept > MOST_LOOKS:
            self.rounds = self.rounds[::2]
            self._kept = sum(map(len, self.rounds))
            self._thin *= 2

    def report(self) -> bytes:
        """Return all of it by marshal, as `sampler_client.Report` has it:

        (looks, exits, unrecorded, helpers, busy, kills): `busy` are the cores of the machine
        that anybody kept busy meanwhile, None if the time was too short to tell; `kills` the
        processes of anybody that the system had killed for memory when the block began.
        """
        looks = [look for round_ in self.rounds for look in round_]
        seen = (looks, self.exits, self.unrecorded, self.helpers)
        return marshal.dumps((*seen, self._busy_cores(), self._kills))

    def _busy_cores(self) -> float | None:
        seconds = time.perf_counter() - self._begin
        busy = None if seconds < SHORTEST else busy_seconds()
        if busy is None or self._busy is None:
            return None
        return (busy - self._busy) / seconds
