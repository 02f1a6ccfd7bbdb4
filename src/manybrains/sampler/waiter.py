"""How the sampler sleeps: until an order comes, a worker starts or ends, or a look is due."""

import os
import select
import time

from ..workers.platform import LINUX
from ..workers.stdlib_internals import wake_by_signal

__all__ = ["waiter"]

_PAUSE = 0.004  # seconds between two rings of the bell: an end is seen within 5 ms


class Bell:
    """Rings when a process writes to the log of events: a worker was born, or has ended.

    The system reports a change in a folder by a signal (F_NOTIFY, fcntl(2)), so this costs
    the workers nothing.  Without the bell, a short worker would end before the next look.

    Raises:
        OSError: if the system does not report changes.
    """

    def __init__(self, folder: str) -> None:
        import fcntl

        self._fcntl = fcntl
        self._folder = os.open(folder, os.O_RDONLY)
        self.descriptor, writing = os.pipe()
        for end in (self.descriptor, writing):
            os.set_blocking(end, False)
        wake_by_signal("SIGIO", writing)
        self._is_armed = False
        self._earliest = 0.0
        self.arm()
        self.disarm()

    def arm(self) -> float | None:
        """Make it ready to ring; return after how many seconds to try again, None if ready."""
        now = time.perf_counter()
        if self._is_armed:
            return None
        if now < self._earliest:
            return self._earliest - now
        self._fcntl.fcntl(self._folder, self._fcntl.F_NOTIFY, self._fcntl.DN_MODIFY)
        self._is_armed = True
        return None

    def rang(self) -> None:
        """Note that it has rung: it does not ring again at once."""
        try:
            os.read(self.descriptor, 4096)
        except BlockingIOError:
            return
        self._is_armed = False
        self._earliest = time.perf_counter() + _PAUSE

    def disarm(self) -> None:
        """Make it silent, until it is armed again."""
        self._fcntl.fcntl(self._folder, self._fcntl.F_NOTIFY, 0)
        self._is_armed = False


class PollWaiter:
    """Waits for standard input, the bell and the end of processes at once, without a thread."""

    def __init__(self, folder: str) -> None:
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN)
        self._pids: dict[int, int] = {}
        self._bell: Bell | None = None
        if LINUX:
            try:
                self._bell = Bell(folder)
            except (OSError, AttributeError):  # no reports from this file system
                return
            self._poll.register(self._bell.descriptor, select.POLLIN)

    def add(self, descriptor: int, pid: int) -> bool:
        """Wait for the end of this process too; return whether it is alive now."""
        if descriptor < 0:
            return True
        alone = select.poll()
        alone.register(descriptor, select.POLLIN)
        if alone.poll(0):
            return False
        self._poll.register(descriptor, select.POLLIN)
        self._pids[descriptor] = pid
        return True

    def remove(self, descriptor: int) -> None:
        """Do not wait for that end any more."""
        if self._pids.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def be_quiet(self) -> None:
        """Do not wake up for births any more: nothing is watched."""
        if self._bell is not None:
            self._bell.disarm()

    def arm(self) -> float | None:
        """Wake up for the next birth; return after how many seconds to try again, or None."""
        return None if self._bell is None else self._bell.arm()

    def ended(self) -> "list[int]":
        """Return the pids of the processes that have ended, without waiting."""
        return [self._pids[fd] for fd, _ in self._poll.poll(0) if fd in self._pids]

    def wait(self, seconds: "float | None") -> "tuple[bytes | None, list[int]]":
        """Return (the input: None if there is none, b"" at its end; the pids that ended)."""
        ready = self._poll.poll(None if seconds is None else seconds * 1000)
        ended = [self._pids[descriptor] for descriptor, _ in ready if descriptor in self._pids]
        descriptors = {descriptor for descriptor, _ in ready}
        if self._bell is not None and self._bell.descriptor in descriptors:
            self._bell.rang()
        return (os.read(0, 1 << 16) if 0 in descriptors else None), ended


class ThreadWaiter:
    """The same for Windows, where pipes cannot be polled: a thread reads standard input."""

    def __init__(self) -> None:
        import queue
        import threading

        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._nothing = queue.Empty
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while text := os.read(0, 1 << 16):
            self._said.put(text)
        self._said.put(b"")

    def add(self, _descriptor: int, _pid: int) -> bool:
        """Do nothing: the end of a process is seen at the next look."""
        return True

    def remove(self, _descriptor: int) -> None:
        """Do nothing: see `add`."""

    def be_quiet(self) -> None:
        """Do nothing: births are seen at the next look."""

    def arm(self) -> float | None:
        """Do nothing: see `be_quiet`."""
        return None

    def ended(self) -> "list[int]":
        """Return no pids: see `add`."""
        return []

    def wait(self, seconds: "float | None") -> "tuple[bytes | None, list[int]]":
        """Return (the input: None if there is none, b"" at its end; no pids)."""
        try:
            return self._said.get(timeout=seconds), []
        except self._nothing:
            return None, []


def waiter(folder: str) -> "PollWaiter | ThreadWaiter":
    """Return the waiter that works on this system, for a log of events in this folder."""
    return PollWaiter(folder) if hasattr(select, "poll") else ThreadWaiter()
