"""watch(): run a block of code and see its workers; in a notebook, `%%watch` calls it."""

import contextlib
import functools
import math
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from multiprocessing import active_children, process
from types import TracebackType

from ..deadlines.deadline import Deadline
from ..deadlines.places import sentence_of
from ..deadlines.stacks import Stack, stack_of
from ..hooks.hints import remedy
from ..records.run import Helper, Lane, Run
from ..sampler.deadlines import LATE, WHY_LATE
from ..sampler.procfs import kills_for_memory
from ..workers.cleanup import children, end_since, kill_since, there
from ..workers.cpu_clock import cpu_of
from ..workers.interrupts import is_interrupt
from ..workers.session import Session
from . import installation
from .assemble import assemble, memory_looks
from .lifetimes import Lifetime
from .new_facts import growing_run
from .observations import Key, Observations
from .report import Report
from .sampler_client import Sampler, helpers_of
from .standing import where_everybody_stands
from .watched_run import WatchedRun

__all__ = ["Watch", "watch"]


def watch(
    name: str = "run",
    *,
    deadline: float | None = None,
    interval: float = 0.05,
    quiet: bool = False,
    memory: bool = False,
) -> "Watch":
    """Watch a block of code: `with watch() as run: ...`; afterwards `run` has its figures.

    Every process and thread that the block starts becomes a lane of the `Run`.

    Args:
        name: the name of the run in pictures and tables.
        deadline: seconds after which the block's workers and programs are killed and the block
            is interrupted, whatever it does with errors and signals.  The run then has
            ``finished=False`` and says where each lane stood, and the program goes on after the
            block.  Without a deadline, the block may take any time.
        interval: seconds between two looks at each worker, at least 0.005.
        quiet: print nothing when the deadline passes.
        memory: look now and then at the memory of each process, for `plot_memory`.  It takes the
            sampler some milliseconds for each 100 MB, and up to a twentieth of a core.

    Raises:
        ValueError: if an argument makes no sense; the message says which, and what would.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of a run should be some text, not {name!r}")
    if deadline is not None and not _is_between(deadline, 0.001, 1e6):
        raise ValueError(f"the deadline should be a number of seconds above 0, not {deadline!r}")
    if not _is_between(interval, 0.005, 3600.0):
        raise ValueError(f"the interval should be 0.005 to 3600 seconds, not {interval!r}")
    return Watch(name, deadline, interval, quiet, memory)


def _is_between(value: object, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most  # type: ignore[operator]


def _cpu_by_now(workers: Iterable[process.BaseProcess]) -> dict[Key, float | None]:
    """Return the CPU seconds of workers, this process and its threads."""
    own, threads = os.getpid(), [thread.native_id or 0 for thread in threading.enumerate()]
    pids = [own, *(worker.pid or own for worker in workers)]
    return {key: cpu_of(*key) for key in [*((own, t) for t in threads), *((p, 0) for p in pids)]}


class Watch:
    """The context manager that `watch` returns; it serves for one block.

    Attributes:
        handle: what the block gets; it has the Run after the block.
        trouble: a sentence about why the sampler could not look, or that the system killed
            workers for memory; else empty.
    """

    def __init__(
        self, name: str, deadline: float | None, interval: float, quiet: bool, memory: bool
    ) -> None:
        self.handle = WatchedRun()
        self.trouble = ""
        self._name = name
        self._interval = interval
        self._quiet = quiet
        self._with_memory = memory
        self._stood_at: dict[Key, str] = {}
        self._killed: set[process.BaseProcess] = set()
        self._deadline: Deadline | None = None
        if deadline is not None:
            self._deadline = Deadline(
                deadline,
                self._look_around,
                self._kill_workers,
                lambda: self._sampler.drop_deadline(self._key),
            )

    def __enter__(self) -> WatchedRun:
        with contextlib.ExitStack() as undo:
            self._session = session = installation.install()
            undo.callback(installation.release)
            if session.sampler is None:
                session.sampler = Sampler(session)
            self._sampler: Sampler = session.sampler
            self._before = set(active_children())
            self._there = there()
            self._key = self._sampler.begin(self._interval, self._with_memory)
            undo.callback(self._sampler.forget, self._key)
            undo.callback(self._sampler.end, self._key)
            self._baseline = _cpu_by_now(self._before)
            self._cpu = time.process_time()
            self._begin = time.perf_counter()
            facts = (session, self._key, self._name, self._begin, self._baseline)
            self.handle.begin(functools.partial(growing_run, *facts))
            if self._deadline is not None:
                signal = installation.strike_signal(session)
                self._deadline.start(signal)
                self._sampler.keep_deadline(self._key, self._deadline.until, signal)
            undo.pop_all()
        return self.handle

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        finish, cpu = time.perf_counter(), time.process_time() - self._cpu
        try:
            if self._deadline is not None:
                self._deadline.stop()
            if is_interrupt(error) and not self._passed:
                self._look_around(_stack_of_error(error))
            if self._passed or is_interrupt(error):
                self._killed |= end_since(self._there)
                finish = time.perf_counter()  # the block is over when they are gone
            seen, report = self._observe(finish, cpu)
            return self._close(seen, report, error)
        finally:
            installation.release()

    def _observe(self, finish: float, cpu: float) -> tuple[Observations, Report]:
        alive = _cpu_by_now(active_children())  # reaps the others
        report = self._sampler.end(self._key, self._passed)
        lifetimes = self._sampler.lifetimes.read()
        self._helpers = _all_helpers(self._session, report)
        helpers = {helper.pid for helper in self._helpers}
        seen = Observations(
            begin=self._begin,
            end=finish,
            pid=os.getpid(),
            name=process.current_process().name,
            cpu_seconds=cpu,
            lifetimes=[life for life in lifetimes if life.pid not in helpers],
            looks=report.looks,
            exits=report.exits,
            unrecorded=[other for other in report.unrecorded if other.pid not in helpers],
            alive=alive,
            baseline=self._baseline,
            stood_at=self._stood_at,
            memory=report.memory,
        )
        self._sampler.forget(self._key)
        self.trouble = "" if report.looks else self._sampler.trouble(self._name)
        return seen, report

    def _close(self, seen: Observations, report: Report, error: BaseException | None) -> bool:
        passed, seconds = self._passed, seen.end - seen.begin
        lanes, samples = assemble(seen)
        self._tell_of_memory(lanes, seen.lifetimes, report.kills)
        if self.trouble and not self._quiet:
            print(self.trouble, file=sys.stderr)
        run = Run(
            name=self._name,
            machine=self._sampler.machine(),
            wall_seconds=seconds,
            lanes=lanes,
            samples=samples,
            helpers=self._helpers,
            interval=float(self._interval),
            finished=error is None and not passed,
            note=self._note(lanes, error, seconds),
            used_by_others=_used_by_others(report, lanes, seconds),
            memory=memory_looks(seen, lanes),
        )
        self.handle.complete(run)
        if not passed or isinstance(error, SystemExit):
            return False
        if not self._quiet:
            print(f"{self._name}: {run.note}")
        return True

    def _tell_of_memory(
        self, lanes: Sequence[Lane], lifetimes: Sequence[Lifetime], kills: int | None
    ) -> None:
        """Name the workers that the system killed for memory: killed meanwhile, and not by us."""
        ours = {life.pid for life in lifetimes if life.cpu_before_kill is not None}
        killed = [lane.name for lane in lanes if lane.exit_code == -9 and lane.pid not in ours]
        if killed and kills is not None and kills_for_memory() > kills:
            names = ", ".join(killed[:3]) + (", ..." if len(killed) > 3 else "")
            self.trouble += f"{self._name}: memory ran out, and the system killed {names}. "
            self.trouble += remedy(MemoryError())

    @property
    def _passed(self) -> bool:
        return self._deadline is not None and self._deadline.passed

    def _note(self, lanes: Sequence[Lane], error: BaseException | None, seconds: float) -> str:
        """Return why the block did not finish, where each lane stood, and what was ended."""
        if not self._passed or self._deadline is None:
            return "" if error is None else f"stopped by {type(error).__name__}"
        told = [f"stopped at its deadline of {self._deadline.seconds:g} s"]
        if (late := seconds - self._deadline.seconds) > LATE:
            told.append(f"{late:.1f} s late, {WHY_LATE}")
        if stood := sentence_of([(lane.name, lane.stood_at) for lane in lanes]):
            told.append(stood)
        if count := sum(map(_was_killed, self._killed)):
            told.append("1 worker was ended" if count == 1 else f"{count} workers were ended")
        running = [lane.name for lane in lanes if lane.kind == "thread" and lane.ended is None]
        if running:
            told.append(f"still running, since a thread cannot be ended: {', '.join(running)}")
        return "; ".join(told)

    def _look_around(self, block: Stack) -> None:
        with contextlib.suppress(Exception):  # the workers are ended, whatever is in the way here
            self._stood_at = self._where_everybody_stands(block)

    def _where_everybody_stands(self, block: Stack) -> dict[Key, str]:
        pids = {worker.pid for worker in children() - self._before}
        known = [life for life in self._sampler.lifetimes.read() if not life.thread_id]
        pids |= {life.pid for life in known if life.reaped is None and self._is_ours(life)}
        return where_everybody_stands(self._session, block, pids - {None, os.getpid()})

    def _is_ours(self, life: Lifetime) -> bool:
        return life.first_moment is not None and life.first_moment >= self._begin

    def _kill_workers(self) -> None:
        self._killed |= kill_since(self._there)


def _was_killed(worker: process.BaseProcess) -> bool:
    """Tell whether a worker was really killed: it may have ended before, and nobody had asked."""
    with contextlib.suppress(ValueError):  # it is closed
        return worker.exitcode in (-9, -15)  # Windows ends a process as by SIGTERM
    return False


def _all_helpers(session: Session, report: Report) -> tuple[Helper, ...]:
    """Return the helper processes that we know of, and those that the sampler has found."""
    known = {helper.pid: helper for helper in (*report.helpers, *helpers_of(session))}
    return tuple(known.values())


def _used_by_others(report: Report, lanes: Sequence[Lane], seconds: float) -> float | None:
    if report.busy is None:
        return None
    ours = math.fsum(lane.cpu_seconds for lane in lanes) / seconds
    return max(0.0, report.busy - ours)


def _stack_of_error(error: BaseException | None) -> Stack:
    """Return the stack where an error was raised, from its traceback."""
    trace = error.__traceback__ if error is not None else None
    calls: list[Stack] = []
    while trace is not None:
        [innermost, *_] = stack_of(trace.tb_frame)
        calls.append((innermost._replace(line=trace.tb_lineno),))
        trace = trace.tb_next
    return tuple(call for [call] in reversed(calls))
