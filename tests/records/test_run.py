"""Run: frozen data, equal before and after JSON, numbers derived from samples."""

import dataclasses
import json
import math
import pickle
import re
import statistics

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import MACHINE, MAIN, process, run_of, thread

from manybrains.records.measured import Measured
from manybrains.records.memory_look import MemoryLook
from manybrains.records.run import Helper, Lane, Run, Sample

moments = st.floats(0, 1)
names = st.text(max_size=12)


@st.composite
def lanes(draw, wall):
    """A worker that lived inside a block of `wall` seconds, or of which little is known."""
    requested, started, ended = sorted(draw(st.tuples(moments, moments, moments)))
    known = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    return Lane(
        draw(st.sampled_from(["process", "thread"])),
        draw(names),
        draw(st.integers(1, 2**31)),
        parent_pid=draw(st.none() | st.integers(1, 2**31)),
        requested=requested * wall if known[0] else draw(st.sampled_from([None, -3.5])),
        started=started * wall if known[1] else None,
        ended=ended * wall if known[2] else None,
        cpu_seconds=draw(st.floats(0, 100)),
        exit_code=draw(st.none() | st.integers(-64, 255)),
    )


@st.composite
def runs(draw):
    wall = draw(st.floats(1e-6, 30))
    main = Lane("main", draw(names), 1, cpu_seconds=draw(st.floats(0, 100)))
    workers = draw(st.lists(lanes(wall), max_size=4))
    looks = draw(
        st.lists(
            st.tuples(
                moments,
                st.integers(0, len(workers)),
                st.floats(0, 200),
                st.none() | st.integers(0, 255),
                st.none() | st.integers(0, 2**50),
            ),
            max_size=20,
        )
    )
    samples = sorted((Sample(t * wall, *rest) for t, *rest in looks), key=lambda s: s.time)
    return Run(
        draw(names),
        MACHINE,
        wall,
        (main, *workers),
        tuple(samples),
        helpers=tuple(Helper(name, 7, 5) for name in draw(st.lists(names, max_size=3))),
        interval=draw(st.floats(0.005, 10)),
        finished=draw(st.booleans()),
        note=draw(names),
        used_by_others=draw(st.none() | st.floats(0, 64)),
    )


def for_all_runs(test):
    """Try the test with many runs, the same ones every time, however slow the machine is."""
    calm = settings(
        max_examples=60,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    return calm(given(runs())(test))


@for_all_runs
def test_a_run_is_the_same_after_json(run):
    assert run == Run.from_json(run.to_json())


@for_all_runs
def test_json_of_a_run_is_the_same_after_another_round(run):
    assert run.to_json() == Run.from_json(run.to_json()).to_json()


def test_a_saved_run_is_the_same_when_loaded(tmp_path):
    run = run_of(process("Zoë ✓", cores=1.0), note="grüße", finished=False)
    run.save(tmp_path / "run.json")
    assert run == Run.load(tmp_path / "run.json")


def test_a_run_can_be_pickled_like_other_data():
    run = run_of(process("one", cores=1.0))
    assert run == pickle.loads(pickle.dumps(run))


def test_a_run_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        run_of().name = "other"


@for_all_runs
def test_points_begin_at_no_cpu_time(run):
    assert [0.0] * len(run.lanes) == [run.points(i)[0][1] for i in range(len(run.lanes))]


@for_all_runs
def test_points_end_at_exactly_the_cpu_time_of_the_lane(run):
    totals = [lane.cpu_seconds for lane in run.lanes]
    assert totals == [run.points(i)[-1][1] for i in range(len(run.lanes))]


@for_all_runs
def test_points_never_go_back_in_time_or_cpu_time(run):
    for index in range(len(run.lanes)):
        times, cpu = zip(*run.points(index), strict=True)
        assert (list(times), list(cpu)) == (sorted(times), sorted(cpu))


@for_all_runs
def test_points_stay_inside_the_block(run):
    times = [time for i in range(len(run.lanes)) for time, _ in run.points(i)]
    assert [] == [time for time in times if not 0 <= time <= run.wall_seconds]


def test_points_of_a_worker_begin_with_its_first_instruction():
    run = run_of(process("late", started=0.5, ended=0.9, wait=0.3, cores=1.0))
    assert 0.5 == run.points(1)[0][0]


def test_points_of_a_worker_that_computed_while_starting_begin_as_early_as_they_must():
    lane = process("spawned", started=0.5, ended=0.6, wait=0.4, cores=0.0)
    run = run_of(dataclasses.replace(lane, cpu_seconds=0.25), looks=0)
    assert pytest.approx(0.35) == run.points(1)[0][0]


def test_points_of_a_worker_seen_before_its_first_instruction_begin_when_it_was_asked_for():
    lane = process("spawned", started=0.5, ended=0.6, wait=0.4, cores=1.0)
    run = run_of(lane, looks=0)
    seen = dataclasses.replace(run, samples=(Sample(0.3, 1, 0.01),))
    assert pytest.approx(0.1) == seen.points(1)[0][0]


def test_points_of_a_worker_that_computed_more_than_it_can_begin_when_it_was_asked_for():
    lane = process("many threads", started=0.5, ended=0.6, wait=0.4, cores=0.0)
    run = run_of(dataclasses.replace(lane, cpu_seconds=5.0), looks=0)
    assert pytest.approx(0.1) == run.points(1)[0][0]


@for_all_runs
def test_cores_over_time_add_up_to_the_cpu_time_of_the_run(run):
    edges = len(run.cores_over_time)
    total = math.fsum(cores * run.wall_seconds / edges for _, cores in run.cores_over_time)
    assert run.cpu_seconds == pytest.approx(total, rel=1e-6, abs=1e-9)


@for_all_runs
def test_cores_over_time_are_never_below_zero(run):
    assert [] == [cores for _, cores in run.cores_over_time if cores < 0]


@for_all_runs
def test_the_peak_is_at_least_the_average(run):
    assert run.peak_cores >= run.cores_in_use * (1 - 1e-6)


def test_cores_over_time_tell_two_busy_halves_apart():
    run = run_of(process("first", 0, 0.5, cores=1.0), process("both", 0, 1.0, cores=1.0))
    cores = [cores for _, cores in run.cores_over_time]
    assert [2.0] * 5 + [1.0] * 5 == pytest.approx(cores)


def test_cores_over_time_of_a_block_are_not_cut_finer_than_a_tenth_of_a_second():
    assert 1 == len(run_of(process("one", 0, 0.19, cores=1.0), wall=0.19).cores_over_time)


def test_cores_over_time_of_an_hour_are_a_thousand():
    assert 1_000 == len(run_of(process("one", 0, 3600, cores=1.0), wall=3600).cores_over_time)


@pytest.mark.parametrize("moment", [0.0, 1.0])
def test_cores_over_time_count_a_worker_at_the_very_edge_of_the_block(moment):
    lane = Lane("process", "flash", 1, started=moment, ended=moment, cpu_seconds=0.3)
    total = math.fsum(cores / 10 for _, cores in run_of(lane, looks=0).cores_over_time)
    assert pytest.approx(0.3) == total


def test_cores_in_use_are_cpu_seconds_for_each_wall_second():
    assert pytest.approx(0.8) == run_of(process("one", 0, 0.8, cores=1.0)).cores_in_use


def test_a_block_without_length_kept_no_core_busy():
    run = Run("nothing", MACHINE, 0.0, (MAIN,), ())
    assert (0.0, (), 0.0) == (run.cores_in_use, run.cores_over_time, run.peak_cores)


def test_workers_are_all_lanes_but_the_watched_process():
    run = run_of(process("one"), process("two"))
    assert ["one", "two"] == [lane.name for lane in run.workers]


def test_a_run_reads_as_a_sentence():
    run = run_of(process("one", 0, 0.6, cores=1.0), process("two", 0, 0.6, cores=1.0), wall=0.62)
    assert "made up: 0.62 s wall, 2 workers, 1.94 cores in use" == repr(run)


def test_the_sentence_of_a_run_tells_one_worker_from_several():
    assert "1 worker," in repr(run_of(process("one")))


def test_the_sentence_of_an_unfinished_run_says_why():
    run = run_of(finished=False, note="stopped at its deadline of 1 s")
    assert repr(run).endswith("; stopped at its deadline of 1 s")


def test_the_result_of_a_calculation_remembers_what_others_used():
    quiet, busy = Measured(1.9, used_by_others=0.1), Measured(1.2, used_by_others=0.8)
    results = (
        statistics.median([quiet, quiet, busy, busy]),
        sum([quiet, busy]),
        quiet - busy,
        2 - busy,
        2 / busy,
        quiet / 2 + busy,
    )
    assert [0.8] * 6 == [getattr(result, "used_by_others", None) for result in results]
    assert pytest.approx((1.55, 3.1, 0.7, 0.8, 1 / 0.6, 2.15)) == results


def test_figures_of_a_block_that_was_too_short_to_tell_know_nothing_of_others():
    assert (Measured(1.0) + Measured(1.0)).used_by_others is None


def test_the_result_of_a_calculation_knows_which_differences_it_can_tell():
    fine, coarse = Measured(2.0, resolution=0.1), Measured(-1.0, resolution=0.5)
    results = (
        statistics.median([coarse, fine]),
        sum([fine, fine, coarse]),
        coarse - fine,
        3 - coarse,
        fine / 4,
        fine * coarse,
        2 / fine,
    )
    expected = (0.3, 0.7, 0.6, 0.5, 0.025, 1.1, 1 - 2 / 2.1)
    assert pytest.approx(expected) == [result.resolution for result in results]


def test_a_figure_can_be_divided_by_one_that_is_a_step_from_zero():
    assert -1.0 == 0.5 / Measured(-0.5, resolution=0.5)


def test_figures_of_a_run_know_how_the_cpu_clock_of_each_of_its_processes_steps():
    windows = dataclasses.replace(MACHINE, system="Windows")
    run = run_of(process("one"), thread("other"), wall=2.0, machine=windows)
    figures = (run.cpu_seconds, run.cores_in_use, run.peak_cores)
    assert pytest.approx((2 / 64, 1 / 64, 20 / 64)) == [each.resolution for each in figures]


def test_figures_of_an_empty_run_can_be_read():
    windows = dataclasses.replace(MACHINE, system="Windows")
    run = run_of(wall=0.0, machine=windows)
    assert (0.0, 0.0, 0.0) == (run.cpu_seconds, run.cores_in_use, run.peak_cores)


def test_a_run_says_where_each_lane_stood_when_the_block_was_stopped():
    stuck = dataclasses.replace(process("one"), stood_at="`lock.acquire()` (line 2)")
    assert {"one": "`lock.acquire()` (line 2)"} == run_of(stuck, process("two")).stood_at


def test_a_run_says_with_how_much_memory_each_process_was_seen():
    looks = [MemoryLook(0.1, 0, 9, 5), MemoryLook(0.1, 1, 4, None), MemoryLook(0.2, 0, 8, 6)]
    run = run_of(process("one"), memory=tuple(looks))
    assert {"MainProcess": 9, "one": 4} == run.resident_bytes
    assert {"MainProcess": 6} == run.private_bytes
    assert run == Run.from_json(run.to_json())


def broken(change):
    """The JSON of a good run, changed."""
    data = json.loads(run_of(process("one")).to_json())
    change(data)
    return json.dumps(data)


BROKEN = {
    "run.wall_seconds is missing": lambda d: d.pop("wall_seconds"),
    "run.wall_seconds should be float, not '1.0'": lambda d: d.update(wall_seconds="1.0"),
    "run.wall_seconds should be float, not None": lambda d: d.update(wall_seconds=None),
    "run.wall_seconds should be float, not True": lambda d: d.update(wall_seconds=True),
    "run.wall_seconds should be float, not 1000": lambda d: d.update(wall_seconds=10**400),
    "run.finished should be bool, not 1": lambda d: d.update(finished=1),
    "run has no field 'colour'": lambda d: d.update(colour="blue"),
    "run.machine should be an object, not 'mine'": lambda d: d.update(machine="mine"),
    "run.machine.gil is missing": lambda d: d["machine"].pop("gil"),
    "run.lanes should be": lambda d: d.update(lanes={}),
    "run.lanes[1].pid should be int, not 1.5": lambda d: d["lanes"][1].update(pid=1.5),
    "run.lanes[1].kind should be": lambda d: d["lanes"][1].update(kind="robot"),
    "run.lanes[1] has no field 'x'": lambda d: d["lanes"][1].update(x=1),
    "run.samples[2].core should be int, not 'two'": lambda d: d["samples"][2].update(core="two"),
    "run.samples[0].lane is 9, but the run has 2 lanes": lambda d: d["samples"][0].update(lane=9),
    "run.memory[0].lane is 2, but the run has 2 lanes": lambda d: d.update(
        memory=[{"time": 0.5, "lane": 2, "resident_bytes": 1, "private_bytes": None}]
    ),
    "its 'format' should be": lambda d: d.update(format="manybrains run 99"),
}


@pytest.mark.parametrize("message", BROKEN)
def test_loading_a_broken_run_names_the_field(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Run.from_json(broken(BROKEN[message]))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1]", "null", '"run"', '{"a": NaN}'])
def test_loading_what_is_no_run_says_so(text):
    with pytest.raises(ValueError, match="not a saved run"):
        Run.from_json(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_loading_a_number_that_is_none_names_the_field(number):
    text = run_of().to_json().replace('"wall_seconds": 1.0', f'"wall_seconds": {number}')
    with pytest.raises(ValueError, match=r"run\.wall_seconds should be float"):
        Run.from_json(text)


def test_loading_from_a_file_names_the_file(tmp_path):
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ValueError, match=r"broken\.json: not a saved run"):
        Run.load(tmp_path / "broken.json")


def test_loading_a_whole_number_of_seconds_gives_a_float():
    text = run_of().to_json().replace('"wall_seconds": 1.0', '"wall_seconds": 1')
    assert "1.0" == repr(Run.from_json(text).wall_seconds)
