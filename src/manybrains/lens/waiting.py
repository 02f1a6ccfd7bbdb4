"""How the sampler sleeps: until it is told something, a worker ends, or a look is due."""

import os
import select

__all__ = ["waiter"]


class PollWaiter:
    """Waits for standard input and for the end of processes at once, without a thread."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN)
        self._pids: dict[int, int] = {}

    def add(self, descriptor: int, pid: int) -> None:
        if descriptor >= 0:
            self._poll.register(descriptor, select.POLLIN)
            self._pids[descriptor] = pid

    def remove(self, descriptor: int) -> None:
        if self._pids.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def wait(self, seconds: "float | None") -> "tuple[bytes | None, list[int]]":
        """Return (what was said: b"" at its end, None if nothing; the pids that ended)."""
        ready = self._poll.poll(None if seconds is None else seconds * 1000)
        ended = [self._pids[descriptor] for descriptor, _ in ready if descriptor in self._pids]
        spoke = any(descriptor == 0 for descriptor, _ in ready)
        return (os.read(0, 1 << 16) if spoke else None), ended


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

    def add(self, descriptor: int, pid: int) -> None:
        """Do nothing: the end of a process is seen at the next look."""

    def remove(self, descriptor: int) -> None:
        """Do nothing, as `add`."""

    def wait(self, seconds: "float | None") -> "tuple[bytes | None, list[int]]":
        try:
            return self._said.get(timeout=seconds), []
        except self._nothing:
            return None, []


def waiter() -> "PollWaiter | ThreadWaiter":
    """Return the one that works here."""
    return PollWaiter() if hasattr(select, "poll") else ThreadWaiter()
