"""The reading side of the log of events: one `Lifetime` for each worker in it."""

import os
import threading
from dataclasses import dataclass

from ..workers.events import Event, open_to_read, parse

__all__ = ["Lifetime", "Lifetimes"]


@dataclass(slots=True)
class Lifetime:
    """What was noted of one worker, on the clock of `time.perf_counter`.

    Attributes:
        pid: the process id.
        thread_id: the native id of a thread; None for processes.
        asker: the process that called ``start()``.
        parent: the process that really started it.
        requested: when ``start()`` was called.
        started: when it ran its first own instruction.
        finished: when it ran its last own instruction; its process ends later.
        reaped: when another process was told how it ended: it was gone by then.
        own_cpu: its own count of its CPU seconds, at its last instruction.
        children_cpu: CPU seconds of the children for which it had waited; `system_cpu` can
            include them.
        system_cpu: the system's count of its CPU seconds, when it was reaped.
        cpu_before_kill: its CPU seconds just before a signal was sent to it.
    """

    pid: int
    thread_id: int | None = None
    name: str = ""
    asker: int | None = None
    parent: int | None = None
    requested: float | None = None
    started: float | None = None
    finished: float | None = None
    reaped: float | None = None
    own_cpu: float | None = None
    children_cpu: float = 0.0
    system_cpu: float | None = None
    cpu_before_kill: float | None = None
    exit_code: int | None = None

    @property
    def first_moment(self) -> float | None:
        """When it was requested; if that is not known, when it ran its first instruction."""
        return self.requested if self.requested is not None else self.started

    def is_over(self, moment: float) -> bool:
        """Tell whether it is known to have ended by then; a thread ends at its last instruction."""
        end = self.finished if self.thread_id else self.reaped
        return end is not None and end < moment


class Lifetimes:
    """Reads the log: every lifetime in it, in the order in which they first appear."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.all: list[Lifetime] = []
        self._newest: dict[tuple[int, int | None], Lifetime] = {}
        self._descriptor = open_to_read(path)
        self._rest = b""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file of the log."""
        os.close(self._descriptor)

    def read(self) -> list[Lifetime]:
        """Read what is new and return all lifetimes known by now."""
        with self._lock:
            while chunk := os.read(self._descriptor, 1 << 20):
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                for line in lines:
                    if (event := parse(line)) is not None:
                        self._take(event)
            return list(self.all)

    def forget_before(self, moment: float) -> None:
        """Drop the processes that had ended by then, and their threads."""
        with self._lock:
            over = {life.pid for life in self.all if not life.thread_id and life.is_over(moment)}
            self.all = [
                life
                for life in self.all
                if not life.is_over(moment) and not (life.thread_id and life.pid in over)
            ]
            self._newest = {(life.pid, life.thread_id): life for life in self.all}

    def _take(self, event: Event) -> None:
        if event.kind == "requested":
            self._on_request(event)
        elif event.kind == "born":
            self._on_birth(event)
        else:
            self._on_end(event, self._life(event))

    def _life(self, event: Event) -> Lifetime:
        key = (event.pid, event.thread)
        return self._newest.get(key) or self._begin(event)

    def _begin(self, event: Event) -> Lifetime:
        life = self._newest[event.pid, event.thread] = Lifetime(event.pid, event.thread)
        self.all.append(life)
        return life

    def _on_request(self, event: Event) -> None:
        # The parent writes this after start(), so the worker may have written before.
        life = self._newest.get((event.pid, None))
        asked = event.moment or 0.0
        if life is None or life.requested is not None or (life.started or asked) < asked:
            life = self._begin(event)
        life.asker, life.requested, life.name = event.asker, event.moment, event.name

    def _on_birth(self, event: Event) -> None:
        life = self._newest.get((event.pid, event.thread))
        if life is None or life.started is not None or life.reaped is not None:
            life = self._begin(event)
        life.parent, life.started, life.name = event.parent, event.moment, event.name
        if event.asker is not None:
            life.asker = event.asker
        if event.thread is not None:
            life.requested = event.requested

    def _on_end(self, event: Event, life: Lifetime) -> None:
        if event.kind == "finished":
            life.finished, life.own_cpu = event.moment, event.cpu
            life.children_cpu = event.children_cpu or 0.0
        elif event.kind == "reaped":
            life.reaped, life.system_cpu, life.exit_code = event.moment, event.cpu, event.code
        elif event.kind == "signalled":
            life.cpu_before_kill = event.cpu
