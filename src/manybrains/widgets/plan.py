"""A plan: what a panel is asked to run, in words, and as the lines that do the same."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import Any

from ..lessons.stoppable import count_unless, wait_unless
from ..lessons.workloads import count
from ..records.machine import Machine

__all__ = ["LIMIT", "SIZES", "STRATEGIES", "Plan", "most_workers", "size_in_words"]

LIMIT = 60  # seconds that the workers may take
STRATEGIES = {"serial": "one after the other", "threads": "threads", "processes": "processes"}
SIZES: dict[str, tuple[float, ...]] = {
    "computing": (10_000, 100_000, 1_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000),
    "waiting": (0.02, 0.2, 1, 2, 4),
}
_CLASSES = {"threads": ("threading", "Thread"), "processes": ("multiprocessing", "Process")}
_LEAST, _MOST = 4, 16  # workers that one can choose at most, on a small and on a large machine


def most_workers(machine: Machine) -> int:
    """Return how many workers one can choose at most: twice as many as cores are yours."""
    return min(_MOST, max(_LEAST, 2 * math.ceil(machine.cores_yours)))


def size_in_words(work: str, size: float) -> str:
    """Return how much work it is: "10 million steps", "2 s of waiting"."""
    if work == "waiting":
        return f"{size:g} s of waiting"
    number, unit = (size / 1e6, " million") if size >= 1e6 else (size, "")
    return f"{number:,.0f}{unit} steps"


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        strategy: a key of `STRATEGIES`; the name of the run too.
        workers: how many share the work; without workers, "serial", it means nothing.
        work: "computing" or "waiting".
        size: steps or seconds, for all workers together.
    """

    strategy: str
    workers: int
    work: str
    size: float

    @property
    def part(self) -> float:
        """The steps or seconds of each worker."""
        workers = 1 if self.strategy == "serial" else self.workers
        return self.size // workers if self.work == "computing" else round(self.size / workers, 4)

    @property
    def task(self) -> Callable[[Any], object]:
        """What a worker process calls with its part."""
        return count if self.work == "computing" else sleep

    @property
    def stoppable_task(self) -> Callable[..., object]:
        """What a thread calls instead, with an event and its part."""
        return count_unless if self.work == "computing" else wait_unless

    @property
    def who(self) -> str:
        """Who does the work: "2 processes", or main alone."""
        if self.strategy == "serial":
            return "main alone"
        if self.workers == 1:
            return f"1 {_CLASSES[self.strategy][1].lower()}"
        return f"{self.workers} {self.strategy}"

    def __str__(self) -> str:
        return f"{self.who}, {size_in_words(self.work, self.size)} in all"

    @property
    def lines(self) -> str:
        """The cell that does the same."""
        computing = self.work == "computing"
        part = f"{int(self.part):_}" if computing else f"{self.part:g}"
        call = "count" if computing else "sleep"
        standard = [] if computing else ["from time import sleep"]
        ours = ["", "from manybrains import count"] if computing else []
        if self.strategy == "serial":
            imports = [*standard, *ours[1:]]
            body = [f"{call}({part})"]
        else:
            module, kind = _CLASSES[self.strategy]
            imports = [f"from {module} import {kind}", *standard, *ours]
            body = [
                f"workers = [{kind}(target={call}, args=[{part}]) for _ in range({self.workers})]",
                *(f"for worker in workers:\n    worker.{do}()" for do in ("start", "join")),
            ]
        head = f"%%watch {self.strategy} --deadline {LIMIT}"
        return "\n".join([head, *imports, "", *body])
