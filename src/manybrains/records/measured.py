"""Measured: a figure of a Run that remembers how far it can be trusted.

It remembers how many cores other programs used meanwhile, and how coarse the CPU clock was.
"""

import math
import operator
from collections.abc import Callable

__all__ = ["Measured"]


class Measured(float):
    """A number that was measured; the result of arithmetic with it is one as well.

    Attributes:
        used_by_others: cores that other programs used in the same time, on average; None if
            not known.  Of two numbers, a result remembers the larger.
        resolution: the smallest difference that the number can tell, in its own unit.  In a
            result, those of two numbers add up.
    """

    used_by_others: float | None
    resolution: float

    def __new__(
        cls, figure: float, used_by_others: float | None = None, resolution: float = 0.0
    ) -> "Measured":
        """Return the figure with what limits it."""
        measured = super().__new__(cls, figure)
        measured.used_by_others = used_by_others
        measured.resolution = resolution
        return measured

    def _calculated(self, other: float, do: Callable[[float, float], float]) -> "Measured":
        one, two = float(self), float(other)
        result = do(one, two)
        moved = do(_larger(one, self.resolution), two)
        moved_too = do(one, _larger(two, getattr(other, "resolution", 0.0)))
        known = [self.used_by_others, getattr(other, "used_by_others", None)]
        others = max((cores for cores in known if cores is not None), default=None)
        return Measured(result, others, abs(moved - result) + abs(moved_too - result))

    def __add__(self, other: float) -> "Measured":
        return self._calculated(other, operator.add)

    __radd__ = __add__

    def __mul__(self, other: float) -> "Measured":
        return self._calculated(other, operator.mul)

    __rmul__ = __mul__

    def __sub__(self, other: float) -> "Measured":
        return self._calculated(other, operator.sub)

    def __rsub__(self, other: float) -> "Measured":
        return self._calculated(other, lambda mine, others: others - mine)

    def __truediv__(self, other: float) -> "Measured":
        return self._calculated(other, operator.truediv)

    def __rtruediv__(self, other: float) -> "Measured":
        return self._calculated(other, lambda mine, others: others / mine)


def _larger(figure: float, by: float) -> float:
    """Return the figure further away from zero, so that one can still divide by it."""
    return figure + math.copysign(by, figure)
