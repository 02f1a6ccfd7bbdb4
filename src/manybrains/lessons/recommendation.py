"""Recommendation: threads, asyncio, processes or none of them, for a program in a few answers.

It is a rule of thumb made of what the course measures; it looks at nothing but its arguments.
"""

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Recommendation", "recommend"]

MANY_WAITS = 1_000  # at a time; for fewer, threads are as good, and need no `await`

Way = Literal["threads", "asyncio", "processes", "leave it serial"]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to begin with, and why; its text is one sentence.

    Attributes:
        way: ``"threads"``, ``"asyncio"``, ``"processes"`` or ``"leave it serial"``.
        because: the answer that decided.
    """

    way: Way
    because: str

    def __repr__(self) -> str:
        return f"{self.way}: {self.because}"


def recommend(
    *,
    spends: str,
    at_once: int,
    cores: float,
    can_await: bool = False,
    releases_gil: bool = False,
    task_seconds: float = 1.0,
    message_seconds: float = 0.001,
    shares_state: bool = False,
) -> Recommendation:
    """Return what to begin with for such a program, and the answer that decided.

    Args:
        spends: ``"waiting"`` or ``"computing"``: where most of the time goes.
        at_once: how many waits, or tasks, there could be at the same time.
        cores: how many cores are yours, as ``this_machine().cores_yours`` tells.
        can_await: whether all that waits has an asynchronous version.
        releases_gil: whether the part that computes releases the GIL, or there is none.
        task_seconds: how long one task computes.
        message_seconds: how long its data and its answer travel to a worker and back.
        shares_state: whether the tasks change data that others of them need.

    Raises:
        ValueError: if an answer makes no sense; the message names it and gives an example.
    """
    _check_number("at_once", at_once, 1, "8 tasks")
    _check_number("cores", cores, 0.01, "this_machine().cores_yours")
    _check_number("task_seconds", task_seconds, 0, "0.5")
    _check_number("message_seconds", message_seconds, 0, "0.001")
    truths = {"can_await": can_await, "releases_gil": releases_gil, "shares_state": shares_state}
    for name, truth in truths.items():
        if not isinstance(truth, bool):
            raise ValueError(f"{name} is {truth!r}: answer True or False")
    if spends not in ("waiting", "computing"):
        raise ValueError(f"spends is {spends!r}: answer 'waiting' or 'computing'")
    if at_once < 2:
        return Recommendation("leave it serial", "there is one thing to do at a time")
    if spends == "waiting":
        return _for_waiting(at_once, can_await)
    return _for_computing(
        min(cores, at_once), releases_gil, task_seconds, message_seconds, shares_state
    )


def _for_waiting(at_once: int, can_await: bool) -> Recommendation:
    if at_once < MANY_WAITS:
        return Recommendation("threads", "they wait at the same time, and the code stays as it is")
    if can_await:
        return Recommendation("asyncio", "a task that waits costs less than a thread")
    return Recommendation("threads", "what cannot await would hold up an event loop")


def _for_computing(
    cores: float, releases_gil: bool, task: float, message: float, shares_state: bool
) -> Recommendation:
    if cores < 2:
        return Recommendation("leave it serial", "workers on one core take turns")
    if releases_gil:
        return Recommendation("threads", "without the GIL they compute at the same time, uncopied")
    if task * (1 - 1 / cores) <= message:
        return Recommendation("leave it serial", "a message takes longer than it saves")
    if shares_state:
        return Recommendation("processes", "return results, and share under a lock what is left")
    return Recommendation("processes", "each has a GIL of its own")


def _check_number(name: str, value: object, least: float, example: str) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < least:  # type: ignore[arg-type,operator]
        raise ValueError(f"{name} is {value!r}: give a number from {least} on, such as {example}")
