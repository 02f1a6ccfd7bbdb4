"""LoopTurns: a loop that stands still is told from one that has its turns."""

import asyncio
import time

import pytest
from made_up import process, run_of

from manybrains.lessons.loop_turns import LoopTurns


def beside(function, argument=0.3):
    turns = LoopTurns()
    return turns, asyncio.run(turns.beside(function, argument))


async def polite(seconds):
    await asyncio.sleep(seconds)
    return "done"


async def rude(seconds):
    time.sleep(seconds)
    return "done"


def test_a_loop_that_is_free_has_turns():
    turns, answer = beside(polite)
    assert ("done", True) == (answer, len(turns.moments) > 5)


def test_a_loop_that_stands_still_has_none_but_at_begin_and_end():
    turns, answer = beside(rude)
    assert ("done", 2) == (answer, len(turns.moments))


def test_an_error_is_returned():
    _, answer = beside(lambda argument: 1 / argument, 0)
    assert isinstance(answer, ZeroDivisionError)


@pytest.mark.parametrize(
    ("moments", "most"),
    [([10.0, 11.0], 0.8), ([10.0, 10.5, 11.0], 0.4), ([10.0, 10.3, 11.0], 0.6), ([], 0.0)],
)
def test_the_longest_stretch_is_what_was_used_between_two_turns(moments, most):
    worker = process("worker", 0.1, 0.9, cores=1.0)
    turns = LoopTurns()
    turns.moments = moments
    run = run_of(worker)
    assert most == pytest.approx(turns.longest_stretch(run, run.lanes[1]), abs=1e-6)
