"""The process that looks: samples of every worker, taken from outside, a few times a second.

Runs as __main__ of a bare child (the imports are few, for it starts in the middle of a
lesson), because a thread in the kernel would starve at the very moment to be seen.  Asleep
while nothing is watched; ends when its parent does.

Orders come in on standard input, one a line: "begin KEY INTERVAL" and "end KEY".  For
each "end" a report goes to standard output: eight bytes with its length, then, by marshal,
(looks, gone, others):
    looks    [(time, pid, thread id or 0, cpu_seconds, core, memory_bytes), ...]
    gone     {pid: time when it was seen to have ended}
    others   [(pid, name, parent pid), ...] of processes that the journal does not know
Times are on the clock of time.perf_counter.  Arguments: the journal's path, the
parent's pid, the folder to remove once the parent has ended (or nothing).
"""

import marshal
import os
import select
import sys
import time

MOST_LOOKS = 60_000  # kept of one watch; beyond that every second one goes
SCAN_SECONDS = 0.25  # between searches for processes that no journal tells of
LINUX = sys.platform.startswith("linux")
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class LinuxProcess:
    """One process as /proc and its CPU clock show it; the file stays open and is re-read.

    Fields of /proc/PID/stat, counted behind the name in parentheses, as in proc(5):
    1 is the parent, 11 and 12 the CPU ticks, 21 the resident pages, 36 the core.
    """

    def __init__(self, pid, thread=0):
        self.pid, self.thread = pid, thread
        self.clock = (~pid << 3) | 2  # clock_getcpuclockid(3)
        where = f"/proc/{pid}/task/{thread}/" if thread else f"/proc/{pid}/"
        self.stat = os.open(where + "stat", os.O_RDONLY)
        self.schedule = -1
        if thread:
            try:
                self.schedule = os.open(where + "schedstat", os.O_RDONLY)
            except OSError:
                self.schedule = -1  # a kernel without it: ticks of 10 ms must do
        try:
            self.end = -1 if thread else os.pidfd_open(pid)
        except (AttributeError, OSError):
            self.end = -1

    def look(self):
        """Return (cpu_seconds, core, memory_bytes); OSError once it is gone."""
        fields = os.pread(self.stat, 1024, 0).rpartition(b")")[2].split()
        if not fields:
            raise ProcessLookupError(self.pid)
        if self.thread:
            if self.schedule >= 0:
                cpu = int(os.pread(self.schedule, 64, 0).split()[0]) / 1e9
            else:
                cpu = (int(fields[11]) + int(fields[12])) / TICK
            return cpu, int(fields[36]), None
        if fields[0] == b"Z":
            raise ProcessLookupError(self.pid)
        return time.clock_gettime(self.clock), int(fields[36]), int(fields[21]) * PAGE

    def close(self):
        for descriptor in (self.stat, self.schedule, self.end):
            if descriptor >= 0:
                os.close(descriptor)


class PortableProcess:
    """The same by psutil, where there is no /proc."""

    end = -1

    def __init__(self, pid, thread=0):
        self.pid, self.thread = pid, thread
        try:
            self.process = psutil.Process(pid)
        except psutil.Error as error:
            raise ProcessLookupError(pid) from error

    def look(self):
        try:
            if self.thread:
                for one in self.process.threads():
                    if one.id == self.thread:
                        return one.user_time + one.system_time, None, None
                raise ProcessLookupError(self.thread)
            with self.process.oneshot():
                times = self.process.cpu_times()
                core = self.process.cpu_num() if hasattr(self.process, "cpu_num") else None
                return times.user + times.system, core, self.process.memory_info().rss
        except psutil.Error as error:
            raise ProcessLookupError(self.pid) from error

    def close(self):
        pass


if LINUX:
    Seen = LinuxProcess
else:
    import psutil

    Seen = PortableProcess


class Watch:
    """One watched block: what it has seen so far."""

    def __init__(self, interval):
        self.interval = interval
        self.next = self.began = time.perf_counter()
        self.rounds, self.gone, self.others = [], {}, []
        self.kept, self.count, self.thin = 0, 0, 1

    def keep(self, looks):
        """Keep a round of looks; when there are too many, keep every second round."""
        self.count += 1
        if self.count % self.thin:
            return
        self.rounds.append(looks)
        self.kept += len(looks)
        if self.kept > MOST_LOOKS:
            self.rounds = self.rounds[::2]
            self.kept = sum(map(len, self.rounds))
            self.thin *= 2

    def report(self):
        looks = [look for round_ in self.rounds for look in round_]
        return looks, self.gone, self.others


class Sampler:
    """All that is looked at, and the loop that looks."""

    def __init__(self, journal, parent):
        self.parent = parent
        self.journal = os.open(journal, os.O_RDONLY)
        self.rest = self.input = b""
        self.seen, self.watches = {}, {}
        self.known, self.scanned = set(), 0.0
        self.waiter = PollWaiter() if hasattr(select, "poll") else ThreadWaiter()
        self.add(parent)

    def add(self, pid, thread=0):
        if (pid, thread) in self.seen or pid == os.getpid():
            return
        try:
            seen = self.seen[pid, thread] = Seen(pid, thread)
        except OSError:  # it has ended by now: the journal knows of it
            return
        self.waiter.add(seen.end, pid)

    def drop(self, key, now):
        seen = self.seen.pop(key)
        self.waiter.remove(seen.end)
        seen.close()
        if not key[1]:
            for watch in self.watches.values():
                watch.gone[key[0]] = now

    def read_journal(self):
        while chunk := os.read(self.journal, 1 << 16):
            *lines, self.rest = (self.rest + chunk).split(b"\n")
            for line in lines:
                event, pid, *figures = line.split(b"\t")
                if event in (b"asked", b"born"):
                    self.add(int(pid))
                elif event == b"thread_born":
                    self.add(int(pid), int(figures[0]))

    def scan(self, now):
        """Find children that no journal tells of: programs started, bare forks."""
        self.scanned = now
        pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        family = {pid for pid, thread in self.seen if not thread}
        for pid in sorted(pids - self.known - {os.getpid()}):
            try:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    head, _, tail = file.read().rpartition(b")")
            except OSError:
                continue
            parent = int(tail.split()[1])
            if parent in family and pid not in family:
                name = head.partition(b"(")[2].decode(errors="replace")
                family.add(pid)
                self.add(pid)
                for watch in self.watches.values():
                    watch.others.append((pid, name, parent))
        self.known = pids

    def look(self, now):
        self.read_journal()
        if LINUX and now >= self.scanned + SCAN_SECONDS:
            self.scan(now)
        looks = []
        for key, seen in list(self.seen.items()):
            try:
                cpu, core, memory = seen.look()
            except OSError:
                self.drop(key, time.perf_counter())
            else:
                looks.append((time.perf_counter(), *key, cpu, core, memory))
        return looks

    def look_where_due(self):
        now = time.perf_counter()
        due = [watch for watch in self.watches.values() if now >= watch.next]
        if due:
            looks = self.look(now)
            for watch in due:
                watch.keep(looks)
                watch.next = max(watch.next + watch.interval, now + watch.interval / 2)

    def obey(self, order, key, interval=b""):
        if order == b"begin":
            if LINUX and not self.watches:
                self.known = {int(name) for name in os.listdir("/proc") if name.isdigit()}
                self.scanned = time.perf_counter()
            self.watches[key] = Watch(float(interval))
            return
        looks = self.look(time.perf_counter())
        watch = self.watches.pop(key)
        watch.rounds.append(looks)
        report = marshal.dumps(watch.report())
        sys.stdout.buffer.write(len(report).to_bytes(8, "big") + report)
        sys.stdout.buffer.flush()

    def run(self):
        """Look and obey until the parent closes our input, or has ended without."""
        while True:
            self.look_where_due()
            pause = None
            if self.watches:
                due = min(watch.next for watch in self.watches.values())
                pause = max(0.0, due - time.perf_counter())
            text, ended = self.waiter.wait(pause)
            for pid in ended:
                if (pid, 0) in self.seen:
                    self.drop((pid, 0), time.perf_counter())
            if text == b"" or self.parent in ended:
                return
            *lines, self.input = (self.input + (text or b"")).split(b"\n")
            for line in lines:
                self.obey(*line.split())


class PollWaiter:
    """Waits for orders on standard input and for the end of processes, without a thread."""

    def __init__(self):
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)
        self.pids = {}

    def add(self, descriptor, pid):
        if descriptor >= 0:
            self.poll.register(descriptor, select.POLLIN)
            self.pids[descriptor] = pid

    def remove(self, descriptor):
        if self.pids.pop(descriptor, None) is not None:
            self.poll.unregister(descriptor)

    def wait(self, seconds):
        """Return (orders as bytes, b"" at their end, None if there are none; pids ended)."""
        ready = self.poll.poll(None if seconds is None else seconds * 1000)
        ended = [self.pids[descriptor] for descriptor, _ in ready if descriptor in self.pids]
        spoke = any(descriptor == 0 for descriptor, _ in ready)
        return (os.read(0, 1 << 16) if spoke else None), ended


class ThreadWaiter:
    """The same where pipes cannot be polled (Windows): a thread reads standard input."""

    def __init__(self):
        import queue
        import threading

        self.orders, self.empty = queue.SimpleQueue(), queue.Empty
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while text := os.read(0, 1 << 16):
            self.orders.put(text)
        self.orders.put(b"")

    def add(self, descriptor, pid):
        pass

    def remove(self, descriptor):
        pass

    def wait(self, seconds):
        try:
            return self.orders.get(timeout=seconds), []
        except self.empty:
            return None, []


def main(journal, parent, folder):
    try:
        Sampler(journal, parent).run()
    finally:  # the parent may have been killed: nobody else can tidy up after it
        if folder:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
