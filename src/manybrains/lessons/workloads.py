"""Honest workloads for lessons: counting, ticking, fetching.

All use only the standard library, and workers import them by name.  Only the ticking worker
measures: its notes are its answer.
"""

import contextlib
import math
import multiprocessing
import operator
import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from .io_server import Address, fetch, fetch_async, io_server

__all__ = [
    "Address",
    "Ticks",
    "count",
    "fetch",
    "fetch_async",
    "io_server",
    "overlap_seconds",
    "tick",
]

BATCH = 200  # steps of computing between two looks at the clock: about 10 microseconds
LATEST_START = 60.0  # seconds that a ticking worker waits for its start, at most


def count(to: int = 10_000_000) -> int:
    """Count from zero to `to` in steps of one, and return the last number, which is `to`.

    Raises:
        TypeError: if `to` is not a whole number.
        ValueError: if `to` is negative.
    """
    to = _whole(to)
    n = 0
    # Not `while n < to`: Python 3.11 makes such a loop faster, by half, from the eighth call on.
    # Then a new worker would count slower than a worker that has counted before.
    for _ in range(to):
        n += 1
    return n


def _whole(to: int) -> int:
    try:
        whole = operator.index(to)
    except TypeError:
        raise TypeError(
            f"count to what? {to!r} is not a whole number: try count({_suggestion(to)})"
        ) from None
    if whole < 0:
        raise ValueError(f"counting goes up from zero, so it never reaches {whole}: try 10_000_000")
    return whole


def _suggestion(to: object) -> str:
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return f"{int(to):_}"  # type: ignore[call-overload]
    return "10_000_000"


@dataclass(frozen=True, slots=True)
class Ticks:
    """The moments in which one worker really computed.

    Attributes:
        name: the name of the worker.
        pid: the id of its process.
        intervals: (begin, end) of every turn in seconds on the clock of ``time.perf_counter``,
            which all processes of one machine share ("system-wide",
            https://docs.python.org/3/library/time.html#time.perf_counter).
    """

    name: str
    pid: int
    intervals: tuple[tuple[float, float], ...]

    @property
    def turns(self) -> int:
        """How many turns the worker had."""
        return len(self.intervals)

    @property
    def busy_seconds(self) -> float:
        """Seconds in which the worker computed."""
        return math.fsum(end - begin for begin, end in self.intervals)

    @property
    def wall_seconds(self) -> float:
        """Seconds from the beginning of its first turn to the end of its last."""
        return self.intervals[-1][1] - self.intervals[0][0] if self.intervals else 0.0

    def __repr__(self) -> str:
        turns = f"{self.turns} turn{'' if self.turns == 1 else 's'}"
        return (
            f"{self.name}: computed {self.busy_seconds:.3f} of {self.wall_seconds:.3f} s in {turns}"
        )


def tick(seconds: float = 0.3, start_at: float | None = None, name: str | None = None) -> Ticks:
    """Compute for `seconds` of wall time, and return the moments in which the worker computed.

    The worker looks at the clock after every few microseconds of computing.  If two looks are
    more than a millisecond apart, something else had its core or its GIL: a turn ends there.
    A millisecond is much longer than the clock's noise and than a batch.  It is much shorter
    than 5 ms, the time that a thread keeps the GIL while others want it.  (This time is
    ``sys.getswitchinterval()``.  If it is set below 5 ms, a fifth of it replaces the millisecond.)

    Args:
        seconds: how long to compute, from the worker's own beginning.
        start_at: the moment to begin, on the clock of ``time.perf_counter``, so that several
            workers begin together; the worker begins at once if the moment has passed.
        name: the name of the worker; by default that of its thread or its process.

    Raises:
        TypeError, ValueError: if an argument is not a number, or makes no sense; the message
            names it.
    """
    if not _number("seconds", seconds) > 0:
        raise ValueError(f"seconds is {seconds!r}: ticking takes time, try seconds=0.3")
    if start_at is not None:
        _wait_until(_number("start_at", start_at))
    gap = min(0.001, sys.getswitchinterval() / 5)
    turns = []
    begin = last = time.perf_counter()
    over = begin + seconds
    while last < over:
        count(BATCH)
        now = time.perf_counter()
        if now - last > gap:  # the batch in which the worker lost its turn does not count
            turns.append((begin, last))
            begin = now
        last = now
    turns.append((begin, last))
    real = tuple((begin, end) for begin, end in turns if end > begin)
    return Ticks(name or _own_name(), os.getpid(), real)


def _number(name: str, value: float) -> float:
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    raise TypeError(f"{name} is {value!r}, and should be a number of seconds such as 0.3")


def _wait_until(moment: float) -> None:
    wait = moment - time.perf_counter()
    if wait > LATEST_START:
        raise ValueError(
            f"start_at is {wait:.0f} s from now, and a worker waits {LATEST_START:.0f} s at most: "
            "give a moment on perf_counter's clock, such as time.perf_counter() + 0.2"
        )
    while (wait := moment - time.perf_counter()) > 0:
        if wait > 0.002:  # sleep returns late, so the last two milliseconds are a busy loop
            time.sleep(wait / 2)


def _own_name() -> str:
    if threading.current_thread() is threading.main_thread():
        return multiprocessing.current_process().name
    return threading.current_thread().name


def overlap_seconds(ticks: Iterable[Ticks]) -> float:
    """Return for how many seconds at least two of the workers computed at the same time.

    Raises:
        TypeError: if `ticks` holds anything but Ticks.
    """
    workers = [ticks] if isinstance(ticks, Ticks) else [*ticks]
    for one in workers:
        if not isinstance(one, Ticks):
            raise TypeError(f"{one!r} is not a Ticks: give a list of what tick() returned")
    changes = sorted(
        change
        for one in workers
        for begin, end in one.intervals
        for change in ((begin, 1), (end, -1))
    )
    at_once, since, total = 0, 0.0, 0.0
    for moment, change in changes:
        if at_once >= 2:
            total += moment - since
        at_once, since = at_once + change, moment
    return total
