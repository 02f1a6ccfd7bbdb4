"""What this machine is, and how much of it is yours.

A container or a hub may give a process less than the machine has; see `cgroups`.
"""

import multiprocessing
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from .cgroups import Limit, read_limits

__all__ = ["Machine", "this_machine"]

SYSTEMS = {"Darwin": "macOS"}
CPU_CLOCK_STEPS = {"Linux": 1e-9, "Windows": 1 / 64}  # seconds; of other systems, as getrusage(2)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine on which a run was made; its text is a sentence.

    Attributes:
        system: as ``platform.system()``: ``"Linux"``, ``"Darwin"``, ``"Windows"``.
        cores_present: cores the operating system sees.
        cores_yours: cores this process may keep busy; a fraction under a quota.
        limited_by: why fewer cores are yours than are present; ``""`` if all are yours.
        memory_bytes: memory this process may use.
        start_method: how multiprocessing starts workers here, if the program does not choose.
        python: the version, such as ``"3.13.0"``.
        gil: True if a global interpreter lock lets one thread at a time run Python code.
    """

    system: str  # "Linux", "Darwin", "Windows"
    cores_present: int
    cores_yours: float  # may be a fraction under a quota
    limited_by: str  # "" where nothing limits, else e.g. "CPU affinity", "a cgroup v2 quota"
    memory_bytes: int  # yours
    start_method: str  # "fork", "spawn", "forkserver"
    python: str  # "3.13.0"
    gil: bool

    @property
    def cpu_clock_step(self) -> float:
        """Seconds by which the CPU clock of a process or thread moves at a time.

        On Windows the clock moves when the system's timer ticks, 64 times a second, although
        ``time.get_clock_info("process_time")`` says 100 ns (https://bugs.python.org/issue37859).
        """
        return CPU_CLOCK_STEPS.get(self.system, 1e-6)

    def __repr__(self) -> str:
        limit = f" (limited by {self.limited_by})" if self.limited_by else ""
        return (
            f"{SYSTEMS.get(self.system, self.system)}, "
            f"{self.cores_present} core{'' if self.cores_present == 1 else 's'} present, "
            f"{round(self.cores_yours, 2):g} yours{limit}, "
            f"{self.memory_bytes / 2**30:.1f} GB of memory yours, "
            f"Python {self.python} {'with' if self.gil else 'without'} the GIL, "
            f"start method {self.start_method}"
        )


def this_machine() -> Machine:
    """Return what this machine is now.  The call starts nothing and fixes no start method."""
    import psutil  # takes 20 ms: a worker that only loads a Run does without

    core_limits, memory_limits = read_limits(Path("/"), os.environ)
    present = psutil.cpu_count() or 1
    known = [Limit(present, ""), *_affinity_limits(psutil.Process()), *core_limits]
    cores = min(known, key=lambda limit: limit.most)  # the first of equals: "" comes first
    physical = psutil.virtual_memory().total
    return Machine(
        system=platform.system(),
        cores_present=present,
        cores_yours=float(cores.most),
        limited_by=cores.by,
        memory_bytes=int(min([physical, *memory_limits])),
        start_method=_start_method(),
        python=platform.python_version(),
        gil=getattr(sys, "_is_gil_enabled", lambda: True)(),
    )


def _affinity_limits(process: object) -> list[Limit]:
    # psutil, because Windows has no os.sched_getaffinity; macOS has no affinity at all.
    cpu_affinity = getattr(process, "cpu_affinity", None)
    return [Limit(len(cpu_affinity()), "CPU affinity")] if cpu_affinity else []


def _start_method() -> str:
    # With allow_none the question does not fix the start method: set_start_method() still works.
    # https://docs.python.org/3/library/multiprocessing.html#multiprocessing.get_all_start_methods
    # "the first of which is the default".
    chosen = multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]
