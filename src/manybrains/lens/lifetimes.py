"""What the journal tells, read back: one `Life` for each worker that it names."""

import contextlib
import os
import threading
from dataclasses import dataclass

from ..workers.events import open_to_read

__all__ = ["Life", "Lives"]


@dataclass(slots=True)
class Life:
    """What is known of one worker, on the clock of `time.perf_counter`."""

    pid: int
    thread_id: int | None = None
    parent_pid: int | None = None
    name: str = ""
    requested: float | None = None
    started: float | None = None
    ended: float | None = None
    own_cpu: float | None = None  # as the worker itself counted at its last instruction
    children_cpu: float = 0.0  # of those it waited for: the kernel's account includes them
    kernel_cpu: float | None = None  # as the operating system counted when it was reaped
    shot_cpu: float | None = None  # just before a signal was sent to it
    exit_code: int | None = None

    @property
    def cpu_seconds(self) -> float | None:
        """CPU time over the whole life: the operating system's word before the worker's."""
        if self.kernel_cpu is not None:
            return max(self.kernel_cpu - self.children_cpu, self.own_cpu or 0.0)
        return self.own_cpu if self.own_cpu is not None else self.shot_cpu

    def over(self, moment: float) -> bool:
        """Whether it had ended by then."""
        return self.ended is not None and self.ended < moment


class Lives:
    """The reading side: every life that the journal tells of, in order of first mention."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.all: list[Life] = []
        self._newest: dict[tuple[int, int | None], Life] = {}
        self._descriptor = open_to_read(path)
        self._rest = b""
        self._lock = threading.Lock()

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self) -> list[Life]:
        """Read what is new and return all lives known by now."""
        with self._lock:
            while chunk := os.read(self._descriptor, 1 << 20):
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                for line in lines:
                    # A full disk cuts lines short: what makes no sense is left out.
                    with contextlib.suppress(AttributeError, TypeError, ValueError):
                        self._take(line.decode("ascii").split("\t"))
            return list(self.all)

    def forget_before(self, moment: float) -> None:
        """Let go of those who had ended by then, and of the threads that ended with them."""
        with self._lock:
            over = {life.pid for life in self.all if not life.thread_id and life.over(moment)}
            self.all = [
                life
                for life in self.all
                if not life.over(moment) and not (life.thread_id and life.pid in over)
            ]
            self._newest = {(life.pid, life.thread_id): life for life in self.all}

    def _take(self, fields: list[str]) -> None:
        event, pid, *rest, name = fields
        figures = [float(f) if f else None for f in rest]
        handler = getattr(self, f"_on_{event}")
        handler(int(pid), name.encode("ascii").decode("unicode_escape"), *figures)

    def _life(self, pid: int, thread_id: int | None = None) -> Life:
        key = (pid, thread_id)
        if key not in self._newest:
            self._begin(Life(pid, thread_id))
        return self._newest[key]

    def _begin(self, life: Life) -> None:
        self.all.append(life)
        self._newest[life.pid, life.thread_id] = life

    def _on_asked(self, pid: int, name: str, parent: float, asked: float) -> None:
        # Written by the parent after start(), so the worker may have spoken already.
        life = self._newest.get((pid, None))
        if life is None or life.requested is not None or (life.started or asked) < asked:
            life = Life(pid)
            self._begin(life)
        life.parent_pid, life.requested, life.name = int(parent), asked, name

    def _on_born(self, pid: int, name: str, parent: float, born: float) -> None:
        life = self._newest.get((pid, None))
        if life is None or life.started is not None or life.ended is not None:
            life = Life(pid)
            self._begin(life)
        life.parent_pid, life.started, life.name = int(parent), born, name

    def _on_died(
        self, pid: int, _: str, died: float, cpu: float, children: float, code: float
    ) -> None:
        life = self._life(pid)
        life.ended, life.own_cpu, life.children_cpu = died, cpu, children
        life.exit_code = int(code)

    def _on_reaped(
        self, pid: int, _: str, moment: float, code: float, cpu: float | None = None
    ) -> None:
        life = self._life(pid)
        life.exit_code, life.kernel_cpu = int(code), cpu
        life.ended = moment if life.ended is None else life.ended

    def _on_shot(self, pid: int, _: str, cpu: float) -> None:
        self._life(pid).shot_cpu = cpu

    def _on_thread_born(
        self, pid: int, name: str, thread: float, asked: float | None, born: float
    ) -> None:
        life = Life(pid, int(thread), pid, name, requested=asked, started=born)
        self._begin(life)

    def _on_thread_died(self, pid: int, _: str, thread: float, died: float, cpu: float) -> None:
        life = self._life(pid, int(thread))
        life.ended, life.own_cpu = died, cpu
