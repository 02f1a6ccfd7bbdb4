"""The ceiling of this machine, and what others take of it."""

import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from manybrains.comparisons import ceiling as side_by_side
from manybrains.comparisons.ceiling import ceiling, cores_used_by_others

DEADLINE = 60


@pytest.fixture
def counted(monkeypatch):
    """Let counting processes count so far, in the order asked."""

    def let(*totals):
        remaining = iter(totals)
        monkeypatch.setattr(side_by_side, "_counted", lambda *_: next(remaining))

    return let


def test_the_ceiling_is_the_median_of_three_ratios(counted):
    counted(100, 190, 100, 150, 100, 200)
    assert 1.9 == ceiling()


def test_a_ceiling_is_measured_for_real():
    assert ceiling(2, seconds=0.05) > 0


def test_after_measuring_the_ceiling_no_process_is_left():
    before = {child.pid for child in psutil.Process().children()}
    ceiling(2, seconds=0.01)
    assert set() == {child.pid for child in psutil.Process().children()} - before


def test_one_process_that_counts_for_longer_counts_further():
    # One tenth of the time on a core of its own; far more than others can take away.
    assert side_by_side._counted(1, 0.02) < side_by_side._counted(1, 1.0)


def test_a_process_that_does_not_end_is_an_error_and_is_ended(monkeypatch):
    monkeypatch.setattr(side_by_side, "COUNTER", "import time; time.sleep(60)")
    monkeypatch.setattr(side_by_side, "PATIENCE", 0.1)
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(TimeoutError, match=r"should count for 0\.01 s, but it did not end within"):
        ceiling(2, seconds=0.01)
    assert set() == {child.pid for child in psutil.Process().children()} - before


def test_a_process_that_dies_is_an_error(monkeypatch):
    monkeypatch.setattr(side_by_side, "COUNTER", "raise SystemExit(3)")
    with pytest.raises(RuntimeError, match="ended with exit code 3 before it had counted"):
        ceiling(2, seconds=0.01)


@pytest.mark.parametrize("workers", [0, -2, 1.5, "two", True, None])
def test_a_ceiling_of_a_senseless_number_of_workers_is_refused(workers):
    with pytest.raises(ValueError, match=f"workers is {workers!r}: give a whole number"):
        ceiling(workers)


@pytest.mark.parametrize("seconds", [0, -1, 61, "long", None, float("nan")])
def test_a_ceiling_of_senseless_seconds_is_refused(seconds):
    with pytest.raises(ValueError, match=f"seconds is {seconds!r}: give a number up to 60"):
        ceiling(2, seconds)


@pytest.fixture
def clocks(monkeypatch):
    """Let the whole machine and ourselves have used so much within the window of 0.2 s."""

    def let(*, cores, percent, own_seconds):
        own, moments = iter([1.0, 1.0 + own_seconds]), iter([0.0, 0.2])
        clock = SimpleNamespace(perf_counter=moments.__next__, sleep=lambda _: None)
        monkeypatch.setattr(side_by_side, "time", clock)
        monkeypatch.setattr(side_by_side, "_own_cpu_seconds", own.__next__)
        monkeypatch.setattr(psutil, "cpu_percent", lambda: percent)
        monkeypatch.setattr(psutil, "cpu_count", lambda: cores)

    return let


def test_other_programs_use_what_the_machine_uses_without_our_own_use(clocks):
    clocks(cores=4, percent=50.0, own_seconds=0.1)
    assert pytest.approx(1.5) == cores_used_by_others()


def test_others_never_use_less_than_nothing(clocks):
    clocks(cores=2, percent=10.0, own_seconds=0.4)
    assert 0.0 == cores_used_by_others()


def test_the_use_by_other_programs_is_really_measured():
    assert 0.0 <= cores_used_by_others() <= psutil.cpu_count()


def test_our_own_children_are_not_others():
    code = "while True: pass"
    before = side_by_side._own_cpu_seconds()
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", code])
    try:
        over = time.perf_counter() + DEADLINE
        while side_by_side._own_cpu_seconds() < before + 0.1 and time.perf_counter() < over:
            time.sleep(0.02)
        assert before + 0.1 <= side_by_side._own_cpu_seconds()
    finally:
        child.kill()
        child.wait()
