"""The CPU time of a lane as a curve, and how many cores all curves together keep busy.

A curve is a tuple of (time, cumulative CPU seconds) points.  Straight lines connect them.
"""

import bisect
import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["Curve", "cores_between", "curve_of"]

Curve = tuple[tuple[float, float], ...]
_TOO_CLOSE = 0.002  # seconds: closer points turn a clock that was read late into a false rate


def curve_of(
    looks: Sequence[tuple[float, float]],
    *,
    begin: float,
    started: float | None,
    end: float,
    total: float,
) -> Curve:
    """Return the curve of one lane: it begins at zero, never falls, and ends at the exact total.

    Between these it goes through the looks, except those less than 2 ms from another point.
    A spawned worker uses CPU time before its own first instruction, while it imports modules.
    Its curve then begins earlier, but no earlier than this CPU time needs.

    Args:
        looks: (time, cumulative CPU seconds) pairs in order of time.
        begin, end: the first and the last moment of the lane in the block.
        started: the moment of the worker's own first instruction, if it is known.
        total: CPU seconds of the lane in the block.
    """
    end = max(end, begin)
    points = [(begin, 0.0)]
    earliest, latest, used = begin + _TOO_CLOSE, end - _TOO_CLOSE, 0.0
    for time, cpu in looks:
        if earliest < time < latest:
            used = min(max(cpu, used), total)
            earliest = time + _TOO_CLOSE
            points.append((time, used))
    points.append((end, total))
    time, cpu = points[1]
    if started is not None and started < time:
        points[0] = (max(begin, min(started, time - cpu)), 0.0)
    return tuple(points)


def cores_between(curves: Sequence[Curve], seconds: float, width: float) -> Curve:
    """Return the cores in use as (middle of a gap, cores) pairs.

    Args:
        curves: the curves of all lanes.
        seconds: the length of the block, above zero.
        width: the shortest gap that is allowed; all gaps are equally long.
    """
    gaps = max(1, math.floor(seconds / width))
    times = [*(seconds * k / gaps for k in range(gaps)), seconds]
    totals = [math.fsum(_at(curve, t) for curve in curves) for t in times]
    totals[0] = 0.0  # CPU time that a curve has already at time zero belongs to the first gap
    return tuple(
        ((t0 + t1) / 2, (c1 - c0) / (t1 - t0))
        for (t0, c0), (t1, c1) in pairwise(zip(times, totals, strict=True))
    )


def _at(curve: Curve, time: float) -> float:
    """Return the CPU seconds of a curve at a moment."""
    after = bisect.bisect_right(curve, (time, math.inf))
    if after == 0:
        return 0.0
    if after == len(curve):
        return curve[-1][1]
    (t0, c0), (t1, c1) = curve[after - 1], curve[after]
    return c0 + (c1 - c0) * (time - t0) / (t1 - t0)
