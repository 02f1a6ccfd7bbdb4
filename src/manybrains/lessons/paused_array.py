"""PausedArray: an Array in which an answer without the lock loses an update every time.

An operating system now and then pauses a worker between its read and its write of a number.
This Array does the same, once: it pauses a worker that does not hold the lock, until the other
worker has written.  The checks of exercises use it.
"""

import multiprocessing
import os
import time
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Any

__all__ = ["PausedArray"]

LOOK_SECONDS = 0.002  # from one look at what the other worker has written to the next
PAUSE_SECONDS = 2.0  # at most: the other worker may wait for this one, and then no update is lost


class PausedArray:
    """An Array for two workers, used like a `multiprocessing.Array`; it is its own lock.

    The first worker that has read a number and does not hold the lock waits until the other
    worker has written there, or for two seconds.  Then it writes a result of the old number,
    and the update by the other worker is lost.

    Args:
        array: what `multiprocessing.Array` returned.
        context: the context of the workers; by default that of the current start method.
    """

    def __init__(self, array: Any, context: BaseContext | None = None) -> None:
        context = context or multiprocessing.get_context()
        self._array = array
        self._main = os.getpid()
        self._first = context.Lock()  # the paused worker takes it and never releases it
        self._overwritten = context.Value("i", 0)
        self._users = {"lock": context.Value("i", 0), "raw": context.Value("i", 0)}
        # Each process has its own copy of what follows.
        self._used: set[str] = set()
        self._depth = 0
        self._read: tuple[Any, Any] | None = None

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, place: Any) -> Any:
        seen = self._array[place]
        self._read = place, seen
        if not self._depth:
            self._pause()
        return seen

    def __setitem__(self, place: Any, value: Any) -> None:
        self._array[place] = value
        self._read = None

    def get_lock(self) -> "PausedArray":
        return self

    def get_obj(self) -> Any:
        """Return the memory itself; its use pauses no worker."""
        self._note_use("raw")
        return self._array.get_obj()

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        acquired = bool(self._array.get_lock().acquire(block, timeout))
        if acquired:
            self._depth += 1
            self._note_use("lock")
        return acquired

    def release(self) -> None:
        self._array.get_lock().release()
        self._depth -= 1
        if not self._depth:
            self._pause()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def problem(self, wanted: list[int]) -> str:
        """Return in a sentence how updates were lost or could have been lost, or ""."""
        unguarded = self._users["raw"].value and self._users["lock"].value < 2
        found = list(self._array)
        if unguarded:
            return "get_obj() gives the numbers without their lock: take the lock as well"
        if found == wanted:
            return ""
        place = next(i for i, number in enumerate(found) if number != wanted[i])
        lost = f"number {place} of the Array is {found[place]}, and should be {wanted[place]}"
        if not self._overwritten.value:
            return lost
        return (
            f"{lost}: one worker was stopped after it had read a number, the other one wrote, and "
            "the first one wrote over that; hold the lock of the Array from reading to writing"
        )

    def _pause(self) -> None:
        if self._read is None or os.getpid() == self._main or not self._first.acquire(block=False):
            return
        place, seen = self._read
        until = time.monotonic() + PAUSE_SECONDS
        while time.monotonic() < until:
            if self._array[place] != seen:
                self._overwritten.value = 1
                return
            time.sleep(LOOK_SECONDS)

    def _note_use(self, what: str) -> None:
        if what not in self._used:
            self._used.add(what)
            with self._users[what].get_lock():
                self._users[what].value += 1
