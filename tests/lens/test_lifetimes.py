"""Lifetimes, as the log of events tells of them."""

from pathlib import Path

import pytest

from manybrains.lens.lifetimes import Lifetime, Lifetimes
from manybrains.workers.events import EventLog


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(str(tmp_path / "log"))


def lifetimes_of(log: EventLog) -> list[Lifetime]:
    return Lifetimes(log.path).read()


def test_a_whole_life_is_read_back(log: EventLog) -> None:
    log.note("requested", 7, asker=1, moment=0.5, name="Process-1")
    log.note("born", 7, asker=1, parent=3, moment=0.6, name="Process-1")
    log.note("signalled", 7, cpu=1.2)
    log.note("finished", 7, moment=2.0, cpu=1.25, children_cpu=0.25)
    log.note("reaped", 7, moment=2.1, code=5, cpu=1.5)
    whole = Lifetime(
        7, None, "Process-1", 1, 3, 0.5, 0.6, 2.0, 2.1, 1.25, 0.25, 1.5, 1.2, 5
    )  # fmt: skip
    assert [whole] == lifetimes_of(log)


def test_a_worker_may_speak_before_its_parent_does(log: EventLog) -> None:
    log.note("born", 7, parent=1, moment=0.6, name="Process-1")
    log.note("finished", 7, moment=0.9, cpu=0.1)
    log.note("requested", 7, asker=1, moment=0.5, name="Process-1")
    assert [0.5] == [life.requested for life in lifetimes_of(log)]


def test_a_pid_that_is_used_again_is_another_life(log: EventLog) -> None:
    for begin in (0.0, 10.0):
        log.note("requested", 7, asker=1, moment=begin, name="worker")
        log.note("born", 7, parent=1, moment=begin + 1, name="worker")
        log.note("finished", 7, moment=begin + 2, cpu=0.1)
    assert [0.0, 10.0] == [life.requested for life in lifetimes_of(log)]


def test_threads_of_one_process_are_lifetimes_of_their_own(log: EventLog) -> None:
    log.note("born", 7, thread=70, parent=7, requested=0.1, moment=0.2, name="a")
    log.note("born", 7, thread=71, parent=7, moment=0.3, name="b")
    log.note("finished", 7, thread=70, moment=0.9, cpu=0.4)
    assert [(70, 0.1, 0.9), (71, None, None)] == [
        (life.thread_id, life.requested, life.finished) for life in lifetimes_of(log)
    ]


def test_reading_goes_on_where_it_stopped(log: EventLog) -> None:
    lifetimes = Lifetimes(log.path)
    log.note("requested", 7, asker=1, moment=0.5, name="a")
    first = len(lifetimes.read())
    log.note("requested", 8, asker=1, moment=0.6, name="b")
    assert (1, 2) == (first, len(lifetimes.read()))


def test_those_long_gone_can_be_forgotten_and_their_threads_with_them(log: EventLog) -> None:
    lifetimes = Lifetimes(log.path)
    log.note("born", 7, thread=70, parent=7, moment=0.2, name="a thread of it")
    log.note("reaped", 7, moment=2.0, code=0)
    log.note("finished", 9, moment=2.0, cpu=1.0)  # its last own instruction is not its end
    log.note("requested", 8, asker=1, moment=0.5, name="b")
    lifetimes.read()
    lifetimes.forget_before(3.0)
    assert [9, 8] == [life.pid for life in lifetimes.all]
