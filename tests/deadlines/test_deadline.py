"""A deadline ends a block wherever it waits, and tells where everybody stood."""

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from worker_functions import burn, ignore_sigterm

from manybrains import Run, watch
from manybrains.deadlines.deadline import Deadline, DeadlinePassed
from manybrains.lens import installation
from manybrains.workers.session import Session

pytestmark = pytest.mark.usefixtures("nobody_left")


@pytest.fixture
def hooked() -> Iterator[Session]:
    """The hooks stay between the blocks, as in a notebook."""
    yield installation.install()
    installation.release()


@pytest.mark.parametrize("deadline", [0, -1, "soon", float("nan"), float("inf"), True])
def test_a_deadline_that_makes_no_sense_is_refused(deadline: object) -> None:
    with pytest.raises(ValueError, match=r"the deadline should be .* not "):
        watch(deadline=deadline)  # type: ignore[arg-type]


def test_a_deadline_ends_a_queue_that_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    with watch("waiting", deadline=0.2) as run:
        multiprocessing.Queue().get()
    assert not run.finished
    assert "waiting: stopped at its deadline of 0.2 s" in capsys.readouterr().out


def test_a_deadline_ends_a_loop_in_the_main_thread() -> None:
    with watch(deadline=0.2, quiet=True) as run:
        while True:
            pass
    assert not run.finished


def test_a_deadline_ends_workers_that_ignore_sigterm(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    for deadline in (1, 4, 16, 64):  # on a busy machine it takes long until a worker is there
        there = context.Event()
        with watch(deadline=deadline, quiet=True) as run:
            worker = context.Process(target=ignore_sigterm, args=(there,))
            worker.start()
            worker.join()
        if there.is_set():
            break
    assert (False, -signal.SIGKILL) == (run.finished, run.workers[0].exit_code)


def test_a_deadline_ends_a_hanging_await() -> None:
    async def wait() -> Run:
        with watch(deadline=0.2, quiet=True) as run:
            await asyncio.sleep(60)
        return run

    assert not asyncio.run(wait()).finished


@pytest.mark.parametrize("own_signal", [True, False])
def test_a_deadline_that_is_being_called_off_interrupts_nobody(
    hooked: Session, own_signal: bool
) -> None:
    """Its thread may have asked for an interrupt just before."""
    number = installation.strike_signal(hooked) if own_signal else 0

    class Interrupted(threading.Event):
        def set(self) -> None:
            signal.raise_signal(number or signal.SIGINT)
            super().set()

    deadline = Deadline(0.01, lambda _: None, lambda: None)
    deadline._over = Interrupted()
    deadline.start(number)
    with pytest.raises(DeadlinePassed):
        while True:
            time.sleep(0.01)
    deadline.stop()
    assert deadline.passed


def test_a_deadline_that_is_not_reached_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    with watch(deadline=30) as run:
        burn(0.01)
    assert (True, before) == (run.finished, signal.getsignal(signal.SIGINT))
