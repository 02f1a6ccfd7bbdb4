"""Births and deaths of workers, written down where they happen.

Every process appends whole lines to one file, from which `lives` reads them back.  Clock:
`time.perf_counter`, which all processes of a machine share.  Workers import this: it is light.
"""

import contextlib
import os
import sys
import time

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

__all__ = ["Journal", "cpu_of", "own_cpu"]


class Journal:
    """The writing side: one appended line for each event, from any process.

    An append of one short line is a single write, so lines of several processes never mix.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, event: str, pid: int, *figures: float | int | None, name: str = "") -> None:
        """Append an event; what cannot be written (a full disk) is lost, never raised."""
        fields = [event, str(pid), *("" if f is None else repr(f) for f in figures)]
        fields.append(name.encode("unicode_escape").decode("ascii"))
        with contextlib.suppress(OSError):
            os.write(self._descriptor, ("\t".join(fields) + "\n").encode("ascii"))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def own_cpu() -> tuple[float, float]:
    """Return the CPU seconds of this process, and of the children it has waited for."""
    if resource is None:
        return time.process_time(), 0.0
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), waited.ru_utime + waited.ru_stime


def cpu_of(pid: int) -> float | None:
    """Return the CPU seconds of another process by now, or None where that cannot be known.

    Linux keeps a CPU clock for each process, in nanoseconds; its id is made from the pid
    as in glibc's clock_getcpuclockid(3).  /proc counts in ticks of 10 ms.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None
