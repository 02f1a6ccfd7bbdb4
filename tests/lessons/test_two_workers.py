"""TwoWorkers: how two workers share numbers out is seen each time, not by luck."""

import multiprocessing
import time
from threading import Thread

import pytest

from manybrains.lessons.two_workers import TwoWorkers

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("nobody_left")]


def halve(tasks, results):
    """Send back half of each number, until there is None."""
    while (number := tasks.get()) is not None:
        results.put((number % 2, number))


class Trial:
    """Four gated numbers, the queues for them, and workers that take them."""

    def __init__(self, start_method, trial):
        self.context = multiprocessing.get_context(start_method)
        self.tasks, self.results = self.context.Queue(), self.context.Queue()
        self.numbers = [trial.number(n) for n in range(4)]

    def start(self, workers):
        arguments = (self.tasks, self.results)
        self.workers = [self.context.Process(target=halve, args=arguments) for _ in range(workers)]
        for worker in self.workers:
            worker.start()
        for message in [*self.numbers, *[None] * workers]:
            self.tasks.put(message)

    def get(self):
        return sorted(self.results.get(timeout=30)[1] for _ in self.numbers)

    def join(self, timeout=None):
        for worker in self.workers:
            worker.join(timeout)


def test_nothing_is_wrong_with_two_workers_that_are_joined_after_all_was_read(start_method):
    with TwoWorkers() as trial:
        given = Trial(start_method, trial)
        given.start(2)
        found = given.get()
        given.join()
    assert "" == trial.problem
    assert [0, 1, 2, 3] == found


def test_workers_that_are_not_joined_have_not_ended(start_method):
    with TwoWorkers() as trial:
        given = Trial(start_method, trial)
        given.start(2)
        given.get()
    names = " and ".join(worker.name for worker in given.workers)
    assert f"{names} had not ended when the function returned: join them all" == trial.problem


def test_a_worker_is_held_until_it_is_joined_itself():
    with TwoWorkers() as trial:
        given = Trial(None, trial)
        given.start(2)
        given.get()
        given.workers[0].join()
    assert trial.problem.startswith(f"{given.workers[1].name} had not ended")


def test_a_join_that_gives_up_before_anything_was_read_is_told():
    with TwoWorkers() as trial:
        given = Trial(None, trial)
        given.start(2)
        given.join(timeout=0.3)
        given.get()
        given.join()
    assert "join gave up at its time limit" in trial.problem


def test_a_join_with_a_time_limit_is_fine_after_all_was_read():
    with TwoWorkers() as trial:
        given = Trial(None, trial)
        given.start(2)
        given.get()
        given.join(timeout=30)
        released = [trial._notes.has(f"joined {worker.pid}") for worker in given.workers]
    assert [True, True] == released  # at once, not after the time that a worker stays at most
    assert "" == trial.problem


def test_a_worker_that_nobody_reads_from_does_not_end_before_somebody_does():
    with TwoWorkers() as trial:
        given = Trial(None, trial)
        given.start(2)
        joins = Thread(target=given.join)
        joins.start()
        joins.join(0.5)
        stuck = joins.is_alive()
        given.get()
        joins.join()
    assert stuck  # however large the pipe is
    assert "" == trial.problem


def test_a_worker_leaves_numbers_to_one_that_begins_later():
    with TwoWorkers() as trial:
        given = Trial(None, trial)
        given.start(1)
        first = given.workers
        while not trial._testers():
            time.sleep(0.01)
        given.numbers, numbers = [], given.numbers
        time.sleep(0.2)  # enough for the first one to take all numbers, if it did not wait
        given.start(1)
        given.numbers, given.workers = numbers, first + given.workers
        given.get()
        given.join()
    assert "" == trial.problem


def test_one_worker_that_waits_for_another_one_is_told():
    with pytest.raises(KeyboardInterrupt), TwoWorkers() as trial:  # as a deadline ends it
        given = Trial(None, trial)
        given.start(1)
        given.tasks.cancel_join_thread()  # nobody takes the other numbers
        while not trial._testers():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert "one worker tested numbers, and waited for the other" in trial.problem
    assert not given.workers[0].is_alive()


def test_main_is_told_from_workers():
    with TwoWorkers() as trial:
        assert 1 == trial.number(7) % 2
    assert "main itself tested numbers: leave all of them to the two workers" == trial.problem


def test_numbers_that_nobody_tested_are_told():
    with TwoWorkers() as trial:
        trial.number(7)
    assert "no worker has tested the numbers: hand them to two workers" == trial.problem


def test_join_is_what_it_was_after_a_trial():
    before = multiprocessing.process.BaseProcess.join
    with TwoWorkers():
        assert multiprocessing.process.BaseProcess.join is not before
    assert multiprocessing.process.BaseProcess.join is before
