"""How the sampler sleeps: until it is told something, a worker starts or ends, or a look is due."""

import os
import select
import time

from ..workers.platform import LINUX
from ..workers.stdlib_internals import wake_by_signal

__all__ = ["waiter"]

_PAUSE = 0.004  # seconds between two rings of the bell: an end is seen within 5 ms


class Bell:
    """Rings when a process writes to the log of events: somebody was born, or has ended.

    The system tells of a change in a folder by a signal (F_NOTIFY, fcntl(2)), so that workers
    pay nothing for it.  A short worker would else be over before the next look.

    Raises:
        OSError: where the system does not tell.
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
        """Be ready to ring; return in how many seconds to try again, None if it is ready."""
        now = time.perf_counter()
        if self._is_armed:
            return None
        if now < self._earliest:
            return self._earliest - now
        self._fcntl.fcntl(self._folder, self._fcntl.F_NOTIFY, self._fcntl.DN_MODIFY)
        self._is_armed = True
        return None

    def rang(self) -> None:
        """Take note that it has rung: it does not ring again at once."""
        try:
            os.read(self.descriptor, 4096)
        except BlockingIOError:
            return
        self._is_armed = False
        self._earliest = time.perf_counter() + _PAUSE

    def disarm(self) -> None:
        """Ring no more, until it is armed again."""
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
            except (OSError, AttributeError):  # a file system that does not tell: looks have to do
                return
            self._poll.register(self._bell.descriptor, select.POLLIN)

    def add(self, descriptor: int, pid: int) -> bool:
        """Wait for the end of a process as well; return whether it lives now."""
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
        """Wait for that end no more."""
        if self._pids.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def be_quiet(self) -> None:
        """Wake up for no births, as nothing is watched."""
        if self._bell is not None:
            self._bell.disarm()

    def arm(self) -> float | None:
        """Wake up for the next birth; return in how many seconds to try again, None if ready."""
        return None if self._bell is None else self._bell.arm()

    def ended(self) -> "list[int]":
        """Return the pids of those that have ended, without waiting."""
        return [self._pids[fd] for fd, _ in self._poll.poll(0) if fd in self._pids]

    def wait(self, seconds: "float | None") -> "tuple[bytes | None, list[int]]":
        """Return (what was said: b"" at its end, None if nothing; the pids that ended)."""
        ready = self._poll.poll(None if seconds is None else seconds * 1000)
        ended = [self._pids[descriptor] for descriptor, _ in ready if descriptor in self._pids]
        descriptors = {descriptor for descriptor, _ in ready}
        if self._bell is not None and self._bell.descriptor in descriptors:
            self._bell.rang()
        return (os.read(0, 1 << 16) if 0 in descriptors else None), ended


class ThreadWaiter:
    """The same where pipes cannot be polled (Windows): a thread reads standard input."""

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
        """Do nothing, as `add`."""

    def be_quiet(self) -> None:
        """Do nothing: births are seen at the next look."""

    def arm(self) -> float | None:
        """Do nothing, as `be_quiet`."""
        return None

    def ended(self) -> "list[int]":
        """Return nobody: see `add`."""
        return []

    def wait(self, seconds: "float | None") -> "tuple[bytes | None, list[int]]":
        """Return (what was said: b"" at its end, None if nothing; no pids)."""
        try:
            return self._said.get(timeout=seconds), []
        except self._nothing:
            return None, []


def waiter(folder: str) -> "PollWaiter | ThreadWaiter":
    """Return the one that works here, for a log of events in this folder."""
    return PollWaiter(folder) if hasattr(select, "poll") else ThreadWaiter()
