"""What we rely on of CPython's threads; each test is a contract with Python."""

import asyncio
import contextlib
import dis
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from manybrains.deadlines import thread_internals as door
from manybrains.deadlines.loop_breaker import loop_breaker

POSIX = sys.platform != "win32"


def frame_of(thread: threading.Thread) -> Any:
    return sys._current_frames()[thread.ident or 0]


@pytest.mark.parametrize(
    "wait",
    [threading.Event().wait, queue.Queue().get, Future().result, threading.Condition(None).wait],
    ids=["Event", "Queue", "Future", "Condition"],
)
def test_a_thread_that_waits_for_a_condition_can_be_woken(wait: Callable[[], object]) -> None:
    told: list[str] = []

    def body() -> None:
        try:
            if isinstance(getattr(wait, "__self__", None), threading.Condition):
                with wait.__self__:  # type: ignore[attr-defined]
                    wait()
            else:
                wait()
        except Stop:
            told.append("stopped")
            return
        told.append("woke up")

    check_woken(body)
    assert told in (["woke up"], ["stopped"])


def test_a_thread_whose_event_loop_waits_can_be_woken() -> None:
    def body() -> None:
        with contextlib.suppress(Stop):
            asyncio.run(asyncio.sleep(600))

    check_woken(body)


class Stop(BaseException):
    """What a thread raises because it was told to."""


def check_woken(body: Callable[[], None]) -> None:
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while thread.is_alive() and time.monotonic() < until:
        time.sleep(0.05)
        if (frame := sys._current_frames().get(thread.ident or 0)) is not None:
            door.raise_in_thread(thread.ident or 0, Stop)
            door.wake_thread(frame)
    assert not thread.is_alive()


def test_what_is_to_be_raised_in_a_thread_can_be_taken_back() -> None:
    def body() -> None:
        with lock:
            pass
        told.append("nothing")

    told: list[str] = []
    lock = threading.Lock()
    with lock:
        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        time.sleep(0.1)
        door.raise_in_thread(thread.ident or 0, Stop)
        door.raise_in_thread(thread.ident or 0, None)
    thread.join(30)
    assert ["nothing"] == told
    before, calls = sys.gettrace(), []
    sys.settrace(lambda *_: calls.append(1))  # a function that is traced begins all the same
    try:
        work()
    finally:
        sys.settrace(before)
    assert calls


def work() -> None:
    for _ in range(10):
        pass


def loops() -> None:
    for _ in range(3):
        while sum(()):
            pass


def test_the_end_of_a_loop_is_known_by_its_instruction() -> None:
    back = [
        instruction.offset
        for instruction in dis.get_instructions(loops)
        if instruction.opname.startswith("JUMP_BACKWARD")
    ]
    assert back
    assert set(back) <= {
        offset
        for offset in range(0, len(loops.__code__.co_code), 2)
        if door.jumps_back(loops.__code__, offset)
    }


@pytest.mark.skipif(not POSIX, reason="signals are of POSIX")
def test_an_error_of_a_broken_loop_is_raised_outside_of_its_try_and_inside_of_its_with() -> None:
    """The `with` would not be left otherwise, and the `try` would swallow the error."""
    told: list[str] = []

    class Block:
        def __enter__(self) -> None:
            told.append("entered")

        def __exit__(self, *error: Any) -> None:
            told.append(error[0].__name__)

    def swallow() -> None:
        with Block():
            while True:
                try:
                    work()
                except BaseException:
                    told.append("swallowed")

    def strike(number: int, frame: Any) -> None:
        if ended:
            raise Stop
        ended.append(number)
        breaker.begin(threading.get_ident(), frame, number)

    ended: list[int] = []
    breaker = loop_breaker(lambda frame, only_ask=False: Stop() if ended else None)
    before = signal.signal(signal.SIGUSR1, strike)
    main = threading.get_ident()
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(Stop):
            swallow()
    finally:
        breaker.end()
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert ["entered", "Stop"] == [told[0], told[-1]]
    assert len(told) < 10
