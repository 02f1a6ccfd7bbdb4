"""CPU seconds of this process and of other processes, from the clocks of the system.

Workers import this: it is light.
"""

import os
import time

from .platform import LINUX

__all__ = ["cpu_of", "own_cpu"]


def own_cpu() -> tuple[float, float]:
    """Return the CPU seconds of this process, and those that its parent will see in addition.

    If the parent asks with wait4(2), it also sees the CPU time of the children for which this
    process has waited.  On Linux the parent reads the worker's own clock, without them.
    """
    if LINUX or not hasattr(os, "wait4"):
        return time.process_time(), 0.0
    import resource

    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), waited.ru_utime + waited.ru_stime


def cpu_of(pid: int, thread: int = 0) -> float | None:
    """Return the CPU seconds of another process by now; None if that cannot be known.

    Linux keeps a CPU clock for each process, in nanoseconds; its id is made from the pid
    as in glibc's clock_getcpuclockid(3).  /proc counts in ticks of 10 ms.

    Args:
        pid: whose clock is asked.
        thread: the native id of a thread of this process; its clock is asked instead.
    """
    if not LINUX:
        return None
    try:
        return time.clock_gettime((~thread << 3) | 6 if thread else (~pid << 3) | 2)
    except OSError:
        return None
