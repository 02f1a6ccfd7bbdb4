"""A trial: a plan that is carried out under `watch()`, in a thread of its own, with a Stop.

The thread that presses Run or Stop never waits for it: in a notebook, that would keep the other
button from working.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from multiprocessing import Process

from ..hooks.hints import remedy
from ..lens.watch import watch
from ..lens.watched_run import WatchedRun
from ..records.run import Run
from ..workers.cleanup import end
from .plan import LIMIT, Plan

__all__ = ["Trial"]

Follow = Callable[[WatchedRun], AbstractContextManager[object]]
_turn = threading.Lock()  # whose turn it is: two at once would be in each other's pictures
_LOOK = 0.05  # seconds from one look at Stop to the next
_END_TIMEOUT = 1.0  # seconds within which a thread that is told to end should be gone


class Stop(Exception):  # noqa: N818 - the picture says "until Stop"
    """Raised in the watched block when Stop was pressed."""


class WorkerFailed(Exception):  # noqa: N818 - as above
    """Raised in the watched block when a worker has not done its work."""


class Trial:
    """One run of a plan; there is one at a time.

    Args:
        plan: what to run.
        over: called with this trial when it has ended, in whatever way, and nobody is left.
        follow: a context manager around the workers' lives; it gets the handle of the run.

    Attributes:
        run: the Run, finished or not; None if nothing could be watched.
        problem: a sentence about why it has not finished; else empty.
    """

    def __init__(
        self,
        plan: Plan,
        over: Callable[["Trial"], object] = lambda _: None,
        follow: Follow = nullcontext,
    ) -> None:
        self.plan = plan
        self.run: Run | None = None
        self.problem = ""
        self._tell = over
        self._follow = follow
        self._stop = threading.Event()
        self._is_pressed = False
        self._workers: list[Process | threading.Thread] = []
        self._thread = threading.Thread(target=self._carry_out, name="panel", daemon=True)

    def start(self) -> None:
        """Begin, and do not wait.

        Raises:
            RuntimeError: if another trial is going on, or if no thread can be started.
        """
        if not _turn.acquire(blocking=False):
            raise RuntimeError("another panel is running: wait for its end, or press its Stop")
        try:
            self._thread.start()
        except BaseException:
            _turn.release()
            raise

    def stop(self) -> None:
        """End the workers soon, and do not wait."""
        self._is_pressed = True
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait until it has ended; tell whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _carry_out(self) -> None:
        try:
            self._watch()
        except Stop:
            wall = self.run.wall_seconds if self.run is not None else 0.0
            self.problem = f"Stopped after {wall:.2f} s. {self._who_is_left()}"
        except Exception as error:  # whatever it is, it becomes a sentence
            self.problem = " ".join(
                filter(None, [f"It did not work: {_told(error)}.", remedy(error)])
            )
        finally:
            _turn.release()
            self._tell(self)

    def _watch(self) -> None:
        watched = watch(self.plan.strategy, quiet=True)
        try:
            with watched as handle, self._follow(handle):
                self._work()
        finally:
            with suppress(RuntimeError):  # the watch itself could not begin
                self.run = watched.handle.run

    def _work(self) -> None:
        plan = self.plan
        if plan.strategy == "serial":
            plan.stoppable_task(self._stop, plan.part)
            self._require_going_on()
            return
        try:
            for number in range(1, plan.workers + 1):
                self._require_going_on()
                worker = self._worker(f"worker {number}")
                worker.start()
                self._workers.append(worker)
            self._wait(time.monotonic() + LIMIT)
        finally:
            self._end()

    def _worker(self, name: str) -> Process | threading.Thread:
        plan = self.plan
        if plan.strategy == "processes":
            return Process(target=plan.task, args=(plan.part,), name=name, daemon=True)
        task, arguments = plan.stoppable_task, (self._stop, plan.part)
        return threading.Thread(target=task, args=arguments, name=name, daemon=True)

    def _wait(self, until: float) -> None:
        for worker in self._workers:
            while worker.is_alive():
                worker.join(_LOOK)
                self._require_going_on()
                if time.monotonic() > until:
                    raise TimeoutError(f"it took longer than {LIMIT} s")
            if isinstance(worker, Process) and worker.exitcode != 0:
                self._stop.wait(_LOOK)  # an interrupt reaches the workers first
                self._require_going_on()
                raise WorkerFailed(f"{worker.name} ended with exit code {worker.exitcode}")

    def _require_going_on(self) -> None:
        if self._is_pressed:
            raise Stop

    def _end(self) -> None:
        """End whoever is still there, and wait for it."""
        self._stop.set()
        end([worker for worker in self._workers if isinstance(worker, Process)])
        until = time.monotonic() + _END_TIMEOUT
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))

    def _who_is_left(self) -> str:
        left = [worker.name for worker in self._workers if worker.is_alive()]
        return f"Still there: {', '.join(left)}." if left else "No worker is left."


def _told(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text if isinstance(error, WorkerFailed) else f"{type(error).__name__}, {text}"
