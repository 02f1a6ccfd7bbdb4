"""The sampler: a process that looks at every worker from outside, a few times a second.

It is a bare child of the notebook: a thread in the kernel would get no GIL just when there is
something to see.  It sleeps while nothing is watched, and ends when its parent ends.
"""

# Orders come on standard input, one per line: "begin KEY INTERVAL TIME MEMORY" (0 or 1: whether to
# look at the memory), "news KEY SINCE EXITS UNRECORDED HELPERS" (see `Record.news`), "end KEY
# PASSED" (0 or 1), "deadline KEY BEGIN UNTIL SIGNAL NEWEST-PID DESCRIPTOR ..." (see
# `Deadlines.keep`), "remove FOLDER" (as hexadecimal UTF-8), "stop".  On standard output, "!" says
# once that the sampler runs, and a report answers each "news" and each "end": eight bytes with its
# length, then what `Record.news` or `Record.report` returns; nothing if the block is not watched.
# Times are on the clock of time.perf_counter.

import contextlib
import os
import sys
import time

from ..workers.events import Event, open_to_read, parse
from ..workers.platform import LINUX
from .deadlines import Deadlines
from .family import Family
from .procfs import (
    Kin,
    LinuxProbe,
    PortableProbe,
    all_pids,
    command_line,
    parent_of,
    probe,
    start_time,
)
from .program_names import helper_name, program_name
from .record import Look, MemoryLook, Record, answer
from .waiter import waiter

__all__ = ["Sampler", "main"]

SCAN_SECONDS = 0.25  # between searches for processes that the log does not name
END_SECONDS = 2.0  # within which the processes of a killed notebook are ended


class Sampler:
    """The processes and threads that are looked at, and the loop that looks.

    Args:
        log: the path of the log of events.
        parent: the pid of the watched process.
        stat: as it has read it of itself (`own_stat`); it may have ended meanwhile.

    Attributes:
        folders: they are removed if the parent ends without an order to stop.
    """

    def __init__(self, log: str, parent: int, stat: bytes = b"") -> None:
        self.folders: list[str] = []
        self._parent = parent
        self._log = open_to_read(log)
        self._rest = self._said = b""
        self._seen: dict[tuple[int, int], LinuxProbe | PortableProbe] = {}
        self._records: dict[bytes, Record] = {}
        self._helpers: dict[int, tuple[int, str, int]] = {}
        self._known = all_pids() if LINUX else set()
        self._scanned = 0.0
        self._has_moved = True  # a process has used CPU since the last scan, and so can have forked
        self._askers: dict[int, int] = {}
        self._family: Family | None = None
        if LINUX:
            with contextlib.suppress(OSError):  # it has ended already
                self._family = Family(parent, self._askers, Kin(stat.split()) if stat else None)
        self._deadlines = Deadlines(self._family, parent) if self._family else None
        self._waiter = waiter(os.path.dirname(log))  # noqa: PTH120 - pathlib is slow to import
        self._add(parent)

    def run(self) -> bool:
        """Look and obey; return True at an order to stop, False if the parent has just ended."""
        sys.stdout.buffer.write(b"!")
        sys.stdout.buffer.flush()
        while (self._parent, 0) in self._seen:
            self._look_where_due()
            if self._deadlines is not None:
                self._deadlines.strike_where_due()
            text, ended = self._waiter.wait(self._pause())
            self._see_off(ended)
            *lines, self._said = (self._said + (text or b"")).split(b"\n")
            for line in lines:
                if line == b"stop":
                    return True
                self._obey(*line.split())
            if text == b"":
                break
        return False

    def _pause(self) -> float | None:
        """Return the seconds until there is something to do; None if nothing is watched."""
        if not self._records:
            return None
        due = min(record.next for record in self._records.values())
        strike = self._deadlines.next() if self._deadlines is not None else None
        due = due if strike is None else min(due, strike)
        again = self._waiter.arm()
        if again is None:  # it is ready: read what was written before
            self._read_log()
        pause = max(0.0, due - time.perf_counter())
        return pause if again is None else min(pause, again)

    def _obey(self, order: bytes, key: bytes, *figures: bytes) -> None:
        if order == b"remove":
            self.folders.append(bytes.fromhex(key.decode()).decode())
            return
        if order == b"begin":
            interval, begin, with_memory = map(float, figures)
            if LINUX and not self._records:
                self._know_who_was_there(begin)
            record = self._records[key] = Record(interval, bool(with_memory))
            record.helpers.extend(self._helpers.values())
            record.look_at_the_machine()
            return
        if order == b"news":
            known = self._records.get(key)
            answer(known.news(float(figures[0]), *map(int, figures[1:])) if known else b"")
            return
        if order == b"deadline":
            if self._deadlines is not None:
                self._deadlines.keep(key, figures)
            return
        if self._deadlines is not None:
            self._read_log()  # who is a worker
            self._deadlines.end(key, has_passed=figures == (b"1",))
        looks = self._look(time.perf_counter())
        record = self._records.pop(key)
        record.rounds.append(looks)
        answer(record.report())
        if not self._records:
            self._waiter.be_quiet()

    def _look_where_due(self) -> None:
        now = time.perf_counter()
        due = [record for record in self._records.values() if now >= record.next]
        if due:
            looks = self._look(now)
            for record in due:
                record.keep(looks)
                record.next = max(record.next + record.interval, now + record.interval / 2)
        asked = [record for record in due if now >= record.next_memory]
        if asked:
            began = time.perf_counter()
            memory = self._look_at_the_memory(began)
            for record in asked:
                record.keep_memory(memory, began)

    def _look_at_the_memory(self, now: float) -> list[MemoryLook]:
        looks: list[MemoryLook] = []
        for (pid, thread), seen in self._seen.items():
            if not thread:
                with contextlib.suppress(OSError):  # it has ended: the next look tells
                    looks.append((now, pid, *seen.memory()))
        return looks

    def _look(self, now: float) -> list[Look]:
        self._read_log()
        if LINUX and self._has_moved and now >= self._scanned + SCAN_SECONDS:
            self._scan(now)
        self._see_off(self._waiter.ended())  # no look may come after an end
        looks: list[Look] = []
        for key, seen in list(self._seen.items()):
            try:
                moment, cpu, core, memory = seen.look()
            except OSError:
                self._drop(key, time.perf_counter())
            else:
                looks.append((moment, *key, cpu, core, memory))
                self._has_moved = self._has_moved or seen.has_moved
        return looks

    def _add(self, pid: int, thread: int = 0) -> None:
        if (pid, thread) in self._seen or pid == os.getpid():
            return
        try:
            seen = self._seen[pid, thread] = probe(pid, thread)
        except OSError:  # it has ended: the log tells its end
            return
        if not self._waiter.add(seen.exit_descriptor, pid):  # it has ended, but was not reaped yet
            self._drop((pid, thread), time.perf_counter(), is_exact=False)

    def _see_off(self, pids: list[int]) -> None:
        """Note the end of processes, as the system has told it just now."""
        now = time.perf_counter()
        for pid in pids:
            if (pid, 0) in self._seen:
                self._drop((pid, 0), now, is_exact=True)

    def _drop(self, key: tuple[int, int], now: float, is_exact: bool = False) -> None:
        self._has_moved = True
        seen = self._seen.pop(key)
        cpu = None
        with contextlib.suppress(OSError):  # its parent may have reaped it already
            cpu = None if key[1] else seen.last_cpu_seconds()
        self._waiter.remove(seen.exit_descriptor)
        seen.close()
        if not key[1]:
            self._askers.pop(key[0], None)
            self._known.add(key[0])  # until it is reaped, a scan would find it again
            for record in self._records.values():
                record.exits.append((key[0], now, cpu, is_exact))

    def _read_log(self) -> None:
        while chunk := os.read(self._log, 1 << 16):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                event = parse(line)
                if event is not None:
                    self._take(event)

    def _take(self, event: Event) -> None:
        if event.kind in ("requested", "born"):
            self._add(event.pid, event.thread or 0)
            if event.kind == "born" and event.asker is None:  # a program, or a thread
                if not event.thread:
                    self._askers.pop(event.pid, None)
            elif event.asker is not None:
                self._askers[event.pid] = event.asker

    def _know_who_was_there(self, begin: float) -> None:
        """Learn which processes were there before a block began; the block may fork meanwhile."""
        begin_since_boot = time.clock_gettime(time.CLOCK_BOOTTIME) - time.perf_counter() + begin
        pids = all_pids()
        for pid in pids - self._known:
            if start_time(pid) < begin_since_boot:
                self._known.add(pid)
        self._known &= pids
        self._helpers = {pid: helper for pid, helper in self._helpers.items() if pid in pids}
        self._scanned = time.perf_counter()

    def _scan(self, now: float) -> None:
        """Find children that the log does not name: programs, bare forks, helpers."""
        self._scanned, self._has_moved = now, False
        pids = all_pids()
        family = {pid for pid, thread in self._seen if not thread} | self._helpers.keys()
        for pid in sorted(pids - self._known - {os.getpid()}):
            try:
                parent = parent_of(pid)
                if parent in family and pid not in family:
                    self._find(pid, parent)
                    family.add(pid)
            except OSError:  # ended meanwhile
                continue
        self._known = pids

    def _find(self, pid: int, parent: int) -> None:
        words = command_line(pid)
        is_fork = words == command_line(parent)  # it runs the same program
        if (name := helper_name(words)) and not is_fork:
            self._helpers[pid] = pid, name, parent
            for record in self._records.values():
                record.helpers.append((pid, name, parent))
            return
        self._add(pid)
        for record in self._records.values():
            record.unrecorded.append((pid, "fork" if is_fork else program_name(words), parent))

    def end_those_left(self) -> None:
        """End what the parent has left behind, if it has really ended: it may have been killed."""
        until = time.monotonic() + END_SECONDS
        while self._family is not None and time.monotonic() < until:
            if self._family.has_ended():
                known = {pid for pid, thread in self._seen if not thread}
                self._family.end_all(known, until)
                return
            time.sleep(0.005)  # it may only have closed our standard input


def main(log: str, parent: str, folder: str, stat: str = "") -> None:
    """Look for process `parent` until it ends; then remove `folder`, unless it is empty text."""
    sampler = Sampler(log, int(parent), stat.encode())
    was_told = False
    try:
        was_told = sampler.run()
        if not was_told:
            sampler.end_those_left()
    finally:  # if the parent was killed, only the sampler can tidy up
        import shutil

        for each in filter(None, [folder, *(() if was_told else sampler.folders)]):
            shutil.rmtree(each, ignore_errors=True)
