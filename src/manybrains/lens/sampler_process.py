"""The process that looks: samples of every worker, taken from outside, a few times a second.

A bare child of the notebook, for a thread in the kernel would starve at the very moment to be
seen; asleep while nothing is watched; it ends when its parent does.
"""

# Orders come in on standard input, one a line: "begin KEY INTERVAL TIME", "end KEY", "stop".
# On standard output "!" says that we are there, once, and a report answers each "end": eight
# bytes with its length, then, by marshal, (looks, gone, others, busy, kills):
#     looks    [(time, pid, thread id or 0, cpu_seconds, core, memory_bytes), ...]
#     gone     {pid: time when it was seen to have ended}
#     others   [(pid, name, parent pid), ...] of processes that the journal does not know
#     busy     cores of the machine that anybody kept busy meanwhile; None if too short to tell
#     kills    processes of anybody that the system had killed for memory when it began
# Times are on the clock of time.perf_counter.

import contextlib
import marshal
import os
import sys
import time

from ..workers.events import open_to_read
from .procfs import (
    LINUX,
    LinuxProcess,
    PortableProcess,
    Seen,
    busy_seconds,
    everybody,
    kills_for_memory,
    name_and_parent,
    started,
)
from .waiting import waiter

__all__ = ["main"]

MOST_LOOKS = 60_000  # kept of one watch; beyond that every second round goes
SHORTEST = 0.2  # seconds over which the machine's use, counted in ticks, can be told
SCAN_SECONDS = 0.25  # between searches for processes that no journal tells of
Look = tuple[float, int, int, float, "int | None", "int | None"]


class Record:
    """What was seen for one watched block so far."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.next = self._begin = time.perf_counter()
        self._busy: float | None = None
        self._kills = 0
        self.rounds: list[list[Look]] = []
        self.last: list[Look] = []  # looks at those that had just ended
        self.gone: dict[int, float] = {}
        self.others: list[tuple[int, str, int]] = []
        self._kept = self._count = 0
        self._thin = 1

    def look_at_the_machine(self) -> None:
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
        looks = [look for round_ in [*self.rounds, self.last] for look in round_]
        return marshal.dumps((looks, self.gone, self.others, self._busy_cores(), self._kills))

    def _busy_cores(self) -> float | None:
        seconds = time.perf_counter() - self._begin
        busy = None if seconds < SHORTEST else busy_seconds()
        if busy is None or self._busy is None:
            return None
        return (busy - self._busy) / seconds


class Sampler:
    """All that is looked at, and the loop that looks."""

    def __init__(self, journal: str, parent: int) -> None:
        self._parent = parent
        self._journal = open_to_read(journal)
        self._rest = self._said = b""
        self._seen: dict[tuple[int, int], LinuxProcess | PortableProcess] = {}
        self._records: dict[bytes, Record] = {}
        self._known = everybody() if LINUX else set()
        self._scanned = 0.0
        self._stirred = True  # somebody has used CPU since the last scan: nobody else can fork
        self._waiter = waiter()
        self._add(parent)

    def run(self) -> None:
        """Look and obey until the parent says stop, closes our input, or has ended without."""
        sys.stdout.buffer.write(b"!")
        sys.stdout.buffer.flush()
        while True:
            self._look_where_due()
            pause = None
            if self._records:
                due = min(record.next for record in self._records.values())
                pause = max(0.0, due - time.perf_counter())
            text, ended = self._waiter.wait(pause)
            for pid in ended:
                if (pid, 0) in self._seen:
                    self._see_off(pid)
            if text == b"" or self._parent in ended:
                return
            *lines, self._said = (self._said + (text or b"")).split(b"\n")
            for line in lines:
                if line == b"stop":
                    return
                self._obey(*line.split())

    def _obey(self, order: bytes, key: bytes, *figures: bytes) -> None:
        if order == b"begin":
            interval, begin = map(float, figures)
            if LINUX and not self._records:
                self._know_who_was_there(begin)
            record = self._records[key] = Record(interval)
            record.look_at_the_machine()
            return
        looks = self._look(time.perf_counter())
        record = self._records.pop(key)
        record.rounds.append(looks)
        report = record.report()
        sys.stdout.buffer.write(len(report).to_bytes(8, "big") + report)
        sys.stdout.buffer.flush()

    def _look_where_due(self) -> None:
        now = time.perf_counter()
        due = [record for record in self._records.values() if now >= record.next]
        if due:
            looks = self._look(now)
            for record in due:
                record.keep(looks)
                record.next = max(record.next + record.interval, now + record.interval / 2)

    def _look(self, now: float) -> list[Look]:
        self._read_journal()
        if LINUX and self._stirred and now >= self._scanned + SCAN_SECONDS:
            self._scan(now)
        looks = []
        for key, seen in list(self._seen.items()):
            try:
                moment, cpu, core, memory = seen.look()
            except OSError:
                self._drop(key, time.perf_counter())
            else:
                looks.append((moment, *key, cpu, core, memory))
                self._stirred = self._stirred or seen.stirred
        return looks

    def _add(self, pid: int, thread: int = 0) -> None:
        if (pid, thread) in self._seen or pid == os.getpid():
            return
        try:
            seen = self._seen[pid, thread] = Seen(pid, thread)
        except OSError:  # it has ended by now: the journal knows of it
            return
        self._waiter.add(seen.end, pid)

    def _see_off(self, pid: int) -> None:
        """Look once more at a process that has just ended, if its parent leaves us the time."""
        with contextlib.suppress(OSError):
            moment, cpu, core, memory = self._seen[pid, 0].last_look()
            for record in self._records.values():
                record.last.append((moment, pid, 0, cpu, core, memory))
        self._drop((pid, 0), time.perf_counter())

    def _drop(self, key: tuple[int, int], now: float) -> None:
        self._stirred = True
        seen = self._seen.pop(key)
        self._waiter.remove(seen.end)
        seen.close()
        if not key[1]:
            self._known.add(key[0])  # until its parent has asked, a scan would find it again
            for record in self._records.values():
                record.gone[key[0]] = now

    def _read_journal(self) -> None:
        while chunk := os.read(self._journal, 1 << 16):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                event, *figures = line.split(b"\t")
                try:
                    if event in (b"asked", b"born"):
                        self._add(int(figures[0]))
                    elif event == b"thread_born":
                        self._add(int(figures[0]), int(figures[1]))
                except (IndexError, ValueError):  # a line that a full disk has cut short
                    continue

    def _know_who_was_there(self, begin: float) -> None:
        """Learn who was there before a block began; it goes on meanwhile, and may fork."""
        begin_since_boot = time.clock_gettime(time.CLOCK_BOOTTIME) - time.perf_counter() + begin
        pids = everybody()
        for pid in pids - self._known:
            if started(pid) < begin_since_boot:
                self._known.add(pid)
        self._known &= pids
        self._scanned = time.perf_counter()

    def _scan(self, now: float) -> None:
        """Find children that no journal tells of: programs started, bare forks."""
        self._scanned, self._stirred = now, False
        pids = everybody()
        family = {pid for pid, thread in self._seen if not thread}
        for pid in sorted(pids - self._known - {os.getpid()}):
            try:
                name, parent = name_and_parent(pid)
            except OSError:  # ended meanwhile
                continue
            if parent in family and pid not in family:
                family.add(pid)
                self._add(pid)
                for record in self._records.values():
                    record.others.append((pid, name, parent))
        self._known = pids


def main(journal: str, parent: str, folder: str) -> None:
    """Look on behalf of process `parent`; then remove `folder`, unless it is empty text."""
    try:
        Sampler(journal, int(parent)).run()
    finally:  # the parent may have been killed: nobody else can tidy up after it
        if folder:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)
