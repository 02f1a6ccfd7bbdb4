"""TwoWorkers: a trial of an answer to an exercise that divides numbers among two workers.

A check must tell a wrong answer from a right one in every run, on a busy machine too.
So the numbers of this trial delay a worker at two moments: before its first result, and at
its end.
"""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["TwoWorkers"]

WEIGHT = bytes(2_000_000)  # sent with each number: more than a pipe holds on any system
LOOK_SECONDS = 0.005  # from one look at the notes of other processes to the next
STAY_SECONDS = 2.0  # at most: so long a worker stays alive if main does not join it
LONG_WAIT = 0.2  # seconds: a shorter join may be part of a loop that reads results


@dataclass(frozen=True)
class _Notes:
    """Notes of processes for each other, as empty files: this works under every start method."""

    folder: Path
    main: int

    def leave(self, note: str) -> bool:
        """Leave a note, and return whether it is new; after the trial no note is new."""
        try:
            (self.folder / note).touch(exist_ok=False)
        except (FileExistsError, FileNotFoundError):
            return False
        return True

    def beginning_with(self, words: str) -> list[str]:
        try:
            return [path.name for path in self.folder.iterdir() if path.name.startswith(words)]
        except FileNotFoundError:  # the trial is over
            return []

    def has(self, note: str) -> bool:
        return (self.folder / note).exists()

    @property
    def over(self) -> bool:
        return not self.folder.is_dir()

    def wait_for(self, event: Callable[[], bool], seconds: float = 1e6) -> None:
        until = time.monotonic() + seconds
        while not (event() or self.over) and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)


class _GatedNumber(int):
    """A number that notes which process divides it, and that main has received it.

    A worker that divides such a number must wait until a second process divides one too.  The
    process of the worker then lives until main joins it, or two seconds.  The pickle of a
    number is larger than a pipe.
    """

    notes: _Notes
    place: int

    def __mod__(self, divisor: int) -> int:
        _pass(self.notes)
        return int(self) % divisor

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (int(self), self.notes, self.place, WEIGHT)


def _gated(value: int, notes: _Notes, place: int) -> _GatedNumber:
    number = _GatedNumber(value)
    number.notes, number.place = notes, place
    return number


def _arrived(value: int, notes: _Notes, place: int, _weight: bytes) -> _GatedNumber:
    if os.getpid() == notes.main:
        notes.leave(f"arrived {place}")
    return _gated(value, notes, place)


def _pass(notes: _Notes) -> None:
    pid = os.getpid()
    new = notes.leave(f"tested by {pid}")
    if pid == notes.main:
        return
    if new:  # the process cannot end before this thread
        threading.Thread(target=_stay, args=(notes, pid), name="stays until joined").start()
    notes.wait_for(lambda: len(notes.beginning_with("tested by")) > 1)


def _stay(notes: _Notes, pid: int) -> None:
    notes.wait_for(lambda: notes.has(f"joined {pid}"), STAY_SECONDS)


class TwoWorkers:
    """A context manager: inside its block, a check calls the answer with numbers of the trial.

    Attributes:
        problem: after the block, a sentence about what the workers did wrong, or "".
    """

    def __init__(self) -> None:
        self.problem = ""
        self._made = 0
        self._gave_up = ""

    def __enter__(self) -> "TwoWorkers":
        self._notes = _Notes(Path(tempfile.mkdtemp(prefix="manybrains-")), os.getpid())
        self._before = set(active_children())
        self._join = BaseProcess.join

        def join(self: BaseProcess, timeout: float | None = None) -> None:
            note_join(self, timeout)

        note_join = self._note_join
        BaseProcess.join = join  # type: ignore[method-assign]
        return self

    def number(self, value: int) -> int:
        """Return an equal number; a worker that tests it waits until two workers test numbers."""
        self._made += 1
        return _gated(value, self._notes, self._made)

    def _note_join(self, worker: BaseProcess, timeout: float | None) -> None:
        arrived = len(self._notes.beginning_with("arrived"))
        if timeout is None or arrived == self._made:
            self._notes.leave(f"joined {worker.pid}")
        self._join(worker, timeout)
        read = self._notes.beginning_with("arrived")
        if timeout is not None and timeout >= LONG_WAIT and not read and worker.is_alive():
            self._gave_up = worker.name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        BaseProcess.join = self._join  # type: ignore[method-assign]
        left = set(active_children()) - self._before
        names = sorted((one.name for one in left), key=lambda name: (len(name), name))
        self.problem = self._found_problem([] if error else names)
        if error and not self._testers():
            self.problem = ""  # no process tested a number: the error says more
        shutil.rmtree(self._notes.folder, ignore_errors=True)
        for worker in left:
            worker.kill()
            worker.join()

    def _testers(self) -> set[int]:
        return {int(note.split()[-1]) for note in self._notes.beginning_with("tested by")}

    def _found_problem(self, left: list[str]) -> str:
        testers = self._testers()
        if self._notes.main in testers:
            return "main itself tested numbers: leave all of them to the two workers"
        if not testers:
            return "no worker has tested the numbers: hand them to two workers"
        if len(testers) == 1:
            return "one worker tested numbers, and waited for the other, which never tested any"
        if len(testers) > 2:
            return f"{len(testers)} workers tested numbers: there should be two"
        if self._gave_up:
            return (
                f"main joined {self._gave_up} before it had read any result, and join gave up "
                "at its time limit: main waited for nothing"
            )
        if left:
            return f"{' and '.join(left)} had not ended when the function returned: join them all"
        return ""
