"""Runs made up for tests: what a lane used is given as a function of time."""

from manybrains.records.machine import Machine
from manybrains.records.run import Lane, Run, Sample

MACHINE = Machine("Linux", 2, 2.0, "", 2**33, "fork", "3.13.0", True)
MAIN = Lane("main", "MainProcess", 100)


def process(name, started=0.1, ended=0.9, *, cores=0.0, wait=0.0, **fields):
    """A worker process that used `cores` cores all its life."""
    fields = {"pid": 101, "parent_pid": 100, "exit_code": 0} | fields
    cpu = cores * (ended - started)
    return Lane(
        "process", name, requested=started - wait, started=started, ended=ended,
        cpu_seconds=cpu, **fields,
    )  # fmt: skip


def thread(name, started=0.1, ended=0.9, *, cores=0.0):
    """A thread of the main process."""
    cpu = cores * (ended - started)
    return Lane(
        "thread", name, 100, thread_id=7, requested=started, started=started, ended=ended,
        cpu_seconds=cpu,
    )  # fmt: skip


def run_of(*lanes, wall=1.0, looks=10, core=lambda lane, time: lane % 2, main=MAIN, **fields):
    """A run of main and these lanes, each looked at that many times and steadily at work."""
    fields = {"name": "made up", "machine": MACHINE} | fields
    everyone = (main, *lanes)
    samples = [
        Sample(time, index, lane.cpu_seconds * share, core(index, time), 20_000_000 + index * 10**7)
        if lane.kind != "thread"
        else Sample(time, index, lane.cpu_seconds * share, core(index, time))
        for index, lane in enumerate(everyone)
        for time, share in _looks(lane, wall, looks)
    ]
    samples.sort(key=lambda sample: sample.time)
    return Run(wall_seconds=wall, lanes=everyone, samples=tuple(samples), **fields)


def _looks(lane, wall, looks):
    begin = lane.started or 0.0
    end = wall if lane.ended is None else lane.ended
    shares = [k / (looks + 1) for k in range(1, looks + 1)]
    return [(begin + share * (end - begin), share) for share in shares]
