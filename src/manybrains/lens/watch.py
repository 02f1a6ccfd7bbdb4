"""watch(): run a block of code and see its workers; `%%watch` is its face in a notebook."""

import math
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from multiprocessing import active_children, process
from types import TracebackType
from typing import Any

from ..records.run import Helper, Lane, Run
from ..workers import cleanup as guard
from ..workers.events import cpu_of
from ..workers.hints import remedy
from .assemble import Block, assemble
from .deadline import Deadline
from .ending import end_since, kill_since
from .hooks import install
from .lifetimes import Life
from .procfs import kills_for_memory
from .sampler_client import Report, Sampler, helper_processes

__all__ = ["Watch", "WatchedRun", "watch"]

_STILL_WATCHED = "this run is still being watched: {} can be asked for after the block"


def watch(
    name: str = "run",
    *,
    deadline: float | None = None,
    interval: float = 0.05,
    quiet: bool = False,
) -> "Watch":
    """Watch a block of code: `with watch() as run: ...`; its figures are there afterwards.

    Every process and thread that the block starts becomes a lane of the `Run`.

    Args:
        name: what the run is called in pictures and tables.
        deadline: seconds after which the block's workers are killed and the block is
            interrupted; the run then has ``finished=False``, and the program goes on
            after the block.  Without one, the block takes what it takes.
        interval: seconds between two looks at each worker, at least 0.005.
        quiet: say nothing when the deadline passes.

    Raises:
        ValueError: if a figure makes no sense; the message says which and what would.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of a run should be some text, not {name!r}")
    if deadline is not None and not _is_between(deadline, 0.001, 1e6):
        raise ValueError(f"the deadline should be a number of seconds above 0, not {deadline!r}")
    if not _is_between(interval, 0.005, 3600.0):
        raise ValueError(f"the interval should be 0.005 to 3600 seconds, not {interval!r}")
    return Watch(name, deadline, interval, quiet)


def _is_between(value: object, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most  # type: ignore[operator]


def _cpu_by_now(workers: Iterable[process.BaseProcess]) -> dict[tuple[int, int], float | None]:
    """Return the CPU seconds of workers, this process and its threads, by pid and thread id."""
    own, threads = os.getpid(), [thread.native_id or 0 for thread in threading.enumerate()]
    pids = [own, *(worker.pid or own for worker in workers)]
    return {key: cpu_of(*key) for key in [*((own, t) for t in threads), *((p, 0) for p in pids)]}


class WatchedRun:
    """What `with watch() as run` yields: once the block is over, it answers for its Run.

    Every attribute of the Run is an attribute of this; `run` is the Run itself.
    """

    def __init__(self) -> None:
        self._run: Run | None = None

    @property
    def run(self) -> Run:
        """The Run.

        Raises:
            RuntimeError: while the block is still running.
        """
        if self._run is None:
            raise RuntimeError(_STILL_WATCHED.format("it"))
        return self._run

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._run is None:
            raise AttributeError(_STILL_WATCHED.format(f"its {name}"))
        return getattr(self._run, name)

    def __eq__(self, other: object) -> bool:
        if self is other or self._run is None:
            return self is other
        return self._run == (other._run if isinstance(other, WatchedRun) else other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "a run that is still being watched" if self._run is None else repr(self._run)


class Watch:
    """A block under watch; made by `watch`, good for one block.

    Attributes:
        handle: what the block is given; it has the Run once the block is over.
        trouble: why nobody could look, in a sentence; else empty.
    """

    def __init__(self, name: str, deadline: float | None, interval: float, quiet: bool) -> None:
        self.handle = WatchedRun()
        self.trouble = ""
        self._name = name
        self._interval = interval
        self._quiet = quiet
        self._seen = Report()
        self._deadline = None if deadline is None else Deadline(deadline, self._kill_workers)

    def __enter__(self) -> WatchedRun:
        self._session = session = install()
        if session.sampler is None:
            session.sampler = Sampler(session)
        self._before = set(active_children())
        self._key = session.sampler.begin(self._interval)
        self._baseline = _cpu_by_now(self._before)
        self._cpu = time.process_time()
        self._begin = time.perf_counter()
        if self._deadline is not None:
            try:
                self._deadline.start()
            except RuntimeError:  # no more threads: without a deadline it should not begin
                session.sampler.end(self._key)
                session.sampler.forget(self._key)
                raise
        return self.handle

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        finish, cpu = time.perf_counter(), time.process_time() - self._cpu
        if self._deadline is not None:
            self._deadline.stop()
        if self._passed or guard.is_interrupt(error):
            end_since(self._before)
        alive = _cpu_by_now(active_children())  # reaps the others
        self._seen = seen = self._session.sampler.end(self._key)
        lives = self._session.sampler.lives.read()
        helpers = helper_processes(self._session)
        block = Block(
            begin=self._begin,
            end=finish,
            pid=os.getpid(),
            name=process.current_process().name,
            cpu_seconds=cpu,
            lives=[one for one in lives if one.pid not in helpers],
            looks=seen.looks,
            gone=seen.gone,
            others=[other for other in seen.others if other[0] not in helpers],
            alive=alive,
            baseline=self._baseline,
        )
        self._session.sampler.forget(self._key)
        self.trouble = "" if seen.looks else self._session.sampler.trouble(self._name)
        return self._close(
            block, tuple(Helper(name, pid, os.getpid()) for pid, name in helpers.items()), error
        )

    def _close(
        self, block: Block, helpers: tuple[Helper, ...], error: BaseException | None
    ) -> bool:
        passed = self._passed
        lanes, samples = assemble(block)
        self._tell_of_memory(lanes, block.lives)
        if self.trouble and not self._quiet:
            print(self.trouble, file=sys.stderr)
        run = self.handle._run = Run(
            name=self._name,
            machine=self._session.sampler.machine(),
            wall_seconds=block.end - block.begin,
            lanes=lanes,
            samples=samples,
            helpers=helpers,
            interval=float(self._interval),
            finished=error is None and not passed,
            note=self._note(error),
            used_by_others=self._used_by_others(lanes, block.end - block.begin),
        )
        if not passed or isinstance(error, SystemExit):
            return False
        assert self._deadline is not None
        self._deadline.take_back(error)
        if not self._quiet:
            print(f"{self._name}: {run.note}")
        return True

    def _used_by_others(self, lanes: Sequence[Lane], seconds: float) -> float | None:
        if self._seen.busy is None:
            return None
        ours = math.fsum(lane.cpu_seconds for lane in lanes) / seconds
        return max(0.0, self._seen.busy - ours)

    def _tell_of_memory(self, lanes: Sequence[Lane], lives: Sequence[Life]) -> None:
        """Tell who was killed and not by us, if the system has killed for memory meanwhile."""
        ours = {life.pid for life in lives if life.shot_cpu is not None}
        killed = [lane.name for lane in lanes if lane.exit_code == -9 and lane.pid not in ours]
        before = self._seen.kills
        if killed and before is not None and kills_for_memory() > before:
            names = ", ".join(killed[:3]) + (", ..." if len(killed) > 3 else "")
            self.trouble += f"{self._name}: memory ran out, and the system killed {names}. "
            self.trouble += remedy(MemoryError())

    @property
    def _passed(self) -> bool:
        return self._deadline is not None and self._deadline.passed

    def _note(self, error: BaseException | None) -> str:
        if self._deadline is not None and self._deadline.passed:
            return self._deadline.sentence
        return "" if error is None else f"stopped by {type(error).__name__}"

    def _kill_workers(self) -> None:
        kill_since(self._before)
