"""An interrupt, whenever it comes, leaves no worker that nobody knows, and loses no exit code."""

import contextlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import psutil
import pytest
from kernels import TRIALS
from worker_functions import burn

from manybrains.hooks import executor_hooks
from manybrains.lens import installation
from manybrains.workers import interrupts
from manybrains.workers.cleanup import children, end
from manybrains.workers.interrupts import DelayedInterrupt, NotedInterrupts, is_delayed

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX"),
    pytest.mark.usefixtures("nobody_left"),
    pytest.mark.timeout(120 + 10 * TRIALS),
]
TIMES = 20 * TRIALS


@pytest.fixture
def context(start_method: str) -> Iterator[multiprocessing.context.BaseContext]:
    """The start method, its helpers begun."""
    installation.install()
    context = multiprocessing.get_context(start_method)
    start_and_join(context)
    yield context
    end(children())
    installation.release()


def start_and_join(context: multiprocessing.context.BaseContext) -> float:
    begin = time.perf_counter()
    worker = context.Process(target=burn, args=(0.0,))
    worker.start()
    worker.join()
    return time.perf_counter() - begin


def interrupt_after(seconds: float) -> threading.Thread:
    def interrupt() -> None:
        time.sleep(seconds)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def interrupted(worker: multiprocessing.process.BaseProcess, seconds: float, join: bool) -> None:
    """Start the worker, and be interrupted meanwhile, or after."""
    with pytest.raises(KeyboardInterrupt):
        interrupt_after(seconds)
        worker.start()
        if join:
            worker.join()
        time.sleep(60)


def test_an_interrupt_at_any_moment_loses_no_exit_code(
    context: multiprocessing.context.BaseContext,
) -> None:
    chance, whole = random.Random(1), start_and_join(context)
    codes = set()
    for _ in range(TIMES):
        worker = context.Process(target=burn, args=(0.0,))
        interrupted(worker, chance.uniform(0, 1.2 * whole), join=True)
        if worker.pid is not None:
            worker.join()
            codes.add(worker.exitcode)
    assert codes <= {0}


def test_an_interrupt_at_any_moment_leaves_no_worker_that_nobody_knows(
    context: multiprocessing.context.BaseContext,
) -> None:
    chance, whole = random.Random(2), start_and_join(context)
    helpers = {child.pid for child in psutil.Process().children()}
    for _ in range(TIMES):
        worker = context.Process(target=time.sleep, args=(60,))
        interrupted(worker, chance.uniform(0, whole), join=False)
        end(children())
        until = time.monotonic() + 5
        while alive(helpers) and time.monotonic() < until:
            time.sleep(0.01)
        assert [] == alive(helpers)


def alive(helpers: set[int]) -> list[psutil.Process]:
    others = (child for child in psutil.Process().children() if child.pid not in helpers)
    return [child for child in others if not is_gone(child)]


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# --- notes of interrupts ------------------------------------------------------------------


def test_an_interrupt_is_noted_and_passed_on_and_the_handler_is_put_back() -> None:
    before, noted = signal.getsignal(signal.SIGINT), NotedInterrupts()
    noted.begin()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    noted.end()
    assert (True, before) == (noted.came, signal.getsignal(signal.SIGINT))
    noted.begin()
    noted.end()
    assert not noted.came


def goes_on_for(seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Be interrupted, and run on for so long, where 0.2 s are too long; return what was told."""
    monkeypatch.setattr(interrupts, "GOES_ON", 0.2)
    told: list[str] = []
    noted = NotedInterrupts(lambda: told.append("it goes on"))
    noted.begin()
    for _ in range(2):  # told once
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    time.sleep(seconds)
    noted.end()
    noted.begin()  # the next cell is not the one that was interrupted
    time.sleep(0.5)
    noted.end()
    return told


def test_code_that_runs_on_after_an_interrupt_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ["it goes on"] == goes_on_for(0.5, monkeypatch)


def test_code_that_ends_soon_after_an_interrupt_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [] == goes_on_for(0.0, monkeypatch)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no os.fork on Windows")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_worker_tells_nobody_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "GOES_ON", 0.1)
    told = multiprocessing.get_context("fork").SimpleQueue()
    noted = NotedInterrupts(lambda: told.put("it goes on"))
    noted.begin()
    worker = multiprocessing.get_context("fork").Process(target=interrupted_worker)
    worker.start()
    worker.join(30)
    noted.end()
    assert (0, True) == (worker.exitcode, told.empty())


def interrupted_worker() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    time.sleep(0.5)


def test_a_handler_that_the_code_has_set_meanwhile_stays() -> None:
    before, noted = signal.getsignal(signal.SIGINT), NotedInterrupts()
    own = lambda *_: None  # noqa: E731
    try:
        noted.begin()
        signal.signal(signal.SIGINT, own)
        noted.end()
        assert own is signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_block_that_delays_interrupts_delays_a_deadline_too_in_the_main_thread() -> None:
    told = []
    with DelayedInterrupt():
        with DelayedInterrupt():
            told.append(is_delayed())
        told.append(is_delayed())
    told.append(is_delayed())

    def in_a_thread() -> None:
        with DelayedInterrupt():
            told.append(is_delayed())

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert [True, True, False, False] == told


# --- executors ----------------------------------------------------------------------------


def leave_by_an_interrupt(
    context: multiprocessing.context.BaseContext, seconds: float
) -> list[Any]:
    """Leave an executor of one worker with four tasks; return their futures."""
    with (
        pytest.raises(KeyboardInterrupt),
        ProcessPoolExecutor(1, context) as executor,
    ):
        futures = [executor.submit(time.sleep, seconds) for _ in range(4)]
        until = time.monotonic() + 30
        while not futures[0].running() and time.monotonic() < until:
            time.sleep(0.01)
        raise KeyboardInterrupt
    return futures


def test_an_executor_that_an_interrupt_leaves_ends_its_tasks_and_is_shut_down(
    context: multiprocessing.context.BaseContext,
) -> None:
    begin = time.monotonic()
    futures = leave_by_an_interrupt(context, seconds=60)
    assert time.monotonic() - begin < 50
    assert all(future.done() for future in futures)
    assert futures[-1].cancelled()


def test_a_task_that_is_nearly_done_is_done_before_its_executor_ends(
    context: multiprocessing.context.BaseContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_hooks, "_TASK_TIMEOUT", 30.0)
    first, *_ = leave_by_an_interrupt(context, seconds=0.0)
    assert first.result() is None


def test_an_executor_that_another_error_leaves_does_what_is_queued(
    context: multiprocessing.context.BaseContext,
) -> None:
    with pytest.raises(ValueError, match="by hand"), ProcessPoolExecutor(1, context) as executor:
        futures = [executor.submit(time.sleep, 0.1) for _ in range(4)]
        raise ValueError("by hand")
    assert [None] * 4 == [future.result() for future in futures]
