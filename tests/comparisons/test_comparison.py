"""compare(): the same work in several ways, side by side."""

import asyncio
import contextlib
import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import numpy
import pytest

from manybrains import watch
from manybrains.comparisons import comparison as comparing
from manybrains.comparisons.comparison import Comparison, Contestant, compare
from manybrains.lessons.workloads import count
from manybrains.records.machine import Machine
from manybrains.records.run import Lane, Run
from manybrains.workers.session import current_session

DEADLINE = 60
MACHINE = Machine("Linux", 4, 4.0, "", 2**33, "fork", "3.13.0", True)


@pytest.fixture(autouse=True)
def headless(monkeypatch):
    monkeypatch.setenv("MANYBRAINS_HEADLESS", "1")


def run_of(name, wall_seconds=1.0, cpu_seconds=1.0):
    return Run(name, MACHINE, wall_seconds, (Lane("main", name, 1, cpu_seconds=cpu_seconds),), ())


def contestant(name, *walls, cpu_seconds=1.0):
    return Contestant(name, tuple(run_of(name, wall, cpu_seconds) for wall in walls))


@pytest.fixture
def unwatched(monkeypatch):
    """Let compare() run without a lens, and note whom it would have watched."""
    watched = []

    @contextlib.contextmanager
    def watch(name, *, deadline, quiet):
        watched.append(name)
        yield SimpleNamespace(run=run_of(name))

    monkeypatch.setattr(comparing, "watch", watch)
    return watched


def one():
    return 1


def two():
    return 2


# --- in order, watched, with one answer


def test_every_contestant_runs_as_often_as_asked(unwatched):
    compared = compare({"a": one, "b": one}, repeats=2)
    assert [("a", 2), ("b", 2)] == [(each.name, len(each.runs)) for each in compared.contestants]


def test_every_contestant_runs_three_times_by_default(unwatched):
    assert 3 == len(compare({"a": one})["a"].runs)


def test_the_repeats_are_interleaved(unwatched):
    compare({"a": one, "b": one}, repeats=3)
    assert ["a", "b"] * 3 == unwatched


def test_the_common_answer_is_kept(unwatched):
    assert 1 == compare({"a": one, "b": one}).answer


def test_a_function_with_arguments_can_be_a_partial(unwatched):
    assert 100 == compare({"a": partial(count, 100)}).answer


def test_contestants_are_watched_for_real():
    compared = compare({"a": partial(count, 1000), "b": partial(count, 1000)}, repeats=2)
    assert [("a", True)] * 2 + [("b", True)] * 2 == [
        (run.name, run.finished) for each in compared.contestants for run in each.runs
    ]


def counted_by_processes(start_method):
    context = multiprocessing.get_context(start_method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return sum(pool.map(count, [20_000, 20_000], timeout=DEADLINE))


def counted_by_threads():
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(count, [20_000, 20_000], timeout=DEADLINE))


@pytest.fixture
def three_ways(start_method):
    """Counting compared in one process, two threads, two processes."""
    contestants = {
        "serial": lambda: count(20_000) + count(20_000),
        "threads": counted_by_threads,
        "processes": partial(counted_by_processes, start_method),
    }
    return compare(contestants, repeats=1)


def test_serial_threads_and_processes_can_be_compared(three_ways):
    assert 40_000 == three_ways.answer


def test_a_contestants_processes_are_lanes_of_its_run_alone(three_ways):
    started = [
        sum(lane.kind == "process" for run in each.runs for lane in run.lanes)
        for each in three_ways.contestants
    ]
    # A pool may do with one worker if that one is free again in time.
    assert started[:2] == [0, 0]
    assert started[2] in (1, 2)


# --- coroutines


async def answer_later():
    await asyncio.sleep(0)
    return 1


def test_a_coroutine_is_run_to_its_end(unwatched):
    assert 1 == compare({"plain": one, "asyncio": answer_later}).answer


def test_a_coroutine_is_run_to_its_end_inside_of_a_running_loop(unwatched):
    async def cell():
        return compare({"plain": one, "asyncio": answer_later})

    assert 1 == asyncio.run(cell()).answer


def test_a_coroutine_inside_of_a_running_loop_leaves_no_thread(unwatched):
    async def cell():
        compare({"asyncio": answer_later})
        return [thread.name for thread in threading.enumerate() if "event loop" in thread.name]

    assert [] == asyncio.run(cell())


def test_an_error_of_a_coroutine_passes_through_a_running_loop(unwatched):
    async def fail():
        raise LookupError("gone")

    async def cell():
        compare({"asyncio": fail})

    with pytest.raises(LookupError, match="gone"):
        asyncio.run(cell())


def test_an_interrupt_inside_of_a_running_loop_ends_the_coroutine(unwatched, monkeypatch):
    ended = threading.Event()

    async def forever():
        try:
            await asyncio.sleep(DEADLINE)
        finally:
            ended.set()

    class Interrupted(comparing.ThreadPoolExecutor):
        def submit(self, *arguments):
            outcome = super().submit(*arguments)
            monkeypatch.setattr(outcome, "result", self.interrupt)
            return outcome

        def interrupt(self):
            time.sleep(0.1)
            raise KeyboardInterrupt

    monkeypatch.setattr(comparing, "ThreadPoolExecutor", Interrupted)

    async def cell():
        compare({"asyncio": forever})

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(cell())
    assert ended.is_set()


# --- answers that differ


def test_differing_answers_are_refused_by_name_and_value(unwatched):
    with pytest.raises(ValueError, match=r"^'a' answered 1, 'b' answered 2: they did different"):
        compare({"a": one, "b": two})


def test_differing_answers_are_refused_before_the_second_repeat(unwatched):
    with pytest.raises(ValueError, match="'b' answered 2"):
        compare({"a": one, "b": two})
    assert ["a", "b"] == unwatched


def test_an_answer_that_changes_from_repeat_to_repeat_is_refused(unwatched):
    with pytest.raises(ValueError, match=r"^'a' answered 0 and then 1: a contestant must give"):
        compare({"a": iter(range(9)).__next__})


def test_a_long_answer_is_shown_shortened(unwatched):
    with pytest.raises(ValueError, match=r"^'a' answered \[0, 1, .{50}\.\.\., 'b' answered 1:"):
        compare({"a": lambda: list(range(1000)), "b": one})


def test_equal_arrays_are_equal_answers(unwatched):
    compared = compare({"a": lambda: numpy.arange(3), "b": lambda: numpy.arange(3)}, repeats=1)
    assert [0, 1, 2] == compared.answer.tolist()


def test_arrays_of_another_shape_are_differing_answers(unwatched):
    with pytest.raises(ValueError, match="'b' answered array"):
        compare({"a": lambda: numpy.arange(3), "b": lambda: numpy.arange(4)})


def test_answers_that_cannot_be_told_equal_are_refused_with_a_remedy(unwatched):
    with pytest.raises(TypeError, match=r"cannot be compared .*: let contestants return"):
        compare({"a": lambda: [numpy.arange(3)], "b": lambda: [numpy.arange(3)]})


# --- errors


def fail():
    raise ZeroDivisionError("division by zero")


def test_an_error_passes_through_with_a_note_of_whose_it_is(unwatched):
    with pytest.raises(ZeroDivisionError) as caught:
        compare({"a": one, "b": fail})
    assert ["raised by contestant 'b' in repeat 1 of 3"] == caught.value.__notes__


def test_an_interrupt_passes_through(unwatched):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare({"a": interrupt})


def test_a_contestant_that_hangs_is_ended_at_the_deadline():
    with pytest.raises(TimeoutError, match=r"'stuck' did not finish: .*deadline of 0\.2 s"):
        compare({"stuck": lambda: time.sleep(DEADLINE)}, deadline=0.2)


@pytest.mark.parametrize("contestants", [{}, None, [one], "serial"])
def test_nothing_to_compare_is_refused_with_an_example(contestants):
    with pytest.raises(ValueError, match=r"nothing to compare in .*: give named functions: comp"):
        compare(contestants)


def test_a_contestant_that_was_called_already_is_refused():
    with pytest.raises(TypeError, match="contestant 'a' is 1, which cannot be called: give the"):
        compare({"a": one()})


@pytest.mark.parametrize("name", ["", " ", "a\nb", 1])
def test_a_contestant_without_a_good_name_is_refused(name):
    with pytest.raises(TypeError, match=re.escape(f"a contestant has the name {name!r}: give")):
        compare({name: one})


@pytest.mark.parametrize("repeats", [0, -1, 1.5, "many", None])
def test_a_senseless_number_of_repeats_is_refused(repeats):
    with pytest.raises(ValueError, match=f"repeats is {repeats!r}: give at least 1"):
        compare({"a": one}, repeats=repeats)


# --- progress


@pytest.fixture
def steps(monkeypatch):
    """What the progress bar was told."""
    told = []

    class Bar:
        def __init__(self, **settings):
            told.append(settings)

        @staticmethod
        def set_lock(lock):
            """Forget the lock."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            told.append("gone")

        def update(self):
            told.append("step")

    monkeypatch.setattr("tqdm.tqdm", Bar)
    return told


def test_without_a_reader_there_is_no_progress_bar(unwatched, steps):
    compare({"a": one})
    assert [] == steps


def test_progress_is_told_run_by_run(unwatched, steps, monkeypatch):
    monkeypatch.delenv("MANYBRAINS_HEADLESS")
    compare({"a": one, "b": one}, repeats=2)
    assert ["step"] * 4 + ["gone"] == steps[1:]


def test_progress_shows_after_a_second_and_vanishes(unwatched, steps, monkeypatch):
    monkeypatch.delenv("MANYBRAINS_HEADLESS")
    compare({"a": one})
    assert (1, False) == (steps[0]["delay"], steps[0]["leave"])


def test_where_nobody_reads_while_a_cell_runs_there_is_no_progress_bar(steps, monkeypatch):
    monkeypatch.delenv("MANYBRAINS_HEADLESS")
    with watch():
        session = current_session()
        monkeypatch.setattr(session, "has_reader", False)
        compare({"a": one})
    assert [] == steps


def test_nothing_of_a_progress_bar_is_stored(monkeypatch, capsys):
    monkeypatch.delenv("MANYBRAINS_HEADLESS", raising=False)
    monkeypatch.setattr("manybrains.comparisons.comparison.in_notebook", lambda: True)
    with comparing._progress(2) as step:
        time.sleep(1.1)
        step()
    told = capsys.readouterr().out
    assert "1/2" in told
    assert "" == as_jupyterlab_stores(told)


def as_jupyterlab_stores(text: str) -> str:
    """What is left of one line: a backspace takes a letter away."""
    line, place = "", 0
    for letter in text:
        if letter == "\b":
            line, place = line[: place - 1] + line[place:], max(0, place - 1)
        elif letter == "\r":
            place = 0
        else:
            line, place = line[:place] + letter + line[place + 1 :], place + 1
    return line


def test_a_progress_bar_neither_fixes_the_start_method_nor_starts_a_thread():
    code = (
        "import multiprocessing, threading, time\n"
        "from manybrains.comparisons.comparison import _progress\n"
        "with _progress(2) as step:\n"
        "    time.sleep(1.1); step()\n"
        "    print(multiprocessing.get_start_method(allow_none=True), threading.active_count())"
    )
    environment = {
        name: value for name, value in os.environ.items() if name != "MANYBRAINS_HEADLESS"
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment
    )
    assert "None 1" == done.stdout.strip()


# --- figures and text


def test_wall_seconds_are_those_of_every_repeat():
    assert (3.0, 1.0, 2.0) == contestant("a", 3.0, 1.0, 2.0).wall_seconds


def test_the_median_of_the_repeats_counts():
    assert 2.0 == contestant("a", 3.0, 1.0, 2.0).median_wall_seconds


def test_cores_in_use_are_the_median_of_the_repeats():
    assert 0.5 == contestant("a", 4.0, 1.0, 2.0).cores_in_use


def test_peak_cores_are_the_most_of_any_repeat():
    runs = contestant("a", 4.0, 1.0, 2.0).runs
    assert max(run.peak_cores for run in runs) == contestant("a", 4.0, 1.0, 2.0).peak_cores
    assert runs[1].peak_cores == contestant("a", 4.0, 1.0, 2.0).peak_cores


COMPARISON = Comparison(
    (
        contestant("serial", 2.0, 2.1, 1.9, cpu_seconds=2.0),
        contestant("processes", 1.0, 10.5, 0.9, cpu_seconds=2.0),
    ),
    answer=20_000_000,
)


def test_speedup_is_against_the_first():
    assert 2.0 == COMPARISON.speedup("processes")


def test_the_first_is_as_fast_as_itself():
    assert 1.0 == COMPARISON.speedup("serial")


def test_a_contestant_is_found_by_name():
    assert COMPARISON.contestants[1] is COMPARISON["processes"]


def test_a_contestant_that_is_not_there_is_an_error_that_lists_those_that_are():
    with pytest.raises(KeyError, match="no contestant is called 'fibers': there are 'serial', 'p"):
        COMPARISON["fibers"]


def test_a_comparison_reads_as_a_table():
    assert """\
           wall 1 [s]  wall 2 [s]  wall 3 [s]  median [s]  cores in use  speedup
serial          2.000       2.100       1.900       2.000          1.00     1.00
processes       1.000      10.500       0.900       1.000          2.00     2.00""" == repr(
        COMPARISON
    )


def test_a_contestant_reads_as_a_sentence():
    assert "serial: 2.00 s wall, 1.00 cores in use (medians of 3 repeats)" == repr(
        COMPARISON["serial"]
    )


def test_a_comparison_cannot_be_changed():
    with pytest.raises(AttributeError):
        COMPARISON.answer = 1
