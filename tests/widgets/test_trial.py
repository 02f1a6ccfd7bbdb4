"""A trial carries out a plan in a thread of its own, and can be stopped."""

import multiprocessing
import threading
import time

import psutil
import pytest

from manybrains.widgets import trial as module
from manybrains.widgets.plan import STRATEGIES, Plan
from manybrains.widgets.trial import Trial

PLENTY = 30  # seconds; everything here takes a second or two
pytestmark = pytest.mark.usefixtures("default_method", "nobody_left")
KINDS = {"serial": [], "threads": ["thread"] * 2, "processes": ["process"] * 2}


@pytest.fixture
def default_method(start_method):
    """Each start method in turn, as that of the whole process."""
    multiprocessing.set_start_method(start_method, force=True)
    yield start_method
    multiprocessing.set_start_method(None, force=True)


def ended(trial):
    assert trial.join(PLENTY), "the trial has not ended"
    return trial


def carried_out(*plan):
    trial = Trial(Plan(*plan))
    trial.start()
    return ended(trial)


def wait_until(true):
    until = time.monotonic() + PLENTY
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("work", "size"), [("computing", 100_000), ("waiting", 0.02)])
def test_a_trial_has_the_run_of_its_plan(strategy, work, size):
    trial = carried_out(strategy, 2, work, size)
    assert "" == trial.problem
    assert (strategy, True) == (trial.run.name, trial.run.finished)
    assert KINDS[strategy] == [lane.kind for lane in trial.run.workers]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("work", "size"), [("computing", 10**12), ("waiting", 3_600)])
def test_stop_ends_everybody(strategy, work, size):
    trial = Trial(Plan(strategy, 2, work, size))
    trial.start()
    wait_until(lambda: len(trial._workers) == len(KINDS[strategy]))
    trial.stop()
    assert "No worker is left." in ended(trial).problem
    assert (False, "stopped by Stop") == (trial.run.finished, trial.run.note)


def test_a_trial_that_is_stopped_at_once_starts_nobody():
    trial = Trial(Plan("processes", 2, "computing", 10**12))
    trial.stop()
    trial.start()
    assert () == ended(trial).run.workers


def test_a_worker_that_is_killed_is_told_in_a_sentence():
    trial = Trial(Plan("processes", 1, "waiting", 3_600))
    trial.start()
    wait_until(lambda: trial._workers and trial._workers[0].pid)
    psutil.Process(trial._workers[0].pid).kill()
    assert ended(trial).problem.startswith("It did not work: worker 1 ended with exit code ")
    assert not trial.run.finished


def test_the_others_are_ended_when_one_worker_cannot_be_started(monkeypatch):
    start = threading.Thread.start

    def limited(thread):
        if thread.name == "worker 2":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    trial = carried_out("threads", 3, "computing", 10**12)
    begin = "It did not work: RuntimeError, can't start new thread. No more processes or threads"
    assert trial.problem.startswith(begin)
    assert 1 == len(trial.run.workers)
    assert not trial._workers[0].is_alive()


def test_a_trial_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 0.1)
    trial = carried_out("processes", 1, "waiting", 3_600)
    assert "It did not work: TimeoutError, it took longer than 0.1 s." == trial.problem


def test_a_second_trial_is_refused_while_one_goes_on():
    first = Trial(Plan("threads", 1, "waiting", 3_600))
    first.start()
    with pytest.raises(RuntimeError, match="another panel is running"):
        Trial(Plan("serial", 1, "computing", 10_000)).start()
    first.stop()
    ended(first)
    carried_out("serial", 1, "computing", 10_000)


def test_the_end_is_told_once_nobody_is_left():
    told = []
    trial = Trial(Plan("processes", 2, "computing", 10**12), told.append)
    trial.start()
    trial.stop()
    ended(trial)
    assert [trial] == told
