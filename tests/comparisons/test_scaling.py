"""measure_scaling(): the same work by more and more workers, and its figures."""

import contextlib
import dataclasses
import json
import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import numpy
import pytest
from made_up import MACHINE

from manybrains.comparisons import comparison as comparing
from manybrains.comparisons.scaling import (
    Scaling,
    ScalingPoint,
    compare_workers,
    measure_scaling,
)
from manybrains.lessons.workloads import count
from manybrains.records.run import Lane, Run, Sample

DEADLINE = 60
INPUTS = [100, 200, 300]


@pytest.fixture(autouse=True)
def headless(monkeypatch):
    monkeypatch.setenv("MANYBRAINS_HEADLESS", "1")


@pytest.fixture
def unwatched(monkeypatch):
    """Let measure_scaling() run without a lens, and note what it would have watched."""
    watched = []

    @contextlib.contextmanager
    def watch(name, *, deadline, quiet):
        watched.append((name, deadline))
        yield SimpleNamespace(run=run_of(name, 1.0))

    monkeypatch.setattr(comparing, "watch", watch)
    return watched


def run_of(name, wall_seconds):
    return Run(name, MACHINE, wall_seconds, (Lane("main", name, 1),), (), (), 0.05, True, "")


def point(workers, *walls):
    name = f"{workers} worker{'' if workers == 1 else 's'}"
    return ScalingPoint(name, tuple(run_of(name, wall) for wall in walls), workers)


# A program of which a fifth is serial: 1, 0.6, 0.4 seconds.
AMDAHL = Scaling((point(1, 1.0, 1.1, 0.9), point(2, 0.6, 0.6, 9.0), point(4, 0.4, 0.4, 0.4)), [7])


def serially(workers):
    """An executor whose workers are all this very thread."""
    return Serial()


class Serial(Executor):
    def map(self, work, *inputs):
        return map(work, *inputs)


# --- measuring


@pytest.mark.usefixtures("nobody_left")
def test_processes_are_measured_under_every_start_method(start_method):
    pool = partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context(start_method))
    scaling = measure_scaling(count, INPUTS, (1, 2), 1, executor=pool, deadline=DEADLINE)
    assert INPUTS == scaling.answer


@pytest.mark.usefixtures("nobody_left")
def test_the_workers_are_processes_by_default():
    scaling = measure_scaling(count, INPUTS, (2,), repeats=1, deadline=DEADLINE)
    [run] = scaling[2].runs
    assert {"process"} == {lane.kind for lane in run.workers}


def test_any_executor_can_be_measured():
    scaling = measure_scaling(count, INPUTS, (1, 2), repeats=1, executor=ThreadPoolExecutor)
    assert INPUTS == scaling.answer


def test_an_executor_has_as_many_workers_as_are_measured(unwatched):
    asked = []

    def noted(workers):
        asked.append(workers)
        return Serial()

    measure_scaling(count, INPUTS, (1, 3), repeats=1, executor=noted)
    assert [1, 3] == asked


def test_one_two_and_four_workers_are_measured_three_times_by_default(unwatched):
    scaling = measure_scaling(count, INPUTS, executor=serially)
    assert [(1, 3), (2, 3), (4, 3)] == [(p.workers, len(p.runs)) for p in scaling.points]


def test_the_repeats_are_interleaved(unwatched):
    measure_scaling(count, INPUTS, (1, 2), repeats=2, executor=serially)
    assert ["1 worker", "2 workers"] * 2 == [name for name, _ in unwatched]


def test_the_least_number_comes_first_and_each_once(unwatched):
    scaling = measure_scaling(count, INPUTS, (4, 1, 4, 2), repeats=1, executor=serially)
    assert [1, 2, 4] == [p.workers for p in scaling.points]


def test_inputs_that_can_be_read_once_serve_every_number(unwatched):
    assert INPUTS == measure_scaling(count, iter(INPUTS), executor=serially).answer


def test_numbers_of_numpy_are_numbers_of_workers(unwatched):
    scaling = measure_scaling(count, INPUTS, numpy.arange(1, 3), repeats=1, executor=serially)
    assert [1, 2] == [p.workers for p in scaling.points]


def test_the_deadline_is_that_of_every_run(unwatched):
    measure_scaling(count, INPUTS, (1, 2), 1, executor=serially, deadline=7)
    assert [7, 7] == [deadline for _, deadline in unwatched]


# --- refusing


def test_answers_that_depend_on_the_workers_are_refused(unwatched):
    with pytest.raises(ValueError, match=r"'1 worker' answered \[0\], '2 workers' answered \[1\]"):
        measure_scaling(next, [iter(range(9))], (1, 2), executor=serially)


def test_an_error_of_the_work_tells_with_how_many_workers(unwatched):
    with pytest.raises(TypeError) as caught:
        measure_scaling(count, ["ten"], (1, 2), executor=serially)
    assert ["raised by contestant '1 worker' in repeat 1 of 3"] == caught.value.__notes__


@pytest.mark.parametrize("workers", [(), (0, 1), (-1,), (1.5,), 4, None, "two"])
def test_senseless_numbers_of_workers_are_refused(workers):
    with pytest.raises(ValueError, match=r"workers is .*: give numbers from 1 on, such as"):
        measure_scaling(count, INPUTS, workers)


def test_no_inputs_are_refused():
    with pytest.raises(ValueError, match="there are no inputs: give at least one for each worker"):
        measure_scaling(count, [])


def test_work_that_was_called_already_is_refused():
    with pytest.raises(TypeError, match="work is 10, which cannot be called: give the function"):
        measure_scaling(count(10), INPUTS)


def test_an_executor_that_was_made_already_is_refused():
    with pytest.raises(TypeError, match=r"executor is .*Serial.*, which cannot be called"):
        measure_scaling(count, INPUTS, executor=Serial())


# --- figures and text


def test_the_speedup_is_of_median_wall_times():
    assert [1.0, 1 / 0.6, 2.5] == [AMDAHL.speedup(workers) for workers in (1, 2, 4)]


def test_the_efficiency_is_the_speedup_for_each_worker():
    assert pytest.approx([1.0, 1 / 1.2, 0.625]) == [AMDAHL.efficiency(n) for n in (1, 2, 4)]


def test_the_serial_fraction_is_the_part_that_is_serial():
    assert pytest.approx([0.2, 0.2]) == [AMDAHL.serial_fraction(workers) for workers in (2, 4)]


def test_without_one_worker_the_least_number_is_the_measure():
    scaling = Scaling((point(2, 1.0), point(4, 0.5)))
    assert (2.0, 1.0) == (scaling.speedup(4), scaling.efficiency(4))


def test_one_worker_has_no_serial_fraction():
    with pytest.raises(ValueError, match=r"no serial fraction of 1 worker: .* as workers=\(1, 2\)"):
        AMDAHL.serial_fraction(1)


def test_without_one_worker_there_is_no_serial_fraction():
    with pytest.raises(ValueError, match="no serial fraction of 4 workers"):
        Scaling((point(2, 1.0), point(4, 0.5))).serial_fraction(4)


def test_a_number_that_was_not_measured_is_an_error_that_lists_those_that_were():
    with pytest.raises(KeyError, match="3 workers were not measured: there are 1, 2, 4"):
        AMDAHL.speedup(3)


def test_a_point_tells_the_wall_time_of_every_repeat_and_the_middle_one():
    assert ((1.0, 1.1, 0.9), 1.0) == (AMDAHL[1].wall_seconds, AMDAHL[1].median_wall_seconds)


def test_a_point_reads_as_a_sentence():
    assert "2 workers: 0.60 s wall, 0.00 cores in use (medians of 3 repeats)" == repr(AMDAHL[2])


TABLE = """\
workers  wall 1 [s]  wall 2 [s]  wall 3 [s]  median [s]  speedup  efficiency  serial fraction
      1       1.000       1.100       0.900       1.000     1.00        1.00
      2       0.600       0.600       9.000       0.600     1.67        0.83             0.20
      4       0.400       0.400       0.400       0.400     2.50        0.62             0.20"""


def test_a_scaling_reads_as_a_table():
    assert TABLE == repr(AMDAHL)


def test_a_scaling_cannot_be_changed():
    with pytest.raises(AttributeError):
        AMDAHL.answer = 1


# --- any program


def test_a_program_is_called_with_each_number_of_workers(unwatched):
    called = []
    compare_workers(called.append, (1, 2), repeats=2)
    assert [1, 2, 1, 2] == called


def test_the_answer_is_that_of_the_program(unwatched):
    assert "done" == compare_workers(lambda workers: "done", (1, 2)).answer


def test_a_program_whose_answer_depends_on_the_workers_is_refused(unwatched):
    with pytest.raises(ValueError, match="'1 worker' answered 1, '2 workers' answered 2"):
        compare_workers(lambda workers: workers, (1, 2))


def test_what_is_no_program_is_refused():
    with pytest.raises(TypeError, match="program is 7, which cannot be called: give the function"):
        compare_workers(7)


# --- fitting Amdahl's law


def test_the_fit_finds_a_serial_fraction_that_is_the_same_at_each_point():
    assert 0.2 == pytest.approx(AMDAHL.fitted_serial_fraction)


def test_the_fit_is_the_least_squares_of_the_wall_times():
    scaling = Scaling((point(1, 1.0), point(2, 0.7), point(4, 0.3), point(8, 0.5)))
    shares = numpy.array([0.7, 0.3, 0.5]) - 1 / numpy.array([2, 4, 8])
    parts = 1 - 1 / numpy.array([[2], [4], [8]])
    assert numpy.linalg.lstsq(parts, shares)[0][0] == pytest.approx(scaling.fitted_serial_fraction)


@pytest.mark.parametrize("points", [(point(1, 1.0),), (point(2, 1.0), point(4, 0.6))])
def test_there_is_no_fit_without_one_worker_and_several(points):
    with pytest.raises(ValueError, match="measure one and several"):
        _ = Scaling(points).fitted_serial_fraction


# --- recordings


def test_a_saved_scaling_is_equal_but_for_its_answer(tmp_path):
    scaling = dataclasses.replace(AMDAHL, note="recorded on a Friday")
    scaling.save(tmp_path / "recording.json")
    assert dataclasses.replace(scaling, answer=None) == Scaling.load(tmp_path / "recording.json")


def changed(**fields):
    return json.dumps(json.loads(AMDAHL.to_json()) | fields)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not a saved scaling: it is not JSON"),
        ("[]", "its 'format' should be 'manybrains scaling 1'"),
        (changed(format="manybrains run 3"), "its 'format' should be 'manybrains scaling 1'"),
        (changed(points=[]), "scaling.points is empty"),
        (changed(points=[{"name": "a", "runs": [], "workers": 1}]), r"points\[0\].runs is empty"),
        (changed(points=[{"name": "a", "runs": []}]), r"scaling.points\[0\].workers is missing"),
        (changed(note=7), "scaling.note should be str, not 7"),
        (changed(author="me"), "scaling has no field 'author'"),
    ],
)
def test_what_is_no_saved_scaling_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        Scaling.from_json(text)


def test_a_look_at_a_lane_that_is_not_there_is_refused():
    run = dataclasses.replace(run_of("a", 1.0), samples=(Sample(0.1, 5, 0.0),))
    with pytest.raises(ValueError, match=r"points\[0\].runs\[0\].samples\[0\].lane is 5"):
        Scaling.from_json(Scaling((ScalingPoint("a", (run,), 1),)).to_json())


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json: not a saved scaling"):
        Scaling.load(tmp_path / "a.json")
