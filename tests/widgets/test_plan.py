"""A plan in words, and as the lines that do the same."""

import ast
from types import SimpleNamespace

import pytest

from manybrains.widgets.plan import SIZES, STRATEGIES, Plan, most_workers, size_in_words

TWO_THREADS = """\
%%watch threads --deadline 60
from threading import Thread

from manybrains import count

workers = [Thread(target=count, args=[5_000_000]) for _ in range(2)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()"""
WAITING_PROCESSES = """\
%%watch processes --deadline 60
from multiprocessing import Process
from time import sleep

workers = [Process(target=sleep, args=[0.25]) for _ in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()"""
SERIAL = """\
%%watch serial --deadline 60
from manybrains import count

count(1_000_000)"""


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        (Plan("threads", 2, "computing", 10_000_000), TWO_THREADS),
        (Plan("processes", 4, "waiting", 1), WAITING_PROCESSES),
        (Plan("serial", 4, "computing", 1_000_000), SERIAL),
    ],
)
def test_a_plan_is_shown_as_the_cell_that_does_the_same(plan, lines):
    assert lines == plan.lines


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("work", SIZES)
def test_the_lines_of_each_plan_are_python_below_the_first(strategy, work):
    for size in SIZES[work]:
        for workers in (1, 3, 16):
            first, _, rest = Plan(strategy, workers, work, size).lines.partition("\n")
            assert first.startswith(f"%%watch {strategy} ")
            ast.parse(rest)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan("threads", 2, "computing", 10_000_000), "2 threads, 10 million steps in all"),
        (Plan("processes", 1, "waiting", 0.2), "1 process, 0.2 s of waiting in all"),
        (Plan("threads", 1, "computing", 10_000), "1 thread, 10,000 steps in all"),
        (Plan("serial", 4, "waiting", 1), "main alone, 1 s of waiting in all"),
    ],
)
def test_a_plan_reads_as_words(plan, words):
    assert words == str(plan)


def test_main_alone_does_all_the_work():
    assert 4 == Plan("serial", 4, "waiting", 4).part


def test_the_sizes_have_different_names():
    for work, sizes in SIZES.items():
        assert len(sizes) == len({size_in_words(work, size) for size in sizes})


@pytest.mark.parametrize(("cores", "most"), [(0.5, 4), (1, 4), (2, 4), (3.5, 8), (8, 16), (64, 16)])
def test_one_can_choose_twice_as_many_workers_as_cores_within_bounds(cores, most):
    assert most == most_workers(SimpleNamespace(cores_yours=cores))
