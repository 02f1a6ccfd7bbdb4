"""Counting and waiting that can be stopped: for threads, since nobody can end a thread."""

from threading import Event

from .workloads import count

__all__ = ["count_unless", "wait_unless"]

_SLICE = 100_000  # steps between two looks at the event: some milliseconds


def count_unless(stopped: Event, to: int) -> int:
    """Count from zero to `to` unless the event is set meanwhile; return the last number."""
    n = 0
    while n < to and not stopped.is_set():
        n += count(min(_SLICE, to - n))
    return n


def wait_unless(stopped: Event, seconds: float) -> None:
    """Wait for so many seconds, or until the event is set."""
    stopped.wait(seconds)
