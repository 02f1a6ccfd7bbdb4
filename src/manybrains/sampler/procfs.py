"""One process or thread, seen from outside: its CPU seconds, its core, its memory.

This is part of the sampler, which starts in the middle of a lesson: so it imports little.
"""

import math
import os
import time

from ..workers.platform import LINUX

__all__ = [
    "Kin",
    "Probe",
    "all_pids",
    "busy_seconds",
    "catches",
    "command_line",
    "ignores_hangup",
    "kills_for_memory",
    "kin_of",
    "newest_pid",
    "parent_of",
    "probe",
    "start_time",
    "tick_of",
]

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_AT_ONCE = 0.0005  # seconds: two clocks that are read within it belong together
_TRIES = 3
Reading = tuple[float, float, "int | None", "int | None"]  # time, CPU seconds, core, bytes


class LinuxProbe:
    """What /proc and the CPU clock show; the files stay open for the next look.

    Fields of /proc/PID/stat are counted after the name in parentheses, see proc(5): 0 is the
    state, 1 the parent, 11 and 12 the CPU ticks, 19 the tick of its start, 21 the resident
    pages, 36 the core.

    Attributes:
        exit_descriptor: a descriptor that becomes readable when the process ends, or -1.
        has_moved: whether it has used CPU between its last two looks.

    Raises:
        OSError: if it has ended.
    """

    def __init__(self, pid: int, thread: int = 0) -> None:
        self.thread = thread
        self._pid = pid
        self._clock = (~pid << 3) | 2  # as clock_getcpuclockid(3) makes it
        where = f"/proc/{pid}/task/{thread}/" if thread else f"/proc/{pid}/"
        self._stat = os.open(where + "stat", os.O_RDONLY)
        self._schedule = self.exit_descriptor = -1
        try:
            if thread:  # nanoseconds; a kernel without it has ticks of 10 ms
                self._schedule = os.open(where + "schedstat", os.O_RDONLY)
            else:
                self.exit_descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):
            pass
        # By the descriptor, or by a thread's own file, which then cannot be read.
        self._end_is_seen = self.exit_descriptor >= 0 or self._schedule >= 0
        self.has_moved, self._cpu = True, -1.0
        self._core: int | None = None
        self._memory: int | None = None

    def look(self) -> Reading:
        """Return (time, cpu_seconds, core, memory_bytes); OSError once it has ended.

        If a process has used no CPU since the last look, it has done nothing: this look does
        not read its file again.
        """
        for _ in range(_TRIES):  # after a pause in between, time and CPU do not belong together
            before = time.perf_counter()
            cpu = self._cpu_seconds()
            if time.perf_counter() - before < _AT_ONCE:
                break
        self.has_moved = cpu != self._cpu or not self._end_is_seen
        if self.has_moved:
            fields = self._fields()
            self._cpu, self._core = cpu, int(fields[36])
            self._memory = None if self.thread else int(fields[21]) * _PAGE
        return before, cpu, self._core, self._memory

    def memory(self) -> "tuple[int, int | None]":
        """Return (resident, private) bytes; None for the private ones if they are not told.

        The system walks through all pages of the process for it, which takes some milliseconds
        for 100 MB.  OSError once it has ended.
        """
        try:
            with open(f"/proc/{self._pid}/smaps_rollup", "rb") as file:
                lines = [line.split() for line in file]
        except OSError:  # an old kernel, or not ours to see
            return int(self._fields()[21]) * _PAGE, None
        kilobytes = {line[0]: int(line[1]) for line in lines[1:]}
        private = kilobytes[b"Private_Clean:"] + kilobytes[b"Private_Dirty:"]
        return kilobytes[b"Rss:"] * 1024, private * 1024

    def last_cpu_seconds(self) -> float:
        """Return the CPU seconds of a process that has just ended; OSError if it is too late.

        Its clock can be read until its parent has asked how it ended; its files are empty.
        """
        return self._cpu_seconds()

    def _fields(self) -> "list[bytes]":
        fields = os.pread(self._stat, 1024, 0).rpartition(b")")[2].split()
        if not fields or fields[0] == b"Z":
            raise ProcessLookupError(self._pid)
        return fields

    def _cpu_seconds(self) -> float:
        if not self.thread:
            return time.clock_gettime(self._clock)
        if self._schedule >= 0:
            return int(os.pread(self._schedule, 64, 0).split()[0]) / 1e9
        fields = self._fields()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._stat, self._schedule, self.exit_descriptor):
            if descriptor >= 0:
                os.close(descriptor)


class PortableProbe:
    """The same with psutil, for systems without /proc."""

    exit_descriptor = -1
    has_moved = True

    def __init__(self, pid: int, thread: int = 0) -> None:
        import psutil

        self.thread = thread
        self._errors = psutil.Error
        self._zombie = psutil.STATUS_ZOMBIE
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise ProcessLookupError(pid) from error

    def look(self) -> Reading:
        """Return (time, cpu_seconds, core, memory_bytes); OSError once it has ended."""
        now = time.perf_counter()
        try:
            if self.thread:
                for one in self._process.threads():
                    if one.id == self.thread:
                        return now, one.user_time + one.system_time, None, None
                raise ProcessLookupError(self.thread)
            with self._process.oneshot():
                if self._process.status() == self._zombie:
                    raise ProcessLookupError(self._process.pid)
                times = self._process.cpu_times()
                core = getattr(self._process, "cpu_num", lambda: None)()
                return now, times.user + times.system, core, self._process.memory_info().rss
        except self._errors as error:
            raise ProcessLookupError(self._process.pid) from error

    def memory(self) -> "tuple[int, int | None]":
        """Return (resident, private) bytes; None for the private ones if they are not told."""
        import psutil

        try:
            try:
                full = self._process.memory_full_info()
            except psutil.AccessDenied:  # macOS tells a process only about itself
                return self._process.memory_info().rss, None
            return full.rss, full.uss
        except self._errors as error:
            raise ProcessLookupError(self._process.pid) from error

    def last_cpu_seconds(self) -> float:
        """Return the CPU seconds of a process that has just ended; OSError if it is too late."""
        return self.look()[1]

    def close(self) -> None:
        """Do nothing: no file is kept open."""


Probe = LinuxProbe | PortableProbe


def probe(pid: int, thread: int = 0) -> "LinuxProbe | PortableProbe":
    """Return a probe for a process, or for a thread of it, that works on this system.

    Raises:
        OSError: if it has ended.
    """
    return LinuxProbe(pid, thread) if LINUX else PortableProbe(pid, thread)


def busy_seconds() -> "float | None":
    """Return for how many seconds the cores of this machine were not free, since its start.

    All processes count, and the time that a hypervisor gave to other machines: all but idle, in
    ticks of 10 ms.  The source is the first line of /proc/stat, see proc_stat(5); there, the time
    of guests is already part of the user time.  None if the system does not tell.
    """
    if not LINUX:
        import psutil

        times = psutil.cpu_times()
        return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))
    try:
        with open("/proc/stat", "rb") as file:
            head = map(int, file.readline().split()[1:])
        user, nice, system, _, _, irq, softirq, steal, *_ = head
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq + steal) / _TICK


def kills_for_memory() -> int:
    """Return how often Linux has killed a process because memory ran out, in containers too."""
    try:
        with open("/proc/vmstat", "rb") as file:
            return int(file.read().partition(b"\noom_kill ")[2].split(None, 1)[0])
    except (OSError, IndexError, ValueError):
        return 0


def all_pids() -> "set[int]":
    """Return the pids of all processes."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def parent_of(pid: int) -> int:
    """Return the pid of a process's parent; OSError if it has ended."""
    return int(_stat(pid)[1])


def command_line(pid: int) -> "list[str]":
    """Return the words of a process's command line; OSError if it has ended."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().decode(errors="replace").rstrip("\0").split("\0")


def start_time(pid: int) -> float:
    """Return how many seconds after the machine's start a process began, at the latest.

    The system counts them in ticks.  For a process that has ended by now they are infinite.
    """
    try:
        return (int(_stat(pid)[19]) + 1) / _TICK
    except OSError:
        return math.inf


class Kin:
    """Where a process belongs.

    Attributes:
        state: a letter.
        parent, group, session: pids.
        start: the tick in which it began.
    """

    __slots__ = ("group", "parent", "session", "start", "state")

    def __init__(self, fields: "list[bytes]") -> None:
        self.state = fields[0]
        self.parent, self.group, self.session = map(int, fields[1:4])
        self.start = int(fields[19])


def kin_of(pid: int) -> Kin:
    """Return where a process belongs; OSError if it has ended."""
    return Kin(_stat(pid))


def own_stat() -> bytes:
    """Return what `Kin` is made of, of this process; b"" where the system does not tell."""
    return b" ".join(_stat(os.getpid())) if LINUX else b""


def tick_of(since_boot: float) -> int:
    """Return the tick of a moment, in seconds since the machine's start."""
    return int(since_boot * _TICK)


def newest_pid() -> int:
    """Return the pid that the system has given away last; 0 if it does not tell."""
    try:
        with open("/proc/loadavg", "rb") as file:
            return int(file.read().split()[4])
    except (OSError, IndexError, ValueError):
        return 0


def ignores_hangup(pid: int) -> bool:
    """Tell whether a process ignores SIGHUP; OSError if it has ended."""
    return _has_signal(pid, b"SigIgn:", 1)


def catches(pid: int, number: int) -> bool:
    """Tell whether a process has a handler for a signal; OSError if it has ended."""
    return _has_signal(pid, b"SigCgt:", number)


def _has_signal(pid: int, field: bytes, number: int) -> bool:
    with open(f"/proc/{pid}/status", "rb") as file:
        mask = file.read().partition(field)[2].split(None, 1)[0]
    return bool(int(mask, 16) >> (number - 1) & 1)


def _stat(pid: int) -> "list[bytes]":
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()
