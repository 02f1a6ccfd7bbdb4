"""Outbox: what main sends is counted, under every start method."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import reduction

import pytest

from manybrains.lessons.outbox import Outbox

pytestmark = pytest.mark.usefixtures("nobody_left")
BLOCKS = [bytes(1_000) for _ in range(8)]


def large(outbox):
    """The sizes in whole blocks; sentinels and the like are not counted."""
    return [size // 1_000 for size in outbox.sizes if size >= 1_000]


def test_each_chunk_is_a_message(start_method):
    with multiprocessing.get_context(start_method).Pool(2) as pool, Outbox() as outbox:
        pool.map(len, BLOCKS, 1)
        pool.map(len, BLOCKS, 4)
    assert [1] * 8 + [4, 4] == large(outbox)


def test_what_occurs_twice_in_a_message_is_sent_once():
    with multiprocessing.Pool(1) as pool, Outbox() as outbox:
        pool.map(len, BLOCKS[:1] * 4, 4)
    assert [1] == large(outbox)


def test_tasks_of_an_executor_are_messages(start_method):
    context = multiprocessing.get_context(start_method)
    with ProcessPoolExecutor(1, context) as executor, Outbox() as outbox:
        list(executor.map(len, BLOCKS))
    assert [1] * 8 == large(outbox)


def test_what_is_put_into_a_queue_or_sent_through_a_pipe_is_a_message():
    one, other = multiprocessing.Pipe()
    queue = multiprocessing.Queue()
    with Outbox() as outbox:
        one.send(BLOCKS[0])
        other.recv()
        queue.put(BLOCKS[0])
        queue.get(timeout=30)
    queue.close()
    queue.join_thread()
    assert [1, 1] == large(outbox)


def test_what_is_handed_over_by_the_start_is_not_counted(start_method):
    context = multiprocessing.get_context(start_method)
    with Outbox() as outbox, context.Pool(1, len, BLOCKS[:1]) as pool:
        pool.apply(len, ("two",))
    assert [] == large(outbox)


def test_afterwards_messages_are_pickled_as_before():
    before = vars(reduction.ForkingPickler)["dumps"]
    with pytest.raises(KeyError), Outbox() as outbox:
        raise KeyError
    assert before is vars(reduction.ForkingPickler)["dumps"]
    reduction.ForkingPickler.dumps(BLOCKS)
    assert [] == outbox.sizes
