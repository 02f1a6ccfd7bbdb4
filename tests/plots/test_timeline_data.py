"""What a timeline shows, as numbers and words, before anything is drawn."""

import dataclasses
from itertools import pairwise
from pathlib import Path

import pytest
from made_up import process, run_of, thread

from manybrains.plots.timeline_data import in_words, rows_of
from manybrains.records.run import Lane, Run, Sample

RECORDED = sorted((Path(__file__).parents[1] / "data").glob("*.json"))


def row_of(lane, **fields):
    """The row of a lone worker."""
    return rows_of(run_of(lane, **fields))[1]


def test_there_is_a_row_for_every_lane():
    run = run_of(process("one"), process("two"), thread("three (thread)"))
    assert ["MainProcess", "one", "two", "three (thread)"] == [row.name for row in rows_of(run)]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_steps_of_recorded_lanes_hold_their_cpu_seconds(path):
    run = Run.load(path)
    totals = [lane.cpu_seconds for lane in run.lanes]
    assert totals == pytest.approx([row.used for row in rows_of(run)])


@pytest.mark.parametrize("lanes", [1, 50])
def test_steps_of_many_looks_are_thinned_to_what_can_be_seen(lanes):
    rows = rows_of(run_of(*[process("one", cores=0.5)] * lanes, looks=5_000))
    assert max(len(row.steps) for row in rows) <= 1_000


@pytest.mark.parametrize("looks", [0, 1, 7, 5_000])
def test_thinned_steps_still_hold_the_cpu_seconds_of_the_lane(looks):
    assert 0.4 == pytest.approx(row_of(process("one", cores=0.5), looks=looks).used)


def test_steps_follow_each_other_without_a_gap():
    steps = row_of(process("one", cores=0.5), looks=50).steps
    assert [] == [(one, two) for one, two in pairwise(steps) if one.end != two.begin]


def test_a_step_is_as_high_as_the_share_of_a_core():
    heights = {round(step.cores, 6) for step in row_of(process("one", cores=0.5), looks=4).steps}
    assert {0.5} == heights


def test_a_step_has_the_core_of_the_look_at_its_end():
    row = row_of(process("one", cores=0.5), looks=2, core=lambda lane, time: int(time * 10))
    assert [3, 6, 6] == [step.core for step in row.steps]


def test_a_worker_that_nobody_saw_has_no_core():
    assert [None] == [step.core for step in row_of(process("one"), looks=0).steps]


def test_a_rise_that_is_an_error_of_the_clock_is_spread_until_it_can_be_true():
    # CPU time read in ticks of 16 ms every 20 ms: 1.6 cores one moment, none the next.
    run = run_of(process("ticks", 0.0, 1.0, cores=0.4), looks=0)
    looks = [Sample(k / 50, 1, 0.016 * ((k + 1) // 2), 0) for k in range(1, 50)]
    seen = dataclasses.replace(run, samples=tuple(looks))
    assert rows_of(seen)[1].peak_cores <= 1.02


def test_the_life_is_from_the_first_instruction_to_the_last():
    assert (0.3, 0.8) == row_of(process("one", started=0.3, ended=0.8)).life


def test_the_wait_is_from_asked_for_to_the_first_instruction():
    row = row_of(process("one", started=0.3, ended=0.8, wait=0.2))
    assert pytest.approx((0.1, 0.3)) == row.wait


def test_a_worker_that_was_there_before_the_block_did_not_wait():
    lane = Lane("process", "old", 1, requested=-3.0, started=-2.9, ended=0.5)
    assert None is row_of(lane).wait


def test_a_worker_that_was_there_before_the_block_lives_from_its_begin():
    lane = Lane("process", "old", 1, requested=-3.0, started=-2.9, ended=0.5)
    assert (0.0, 0.5) == row_of(lane).life


def test_a_worker_that_still_lives_lives_to_the_end():
    assert (0.2, 1.0) == row_of(Lane("process", "on", 1, started=0.2)).life


def test_a_worker_that_never_started_waits_to_the_end():
    row = row_of(Lane("process", "never", 1, requested=0.2), looks=0)
    assert ((0.2, 1.0), (1.0, 1.0)) == (row.wait, row.life)


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, "exit 1"), (-9, "SIGKILL"), (-15, "SIGTERM"), (-11, "SIGSEGV"), (-40, "signal 40")],
)
def test_the_end_of_a_worker_is_said_in_words(code, words):
    assert words == row_of(process("one", exit_code=code)).ending


@pytest.mark.parametrize("code", [0, None])
def test_nothing_is_said_of_a_worker_that_ended_well(code):
    assert "" == row_of(process("one", exit_code=code)).ending


@pytest.mark.parametrize(("code", "failed"), [(0, False), (-15, False), (1, True), (-9, True)])
def test_a_terminated_worker_did_not_fail_and_a_killed_one_did(code, failed):
    assert failed == row_of(process("one", exit_code=code)).failed


def test_a_lane_on_more_than_one_core_says_how_many():
    assert "up to 2.0 cores" == row_of(process("numpy", cores=2.0)).ending


def test_a_lane_on_one_core_says_nothing_of_cores():
    assert "" == row_of(process("one", cores=1.05)).ending


def test_a_thread_is_called_one():
    assert "ada (thread)" == row_of(thread("ada")).name


def test_a_thread_whose_name_says_so_is_not_called_one_twice():
    assert "Thread-1 (count)" == row_of(thread("Thread-1 (count)")).name


def test_in_words_every_lane_is_told():
    run = run_of(process("one", 0, 0.5, cores=1.0, exit_code=-9), name="killed")
    assert (
        "Timeline. killed: 1 worker kept 0.50 cores busy for 1.00 s. "
        "MainProcess from 0.00 to 1.00 s used 0.00 CPU seconds; "
        "one from 0.00 to 0.50 s used 0.50 CPU seconds, SIGKILL."
    ) == in_words(run)


def test_in_words_a_crowd_is_counted():
    assert in_words(run_of(*[process("one")] * 99)).endswith("; and 92 more.")


def test_in_words_a_stopped_lane_says_in_full_where_it_stood():
    place = "acquire of the first lock, cell 4, line 7, called by transfer_the_money"
    run = run_of(process("one", exit_code=-9, stood_at=place))
    assert in_words(run).endswith(f"SIGKILL, stood at {place}.")


@pytest.mark.parametrize(("looks", "average"), [(0, True), (1, False)])
def test_a_row_is_an_average_if_no_look_fell_into_it(looks, average):
    assert average == row_of(process("one", cores=0.5), looks=looks).average
