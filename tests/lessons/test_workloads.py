"""The workloads that compute: counting and ticking."""

import multiprocessing
import os
import pickle
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace

import pytest

from manybrains.lessons.workloads import (
    Ticks,
    count,
    overlap_seconds,
    tick,
)
from manybrains.records.machine import this_machine

DEADLINE = 60
PAYLOAD_BYTES = 8192


def call_in(start_method, function, *arguments):
    """What the function returns in a worker."""
    context = multiprocessing.get_context(start_method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result(timeout=DEADLINE)


# --- count


def test_counting_returns_where_it_ended():
    assert 12_345 == count(12_345)


def test_counting_goes_to_ten_million_by_default():
    assert (10_000_000,) == count.__defaults__


def test_counting_to_zero_is_over_at_once():
    assert 0 == count(0)


def test_counting_to_a_float_suggests_the_whole_number():
    with pytest.raises(TypeError, match=r"10000000\.0 is not a whole number: try count\(10_0"):
        count(1e7)


def test_counting_to_a_text_suggests_a_number():
    with pytest.raises(TypeError, match=r"'many' is not a whole number: try count\(10_000_000\)"):
        count("many")


def test_counting_to_infinity_suggests_a_number():
    with pytest.raises(TypeError, match=r"inf is not a whole number: try count\(10_000_000\)"):
        count(float("inf"))


def test_counting_to_less_than_zero_is_refused():
    with pytest.raises(ValueError, match="never reaches -1"):
        count(-1)


def test_counting_works_in_a_worker(start_method):
    assert 1000 == call_in(start_method, count, 1000)


# --- tick


def test_ticking_notes_turns_in_order_that_do_not_overlap():
    ends = [moment for turn in tick(0.05).intervals for moment in turn]
    assert sorted(ends) == ends


def test_ticking_goes_on_for_as_long_as_asked():
    begin = time.perf_counter()
    ticks = tick(0.05)
    assert begin <= ticks.intervals[0][0] <= ticks.intervals[-1][1]
    assert 0.05 <= time.perf_counter() - begin


def test_ticking_computes():
    before = time.thread_time()
    busy = tick(0.2).busy_seconds
    assert busy / 4 < time.thread_time() - before


def at(monkeypatch, *moments):
    """Let the clock of the ticking worker show these moments, one a look."""
    clock = SimpleNamespace(perf_counter=iter(moments).__next__)
    monkeypatch.setattr("manybrains.lessons.workloads.time", clock)


def test_a_pause_longer_than_the_gap_ends_a_turn(monkeypatch):
    at(monkeypatch, 0.0, 0.0001, 0.0002, 0.0060, 0.0061, 0.0062)
    assert ((0.0, 0.0002), (0.0060, 0.0062)) == tick(0.0062).intervals


def test_a_pause_shorter_than_the_gap_ends_no_turn(monkeypatch):
    at(monkeypatch, 0.0, 0.0009, 0.0018, 0.0027)
    assert ((0.0, 0.0027),) == tick(0.0025).intervals


def test_a_turn_that_never_came_is_none(monkeypatch):
    at(monkeypatch, 0.0, 0.01, 0.0101)
    assert ((0.01, 0.0101),) == tick(0.0101).intervals


def test_shorter_pauses_end_a_turn_if_threads_switch_more_often(monkeypatch):
    monkeypatch.setattr("manybrains.lessons.workloads.sys.getswitchinterval", lambda: 0.0005)
    at(monkeypatch, 0.0, 0.00005, 0.0003, 0.00035)
    assert ((0.0, 0.00005), (0.0003, 0.00035)) == tick(0.00035).intervals


def test_ticking_begins_at_the_moment_asked_for():
    start = time.perf_counter() + 0.05
    assert start <= tick(0.01, start).intervals[0][0]


def test_ticking_begins_at_once_if_the_moment_has_passed():
    now = time.perf_counter()
    assert now <= tick(0.01, now - 5).intervals[0][0]


def test_a_moment_of_another_clock_is_refused():
    with pytest.raises(ValueError, match=r"waits 60 s at most: give a moment on perf_counter"):
        tick(start_at=time.perf_counter() + 1e6)


@pytest.mark.parametrize("seconds", [0, -1])
def test_ticking_for_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match=f"seconds is {seconds}"):
        tick(seconds)


@pytest.mark.parametrize("seconds", ["long", None, float("nan"), float("inf")])
def test_ticking_for_no_number_of_seconds_is_refused(seconds):
    with pytest.raises(TypeError, match=f"seconds is {seconds!r}, and should be a number"):
        tick(seconds)


def test_ticks_carry_the_name_given():
    assert "anna" == tick(0.01, name="anna").name


def test_ticks_of_a_thread_carry_its_name():
    with ThreadPoolExecutor(1, thread_name_prefix="brain") as pool:
        assert "brain_0" == pool.submit(tick, 0.01).result(DEADLINE).name


def test_ticks_of_a_process_carry_its_name(start_method):
    assert "Process-" in call_in(start_method, tick, 0.01).name


def test_ticks_tell_the_process_they_were_made_in(start_method):
    assert os.getpid() != call_in(start_method, tick, 0.01).pid


WITH_GIL = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL here"
)


def two_ticking_threads():
    start = time.perf_counter() + 0.1
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(tick, [0.3] * 2, [start] * 2))


@WITH_GIL
def test_two_threads_under_the_gil_take_turns():
    both = two_ticking_threads()
    turns = sorted((*turn, one.name) for one in both for turn in one.intervals)
    handovers = sum(before[2] != after[2] for before, after in pairwise(turns))
    assert handovers >= 2


@WITH_GIL
def test_two_threads_under_the_gil_hardly_ever_seem_to_compute_at_once():
    # Never, but for a turn shorter than the gap, such as a last one: the other worker misses it.
    assert overlap_seconds(two_ticking_threads()) < 0.03


def two_ticking_processes(start_method):
    context = multiprocessing.get_context(start_method)
    # Neither begins before both are there: an executor starts its second worker on demand.
    with ProcessPoolExecutor(2, context, initializer=context.Barrier(2).wait) as pool:
        both = [pool.submit(tick, 0.3) for _ in range(2)]
        return [future.result(DEADLINE) for future in both]


@pytest.mark.skipif(this_machine().cores_yours < 2, reason="there are no two cores here")
def test_two_processes_compute_at_once(start_method):
    # On a crowded machine two workers may now and then have no core at the same moment.
    over = time.monotonic() + DEADLINE
    while not (overlap := overlap_seconds(two_ticking_processes(start_method))):
        if time.monotonic() > over:
            break
    assert overlap > 0


# --- Ticks


ANNA = Ticks("anna", 1, ((0.0, 1.0), (2.0, 4.0)))
BERT = Ticks("bert", 2, ((0.5, 1.5), (3.0, 3.5)))
CARL = Ticks("carl", 3, ((0.75, 3.25),))


def test_busy_seconds_are_the_sum_of_the_turns():
    assert 3.0 == ANNA.busy_seconds


def test_wall_seconds_reach_from_the_first_turn_to_the_last():
    assert 4.0 == ANNA.wall_seconds


def test_turns_are_counted():
    assert 2 == ANNA.turns


def test_a_worker_without_a_turn_was_not_busy():
    idle = Ticks("idle", 4, ())
    assert (0, 0.0, 0.0) == (idle.turns, idle.busy_seconds, idle.wall_seconds)


def test_overlap_is_the_time_in_which_two_computed():
    assert 1.0 == overlap_seconds([ANNA, BERT])


def test_time_in_which_three_computed_counts_once():
    # 0.5-1.5 anna or carl beside bert, 2-3.25 anna beside carl, to 3.5 anna beside bert
    assert 0.5 + 0.5 + 1.25 + 0.25 == overlap_seconds([ANNA, BERT, CARL])


def test_turns_that_meet_do_not_overlap():
    assert 0.0 == overlap_seconds([Ticks("a", 1, ((0, 1),)), Ticks("b", 2, ((1, 2),))])


def test_one_worker_alone_does_not_overlap():
    assert 0.0 == overlap_seconds(ANNA)


def test_overlap_of_anything_else_is_refused():
    with pytest.raises(TypeError, match=r"0\.5 is not a Ticks: give a list of what tick\(\) ret"):
        overlap_seconds([ANNA, 0.5])


def test_ticks_read_as_a_sentence():
    assert "anna: computed 3.000 of 4.000 s in 2 turns" == repr(ANNA)


def test_ticks_survive_pickling():
    assert pickle.loads(pickle.dumps(ANNA)) == ANNA
