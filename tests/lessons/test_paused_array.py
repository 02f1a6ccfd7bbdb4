"""PausedArray: what is not under the lock is lost each time, not by luck."""

import multiprocessing

import pytest

from manybrains.lessons.paused_array import PausedArray

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("nobody_left")]

TIMES = 50


def add_under_the_lock(gate, row):
    gate.wait(30)
    for _ in range(TIMES):
        with row.get_lock():
            row[0] += 1


def add_once_without_lock(gate, row):
    gate.wait(30)
    row[0] += TIMES


def add_with_two_locks(gate, row):
    gate.wait(30)
    with row.get_lock():
        there = row[0]
    with row.get_lock():
        row[0] = there + TIMES


def add_in_turns(gate, row):
    place = gate.wait(30)
    for turn in range(2):
        if place == turn:
            row[0] += TIMES
        gate.wait(30)


def add_to_the_memory(gate, row):
    gate.wait(30)
    row.get_obj()[0] += TIMES


def add_to_the_memory_under_the_lock(gate, row):
    memory = row.get_obj()
    gate.wait(30)
    with row:
        memory[0] += TIMES


def problem_of(start_method, target):
    """What is wrong after two workers have run this function on a new row of one number."""
    context = multiprocessing.get_context(start_method)
    gate, row = context.Barrier(2), PausedArray(context.Array("i", 1), context)
    workers = [context.Process(target=target, args=(gate, row)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [0, 0] == [worker.exitcode for worker in workers]
    return row.problem([2 * TIMES])


@pytest.mark.parametrize("target", [add_once_without_lock, add_with_two_locks])
def test_an_update_is_lost_where_the_lock_is_free_between_reading_and_writing(start_method, target):
    problem = problem_of(start_method, target)
    lost = f"number 0 of the Array is {TIMES}, and should be {2 * TIMES}: one worker was stopped"
    assert problem.startswith(lost)


@pytest.mark.parametrize(
    "target", [add_under_the_lock, add_in_turns, add_to_the_memory_under_the_lock]
)
def test_nothing_is_lost_under_the_lock_or_in_turns(start_method, target):
    assert "" == problem_of(start_method, target)


def test_the_memory_itself_without_the_lock_is_told():
    problem = problem_of(None, add_to_the_memory)
    assert "get_obj() gives the numbers without their lock: take the lock as well" == problem


def test_numbers_that_are_wrong_for_another_reason_are_told():
    row = PausedArray(multiprocessing.Array("i", [3, 4, 5]))
    assert "number 1 of the Array is 4, and should be 9" == row.problem([3, 9, 5])


def test_it_is_used_as_an_array_is():
    row = PausedArray(multiprocessing.Array("i", [3, 4, 5]))
    row[1:] = [6, 7]
    row.acquire()
    row.release()
    assert 3 == len(row)
    assert [3, 6, 7] == row[:] == list(row)
