"""Births and deaths of workers, written down where they happen.

Every process appends whole lines to one file, from which `lives` reads them back.  Clock:
`time.perf_counter`, which all processes of a machine share.  Workers import this: it is light.
"""

import os
import sys
import time

LINUX = sys.platform.startswith("linux")

__all__ = ["Journal", "cpu_of", "open_to_append", "open_to_read", "own_cpu"]


class Journal:
    """The writing side: one appended line for each event, from any process.

    An append of one short line is a single write, so lines of several processes never mix.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = open_to_append(path)

    def note(self, event: str, pid: int, *figures: float | int | None, name: str = "") -> None:
        """Append an event; what cannot be written (a full disk) is lost, never raised."""
        # Plain on purpose: after a fork, each piece of Python that is first used copies a page.
        line = f"{event}\t{pid}"
        for figure in figures:
            line += "\t" if figure is None else f"\t{figure!r}"
        if not name.isascii() or not name.isprintable() or "\\" in name:
            name = name.encode("unicode_escape").decode("ascii")
        try:  # noqa: SIM105 - see above
            os.write(self._descriptor, f"{line}\t{name}\n".encode())
        except OSError:
            pass

    def close(self) -> None:
        try:  # noqa: SIM105
            os.close(self._descriptor)
        except OSError:
            pass


def open_to_append(path: str) -> int:
    """Open a file to which several processes append: what each writes at once stays whole.

    On Windows, C's library goes to the end first and writes then, so that two may write to the
    same place (https://github.com/python/cpython/issues/86772).  The system itself finds the
    end for a handle that may append and do nothing else.
    """
    if sys.platform == "win32":
        import _winapi
        import msvcrt

        access = 0x0004 | 0x0010_0000  # FILE_APPEND_DATA | SYNCHRONIZE, no FILE_WRITE_DATA
        everybody, open_always, normal = 7, 4, 0x80  # may read, write and delete it meanwhile
        handle = _winapi.CreateFile(path, access, everybody, 0, open_always, normal, 0)
        return msvcrt.open_osfhandle(handle, os.O_NOINHERIT)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def open_to_read(path: str | os.PathLike[str], create: bool = False) -> int:
    """Open such a file for reading, byte by byte as it was written."""
    binary: int = getattr(os, "O_BINARY", 0)  # else Windows changes line ends, and ends at ^Z
    return os.open(path, os.O_RDONLY | binary | (os.O_CREAT if create else 0), 0o600)


def own_cpu() -> tuple[float, float]:
    """Return the CPU seconds of this process, and those that its parent will see on top.

    Where the parent asks wait4(2), that is what the children it has waited for have used;
    on Linux it asks the worker's own clock, which knows nothing of them.
    """
    if LINUX or not hasattr(os, "wait4"):
        return time.process_time(), 0.0
    import resource

    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), waited.ru_utime + waited.ru_stime


def cpu_of(pid: int, thread: int = 0) -> float | None:
    """Return the CPU seconds of another process by now, or None where that cannot be known.

    Linux keeps a CPU clock for each process, in nanoseconds; its id is made from the pid
    as in glibc's clock_getcpuclockid(3).  /proc counts in ticks of 10 ms.

    Args:
        pid: whose clock is asked.
        thread: the native id of a thread of our own, whose clock is asked instead.
    """
    if not LINUX:
        return None
    try:
        return time.clock_gettime((~thread << 3) | 6 if thread else (~pid << 3) | 2)
    except OSError:
        return None
