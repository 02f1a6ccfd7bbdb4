"""A trace: events as the format "Trace Event Format" wants them, and all that a Run knows."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import process, run_of, thread

from manybrains.records.memory_look import MemoryLook
from manybrains.records.run import Run, Sample

RECORDED = sorted(Path(__file__).parents[1].joinpath("data").glob("*.json"))
NEEDS = {  # fields that the format's description demands of each kind of event
    "M": {"name", "ph", "pid", "tid", "args"},
    "X": {"name", "ph", "pid", "tid", "ts", "dur"},
    "C": {"name", "ph", "pid", "tid", "ts", "args"},
}


def trace(run, tmp_path):
    run.save_trace(tmp_path / "trace.json")
    return json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]


def named(events, phase, name):
    return [event for event in events if (event["ph"], event["name"]) == (phase, name)]


@pytest.fixture
def duel(tmp_path):
    """A worker that computes for its first half, and then waits; a thread beside it."""
    lane = process("worker", 0.2, 0.8, wait=0.1, exit_code=3, stood_at="at a lock")
    run = run_of(replace(lane, cpu_seconds=0.3), thread("a thread", cores=0.5))
    looks = [Sample(time, 1, min(time, 0.5) - 0.2) for time in (0.3, 0.4, 0.5, 0.6)]
    memory = (MemoryLook(0.5, 1, 30_000_000, 10_000_000), MemoryLook(0.6, 1, 31_000_000))
    return trace(replace(run, samples=tuple(looks), memory=memory), tmp_path)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_each_event_of_a_recorded_run_is_as_the_format_wants_it(path, tmp_path):
    run = Run.load(path)
    events = trace(run, tmp_path)
    for event in events:
        assert event.keys() >= NEEDS[event["ph"]]
        assert all(type(event[key]) is int for key in ("pid", "tid"))
        assert math.isfinite(event.get("ts", 0.0))
        assert event.get("dur", 0.0) >= 0
    for lane in run.workers:
        assert lane.name in {e["name"] for e in events if e["ph"] == "X" and e["pid"] == lane.pid}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_slices_of_a_thread_lie_inside_each_other_or_apart(path, tmp_path):
    tracks = {}
    for event in trace(Run.load(path), tmp_path):
        if event["ph"] == "X":
            end = event["ts"] + event["dur"]
            tracks.setdefault((event["pid"], event["tid"]), []).append((event["ts"], end))
    for slices in tracks.values():
        for a, b in slices:
            for c, d in slices:
                assert b <= c + 1e-3 or d <= a + 1e-3 or (a <= c and d <= b) or (c <= a and b <= d)


def test_a_life_has_its_exit_code_and_where_it_stood(duel):
    [life] = named(duel, "X", "worker")
    assert (200_000, 600_000) == (round(life["ts"]), round(life["dur"]))
    assert {"cpu_seconds": 0.3, "exit_code": 3, "stood_at": "at a lock"} == life["args"]


def test_a_birth_lasts_from_the_request_to_the_first_instruction(duel):
    [birth] = [e for e in named(duel, "X", "starts") if e["pid"] == 101]
    assert (100_000, 100_000) == (round(birth["ts"]), round(birth["dur"]))


def test_a_gap_without_cpu_time_is_a_wait(duel):
    [wait] = [e for e in named(duel, "X", "waits") if e["pid"] == 101]
    assert (500_000, 300_000) == (round(wait["ts"]), round(wait["dur"]))


def test_the_counter_of_cores_adds_up_to_the_cpu_time_and_ends_at_zero(duel):
    looks = named(duel, "C", "cores in use, worker")
    times = [look["ts"] / 1e6 for look in looks]
    shares = [look["args"]["cores"] for look in looks]
    used = sum(s * (b - a) for s, a, b in zip(shares, times, times[1:], strict=False))
    assert (pytest.approx(0.3), 0.0) == (used, shares[-1])


def test_processes_and_threads_have_their_names_and_main_comes_first(duel):
    processes = {e["pid"]: e["args"]["name"] for e in named(duel, "M", "process_name")}
    threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in named(duel, "M", "thread_name")}
    order = [e["args"]["sort_index"] for e in named(duel, "M", "process_sort_index")]
    assert {100: "MainProcess", 101: "worker"} == processes
    assert "a thread" == threads[100, 7]
    assert [0, 1] == order


def test_looks_at_the_memory_are_a_counter_without_what_nobody_tells(duel):
    looks = [(e["ts"], e["args"]) for e in named(duel, "C", "memory in MB")]
    assert [(5e5, {"resident": 30.0, "private": 10.0}), (6e5, {"resident": 31.0})] == looks
