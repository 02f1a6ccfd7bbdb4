"""A run as trace events, which the viewers of Chrome and Perfetto read.

The format is described in "Trace Event Format" (the JSON object form): times are microseconds, and
every event belongs to a process and a thread of it, whose id is that of the process if it is the
main thread.
"""

import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["trace_of"]

_IDLE = 0.05  # of a core between two looks; below that, a lane waits
Event = dict[str, Any]


def trace_of(run: Any) -> dict[str, Any]:
    """Return the trace of a Run, ready for JSON: births, lives, waits, CPU use and exit codes."""
    events: list[Event] = [{**_of(run.lanes[0], "X"), **_slice(run.name, 0.0, run.wall_seconds)}]
    for number, lane in enumerate(run.lanes):
        events += _names(number, lane)
        events += _life(run, lane)
        points = run.points(number)
        events += _waits(lane, points)
        events += _cores(lane, points)
    events += _memory(run)
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"run": repr(run), "machine": str(run.machine)},
    }


def _of(lane: Any, phase: str) -> Event:
    return {"ph": phase, "pid": lane.pid, "tid": lane.thread_id or lane.pid}


def _slice(name: str, begin: float, end: float) -> Event:
    return {"name": name, "ts": begin * 1e6, "dur": max(0.0, end - begin) * 1e6}


def _names(number: int, lane: Any) -> Iterator[Event]:
    if lane.kind != "thread":
        yield {**_of(lane, "M"), "name": "process_name", "args": {"name": lane.name}}
        yield {**_of(lane, "M"), "name": "process_sort_index", "args": {"sort_index": number}}
    yield {**_of(lane, "M"), "name": "thread_name", "args": {"name": lane.name}}


def _life(run: Any, lane: Any) -> Iterator[Event]:
    if lane.kind == "main":
        return
    if lane.requested is not None and lane.started is not None:
        yield {**_of(lane, "X"), **_slice("starts", lane.requested, lane.started), "cat": "birth"}
    begin = next((t for t in (lane.started, lane.requested) if t is not None), 0.0)
    end = run.wall_seconds if lane.ended is None else lane.ended
    known: Event = {"cpu_seconds": lane.cpu_seconds, "exit_code": lane.exit_code}
    if lane.stood_at:
        known["stood_at"] = lane.stood_at
    yield {**_of(lane, "X"), **_slice(lane.name, begin, end), "cat": lane.kind, "args": known}


def _gaps(points: Any) -> Iterator[tuple[float, float, float]]:
    """Begin, end and share of a core for each gap between two looks."""
    for (begin, before), (end, after) in itertools.pairwise(points):
        if end > begin:
            yield begin, end, (after - before) / (end - begin)


def _waits(lane: Any, points: Any) -> Iterator[Event]:
    """Slices inside the life, for gaps in a row that used next to no CPU time."""
    begun = lane.started or 0.0
    for is_idle, gaps in itertools.groupby(_gaps(points), lambda gap: gap[2] < _IDLE):
        (begin, _, _), *_ = row = list(gaps)
        if is_idle and row[-1][1] > begun:
            yield {
                **_of(lane, "X"),
                **_slice("waits", max(begin, begun), row[-1][1]),
                "cat": "wait",
            }


def _cores(lane: Any, points: Any) -> Iterator[Event]:
    """Return the share of a core over time, a counter of the lane's process."""
    name, gaps = f"cores in use, {lane.name}", list(_gaps(points))
    looks = [(begin, share) for begin, _, share in gaps] + [(end, 0.0) for _, end, _ in gaps[-1:]]
    for time, share in looks:
        yield {**_of(lane, "C"), "name": name, "ts": time * 1e6, "args": {"cores": share}}


def _memory(run: Any) -> Iterator[Event]:
    for look in run.memory:
        megabytes = {"resident": look.resident_bytes / 1e6}
        if look.private_bytes is not None:
            megabytes["private"] = look.private_bytes / 1e6
        lane = run.lanes[look.lane]
        yield {**_of(lane, "C"), "name": "memory in MB", "ts": look.time * 1e6, "args": megabytes}
