"""Counting and waiting that can be stopped."""

import threading
import time

import pytest

from manybrains.lessons.stoppable import count_unless, wait_unless


@pytest.mark.parametrize("to", [0, 1, 99_999, 250_000])
def test_without_a_stop_it_counts_to_the_end(to):
    assert to == count_unless(threading.Event(), to)


def test_a_stop_ends_the_count():
    stopped = threading.Event()
    threading.Timer(0.05, stopped.set).start()
    assert count_unless(stopped, 10**12) < 10**12


def test_it_waits_for_so_many_seconds():
    begin = time.monotonic()
    wait_unless(threading.Event(), 0.05)
    assert time.monotonic() - begin >= 0.049


def test_a_stop_ends_the_wait():
    stopped = threading.Event()
    threading.Timer(0.05, stopped.set).start()
    wait_unless(stopped, 3_600)
