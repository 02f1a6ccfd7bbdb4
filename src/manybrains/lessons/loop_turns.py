"""LoopTurns: whether an event loop had its turns while something was computed."""

import asyncio
import bisect
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from ..records.run import Lane, Run

__all__ = ["LoopTurns"]

_STEP = 0.01  # seconds from one turn to the next, if the loop is free
_MOST = 3_000


class LoopTurns:
    """Asks the event loop for a turn every hundredth of a second, and notes when it got one.

    Attributes:
        moments: of the turns, on the clock of ``time.perf_counter``.
    """

    def __init__(self) -> None:
        self.moments: list[float] = []
        self._over = False

    async def beside(self, function: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
        """Await `function(argument)`, and ask for turns meanwhile; return its answer or error."""
        self._turn()
        try:
            return await function(argument)
        except Exception as error:
            return error
        finally:
            self._over = True
            self.moments.append(time.perf_counter())

    def _turn(self) -> None:
        if self._over:
            return
        self.moments.append(time.perf_counter())
        if len(self.moments) < _MOST:
            asyncio.get_running_loop().call_later(_STEP, self._turn)

    def longest_stretch(self, run: Run, lane: Lane) -> float:
        """Return the most CPU seconds that a lane used between two turns of the loop.

        Args:
            run: of a block that began just before `beside`.
            lane: one of its lanes.
        """
        curve = run.points(run.lanes.index(lane))
        used = [_at(curve, moment - self.moments[0]) for moment in self.moments]
        return max((after - before for before, after in pairwise(used)), default=0.0)


def _at(curve: tuple[tuple[float, float], ...], time: float) -> float:
    """Return the value of a curve at a time, on straight lines between its points."""
    place = bisect.bisect_right(curve, (time, float("inf")))
    if place in (0, len(curve)):
        return curve[max(0, place - 1)][1]
    (begin, before), (end, after) = curve[place - 1 : place + 1]
    return before + (after - before) * (time - begin) / (end - begin)
