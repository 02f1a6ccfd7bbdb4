"""An interrupt is never lost while a worker is started, and no worker is lost by it."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from manybrains import watch
from manybrains.workers.cleanup import children, die_with_parent
from manybrains.workers.interrupts import DelayedInterrupt

pytestmark = pytest.mark.usefixtures("nobody_left")
armed = False  # whether an interrupt is due in the callbacks of the next fork


def interrupt_the_fork() -> None:
    global armed  # noqa: PLW0603 - callbacks of a fork take no arguments, and stay for good
    if armed:
        armed = False
        signal.raise_signal(signal.SIGINT)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=interrupt_the_fork)


@pytest.fixture
def handler() -> Iterator[None]:
    """Interrupts are as Python has them, now and afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_an_interrupt_in_the_midst_of_a_fork_arrives_once_the_worker_is_known(
    handler: None,
) -> None:
    global armed  # noqa: PLW0603
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    with watch() as run:
        before = children()
        armed = True
        with pytest.raises(KeyboardInterrupt):
            worker.start()
        assert {worker} == children() - before
        worker.kill()
        worker.join()
    assert [worker.pid] == [lane.pid for lane in run.workers]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_who_asks_when_the_pipe_is_closed_already_is_killed_although_the_parent_is_there() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    pid = os.fork()
    if pid == 0:
        die_with_parent(reading)
        time.sleep(10)
        os._exit(0)
    os.close(reading)
    assert -signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_an_interrupt_is_put_off_until_the_block_is_over(handler: None) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), DelayedInterrupt():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest of the block")
    assert ["the rest of the block"] == done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_block_that_hangs_is_interrupted_after_all(
    handler: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manybrains.workers.interrupts._DELAY_TIMEOUT", 0.0)
    with DelayedInterrupt(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_where_interrupts_are_ignored_they_stay_ignored(handler: None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with DelayedInterrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_forked_worker_has_the_handler_that_its_parent_has(handler: None) -> None:
    with watch(), multiprocessing.get_context("fork").Pool(1) as pool:
        name = pool.apply(handler_name)
    assert "default_int_handler" == name


def handler_name() -> str:
    return getattr(signal.getsignal(signal.SIGINT), "__name__", "none")


def test_in_another_thread_nothing_is_put_off(handler: None) -> None:
    found = []

    def look() -> None:
        with DelayedInterrupt():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert [signal.default_int_handler] == found
