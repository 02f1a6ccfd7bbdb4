"""How many cores and how much memory a process may use, as cgroups and a hub say.

``os.cpu_count`` does not know these limits.  So this module reads the files of the cgroups,
and the environment variables that a hub sets.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

__all__ = ["Limit", "read_limits"]


class Limit(NamedTuple):
    """The most cores that a process may use, and what sets this limit."""

    most: float
    by: str


def read_limits(root: Path, environ: Mapping[str, str]) -> tuple[list[Limit], list[float]]:
    """Return the limits on cores and on memory (bytes), from files under `root` and `environ`.

    The limits of the process's own cgroup count, and those of all cgroups above it.  A value
    that is missing or makes no sense is no limit: this function never raises.
    """
    own, mounts = _read(root / "proc/self/cgroup"), _read(root / "proc/self/mountinfo")
    cores: list[tuple[float | None, str]] = []
    memory: list[float | None] = []
    for folder in _folders(root, own, mounts, version=2):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        cores.append((_share(quota, period), "a cgroup v2 quota"))
        memory.append(_whole(_read(folder / "memory.max")))
    for folder in _folders(root, own, mounts, version=1, controller="cpu"):
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        cores.append((_share(quota, period), "a cgroup v1 quota"))
    for folder in _folders(root, own, mounts, version=1, controller="memory"):
        # Without a limit this file holds a number larger than any memory.
        memory.append(_whole(_read(folder / "memory.limit_in_bytes")))
    cores.append((_positive(environ.get("CPU_LIMIT", "")), "the hub's CPU_LIMIT"))
    memory.append(_positive(environ.get("MEM_LIMIT", "")))
    known = [Limit(most, by) for most, by in cores if most is not None]
    return known, [most for most in memory if most is not None]


def _folders(
    root: Path, cgroups: str, mounts: str, *, version: int, controller: str = ""
) -> Iterator[Path]:
    """Yield the folder of the process's own cgroup, then the folders above it, up to the mount.

    `cgroups` and `mounts` are the texts of /proc/self/cgroup and /proc/self/mountinfo.
    """
    own = _own_path(cgroups, controller)
    for inside, mounted_at in _mounts(mounts, version, controller):
        # A container's mount shows only its own part of the tree: leave out all above that part.
        beneath = own.is_relative_to(inside) and ".." not in own.parts
        below = own.relative_to(inside).parts if beneath else ()
        top = root.joinpath(*mounted_at.parts[1:])
        for depth in range(len(below), -1, -1):
            yield top.joinpath(*below[:depth])


def _own_path(text: str, controller: str) -> PurePosixPath:
    """Return the process's path in the hierarchy of a v1 controller; ``""`` stands for v2."""
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") and path.startswith("/"):
            return PurePosixPath(path)
    return PurePosixPath("/")


def _mounts(
    text: str, version: int, controller: str
) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    """Yield (the part of the hierarchy that a mount shows, the place of the mount).

    `text` is that of /proc/self/mountinfo.  Each line has: ids, device, root,
    mount point, options " - " type, source, options; see proc_pid_mountinfo(5).
    """
    kind, found = {1: "cgroup", 2: "cgroup2"}[version], False
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        places, mounted = before.split(" ")[3:5], after.split(" ")
        if len(places) < 2 or mounted[0] != kind:
            continue
        if version == 2 or controller in mounted[-1].split(","):
            found = True
            yield _unescaped(places[0]), _unescaped(places[1])
    if not found:
        yield PurePosixPath("/"), PurePosixPath("/sys/fs/cgroup", controller)


def _unescaped(path: str) -> PurePosixPath:
    """Return the path; mountinfo writes its spaces and some other letters as octal numbers."""
    return PurePosixPath(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except (OSError, ValueError):  # missing, forbidden or a folder; a name with a null character
        return ""


def _share(quota: str, period: str) -> float | None:
    """Return the cores of a quota: CPU time per period of wall time, both in microseconds."""
    used, of = _whole(quota), _whole(period)
    return used / of if used and of else None


def _whole(text: str) -> int | None:
    """Return the positive whole number; None for "max", "-1", "0" and other texts."""
    return int(text) or None if re.fullmatch("[0-9]{1,19}", text) else None


def _positive(text: str) -> float | None:
    """Return the positive number in an environment variable, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None
