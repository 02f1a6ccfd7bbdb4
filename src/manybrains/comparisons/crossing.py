"""Where wall times cross: from which size of the work on another way is the faster one.

It is made from Comparisons only, one for each size.
"""

import math
from collections.abc import Mapping

from .comparison import Comparison

__all__ = ["break_even"]


def break_even(comparisons: Mapping[float, Comparison], name: str) -> float | None:
    """Return the size from which on a contestant is faster than the first one.

    Faster means: by the medians, at every measured size from there on.  Between two measured
    sizes, the ratio of the wall times is taken to follow a straight line on logarithmic scales.
    The answer is the smallest measured size if the contestant is faster at all of them, and None
    if it is not faster at the largest.

    Args:
        comparisons: the same contestants, by the size of their work.
        name: the name of the contestant.

    Raises:
        ValueError: if there are no comparisons, or if a size is not above zero.
        KeyError: if no contestant has this name.
    """
    sizes = sorted(comparisons)
    if not sizes or sizes[0] <= 0:
        raise ValueError(
            f"the sizes are {sizes}: compare at some sizes above 0, such as 10 and 100"
        )
    gains = [comparisons[size].speedup(name) for size in sizes]
    not_faster = [place for place, gain in enumerate(gains) if gain <= 1]
    if not not_faster:
        return sizes[0]
    last = not_faster[-1]
    if last == len(sizes) - 1:
        return None
    below, above = math.log(gains[last]), math.log(gains[last + 1])
    return float(sizes[last] * (sizes[last + 1] / sizes[last]) ** (-below / (above - below)))
