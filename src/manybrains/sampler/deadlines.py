"""The sampler keeps deadlines: nothing that the kernel does can starve it.

From a deadline on, it strikes the kernel with a signal, again and again until the block is over,
and ends what the block has started.  This is for Linux.
"""

import contextlib
import os
import time

from .family import Block, Family
from .procfs import catches

__all__ = ["LATE", "WHY_LATE", "Deadlines"]

LATE = 1.0  # seconds after a deadline: then Python code would have been ended
WHY_LATE = (
    "because it was in C code that does not listen to signals, and nothing but its own end or a "
    "restart of the kernel stops that"
)
_PAUSE = 0.05  # seconds from one strike to the next
_LOOK = 1.0  # seconds within which the kernel asks its workers where they stand, and ends them
_LAST = 0.5  # seconds within which all that a block has started should be gone


class _Deadline:
    """One deadline of the kernel."""

    def __init__(self, until: float, number: int, terminals: "list[int]", block: Block) -> None:
        self.until = self.next = until
        self.signal = number
        self.terminals = terminals
        self.block = block
        self.is_told = False


class Deadlines:
    """The deadlines that are kept now.

    Args:
        family: the processes of the kernel.
        head: the pid of the kernel.
    """

    def __init__(self, family: Family, head: int) -> None:
        self._family = family
        self._head = head
        self._kept: dict[bytes, _Deadline] = {}

    def keep(self, key: bytes, figures: "tuple[bytes, ...]") -> None:
        """Keep a deadline: begin of its block, its time, the signal, the newest pid, terminals.

        Without figures, keep it no longer.
        """
        if not figures:
            self._kept.pop(key, None)
            return
        begin, until, number, newest, *terminals = figures
        block = Block(float(begin), int(newest))
        self._kept[key] = _Deadline(float(until), int(number), list(map(int, terminals)), block)

    def next(self) -> "float | None":
        """Return when the next strike is due, or None."""
        return min((each.next for each in self._kept.values()), default=None)

    def strike_where_due(self) -> None:
        """Strike where it is time."""
        now = time.perf_counter()
        for each in self._kept.values():
            if now >= each.next:
                self._strike(each, now)
                each.next = time.perf_counter() + _PAUSE

    def _strike(self, deadline: _Deadline, now: float) -> None:
        """Strike the kernel, and end programs; workers only if the kernel has not ended them.

        The first strike only: main, which waits for a program, should stand there for a moment.
        """
        is_first = deadline.next == deadline.until
        if deadline.signal and catches(self._head, deadline.signal):  # else it would be ended
            os.kill(self._head, deadline.signal)
        everybody = self._family.find_members(deadline.block)
        if is_first:
            return
        doomed = list(deadline.block.members)
        if now < deadline.until + _LOOK:
            doomed = [pid for pid in doomed if not self._family.is_worker(pid, everybody)]
        self._family.kill(doomed, everybody)
        if now > deadline.until + LATE and not deadline.is_told:
            deadline.is_told = True
            self._tell(deadline)

    def _tell(self, deadline: _Deadline) -> None:
        """Tell the reader that the block goes on, where that can be seen without the GIL."""
        told: set[tuple[int, int]] = set()
        text = f"manybrains: a deadline has passed, and its cell still runs, {WHY_LATE}.\n"
        for number in deadline.terminals:
            with contextlib.suppress(OSError):
                flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY
                descriptor = os.open(f"/proc/{self._head}/fd/{number}", flags)
                try:
                    status = os.fstat(descriptor)
                    if (status.st_dev, status.st_ino) not in told:
                        told.add((status.st_dev, status.st_ino))
                        os.write(descriptor, text.encode())
                finally:
                    os.close(descriptor)

    def end(self, key: bytes, has_passed: bool) -> None:
        """Keep the deadline no longer; if it has passed, nothing of the block is left after it."""
        deadline = self._kept.pop(key, None)
        if deadline is None or not has_passed:
            return
        until = time.monotonic() + _LAST
        while True:
            everybody = self._family.find_members(deadline.block)
            killed = self._family.kill(list(deadline.block.members), everybody)
            if not killed or time.monotonic() > until:
                return
            time.sleep(0.005)
