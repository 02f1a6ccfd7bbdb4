"""A run that grows: its pieces together are the Run, and each tells only what has happened."""

import math
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from worker_functions import burn, burn_thread

from manybrains import Sample, watch
from manybrains.lens import installation
from manybrains.lens.assemble import assemble
from manybrains.lens.growing_run import Facts, GrowingRun, Known, News
from manybrains.lens.lifetimes import Lifetime
from manybrains.lens.observations import Exit, Look, Observations, Unrecorded
from manybrains.workers.platform import LINUX
from manybrains.workers.session import current_session

pytestmark = pytest.mark.usefixtures("nobody_left")
BEGIN, END = 100.0, 103.0
MAIN, THREAD, WORKER, OLD, PROGRAM = 7, 8, 9, 10, 11
BLOCK = Observations(BEGIN, math.inf, MAIN, "main", 0.0, (), baseline={(MAIN, 0): 5.0, (OLD, 0): 2})


class Told:
    """What a `Watch` would tell: of everything, what has happened by `now`."""

    def __init__(self, seen: Observations, helpers: frozenset[int] = frozenset()) -> None:
        self.seen = seen
        self.helpers = helpers
        self.now = BEGIN

    def __call__(self, known: Known) -> Facts:
        seen, now = self.seen, self.now
        exits = [one for one in seen.exits if one.time <= now]
        looks = [look for look in seen.looks if known.since < look.time <= now]
        # Someone unrecorded is found by the look that saw it first.
        first = {look.pid: look.time for look in reversed(seen.looks)}
        found = [other for other in seen.unrecorded if first[other.pid] <= now]
        lives = [_by(life, now) for life in seen.lifetimes if (life.first_moment or 0) <= now]
        return Facts(lives, looks, exits[known.exits :], found[known.unrecorded :], self.helpers, 0)


_KNOWN: dict[int, Lifetime] = {}


def _by(life: Lifetime, now: float) -> Lifetime:
    """What the log knows of a lifetime by then: the same object, which learns."""
    shown = _KNOWN.setdefault(id(life), replace(life))
    for name in ("started", "finished", "reaped"):
        moment = getattr(life, name)
        setattr(shown, name, moment if moment is not None and moment <= now else None)
    if shown.reaped is None:
        shown.exit_code = shown.system_cpu = None
    else:
        shown.exit_code, shown.system_cpu = life.exit_code, life.system_cpu
    shown.own_cpu = life.own_cpu if shown.finished is not None else None
    return shown


@pytest.fixture(autouse=True)
def fresh() -> None:
    _KNOWN.clear()


def looks_at(pid: int, thread: int, begin: float, end: float, cores: float, used: float = 0.0):
    """A look at each tenth of a second, at somebody who is steadily at work."""
    times = [BEGIN + n / 10 for n in range(31) if begin <= BEGIN + n / 10 <= end]
    return [
        Look(time, pid, thread, used + cores * (time - begin), int(time * 5) % 2, 1000)
        for time in times
    ]


def rounds(*looks: Sequence[Look]) -> list[Look]:
    """Looks in their rounds: each begins with the watched process."""
    return sorted((look for some in looks for look in some), key=lambda look: look.time)


def everything() -> Observations:
    """A block with a thread, a worker that is killed, one from before, and a program."""
    lives = [
        Lifetime(OLD, None, "old", MAIN, MAIN, 50.0, 50.0),
        Lifetime(MAIN, THREAD, "thread", None, MAIN, 100.2, 100.2, finished=101.55, own_cpu=0.6),
        Lifetime(
            WORKER, None, "worker", MAIN, MAIN, 100.5, 100.7, reaped=102.0, system_cpu=0.9,
            exit_code=-9,
        ),
    ]  # fmt: skip
    looks = rounds(
        looks_at(MAIN, 0, BEGIN, END, 0.5, 5.0),
        looks_at(MAIN, THREAD, 100.2, 101.5, 0.4),
        looks_at(WORKER, 0, 100.6, 101.9, 0.7),
        looks_at(OLD, 0, BEGIN, END, 0.1, 2.0),
        looks_at(PROGRAM, 0, 101.0, 102.2, 1.0),
    )
    exits = [Exit(WORKER, 101.95, 0.9, True), Exit(PROGRAM, 102.25, 1.2, True)]
    return replace(
        BLOCK, end=END, lifetimes=lives, looks=looks, exits=exits,
        unrecorded=[Unrecorded(PROGRAM, "cat", MAIN)],
    )  # fmt: skip


def pieces(told: Told, step: float = 0.3) -> Iterator[News]:
    growing = GrowingRun(BLOCK, told)
    for n in range(math.ceil((END - BEGIN) / step) + 1):
        told.now = min(END, BEGIN + n * step)
        news = growing.news(told.now)
        assert news is not None
        yield news


@pytest.mark.parametrize("step", [0.1, 0.35, 1.7, 3.0])
def test_all_pieces_together_are_the_run(step: float) -> None:
    told = Told(everything())
    lanes, samples = {}, []
    for news in pieces(told, step):
        lanes.update(news.lanes)
        samples += news.samples
    expected, expected_samples = assemble(everything())
    by_name = {lane.name: index for index, lane in enumerate(expected)}
    names = [lanes[index].name for index in sorted(lanes)]
    assert set(by_name) == set(names)
    for lane in lanes.values():
        whole = expected[by_name[lane.name]]
        if whole.kind != "main" and lane.name != "old":  # those two are there to the end
            assert lane == replace(whole, cpu_seconds=pytest.approx(whole.cpu_seconds))
    seen = {(s.time, lanes[s.lane].name): (s.cpu_seconds, s.core) for s in samples}
    whole = {(s.time, expected[s.lane].name): (s.cpu_seconds, s.core) for s in expected_samples}
    assert len(seen) == len(samples)
    for key, (cpu, core) in seen.items():
        assert (pytest.approx(whole[key][0]), whole[key][1]) == (cpu, core)
    # Of the old worker the looks before its first work of a millisecond may be missing.
    assert {key for key in whole if key[1] != "old"} <= seen.keys()


def test_no_piece_knows_what_comes_later() -> None:
    for news in pieces(Told(everything())):
        assert all(sample.time <= news.now for sample in news.samples)
        for lane in news.lanes.values():
            known = [lane.requested, lane.started, lane.ended]
            assert all(moment is None or moment <= news.now for moment in known)


def test_no_look_comes_after_the_end_of_its_lane() -> None:
    lanes = {}
    for news in pieces(Told(everything())):
        lanes.update(news.lanes)
        for sample in news.samples:
            ended = lanes[sample.lane].ended
            assert ended is None or sample.time <= ended


def test_a_lane_is_told_when_it_changes_and_not_because_it_works() -> None:
    told: dict[str, int] = {}
    for news in pieces(Told(everything()), 0.1):
        for lane in news.lanes.values():
            told[lane.name] = told.get(lane.name, 0) + 1
    # The worker: asked for, begun, gone.
    assert {"main": 1, "old": 1, "thread": 2, "worker": 3, "cat": 2} == told


def test_main_is_shown_without_what_its_threads_used() -> None:
    main = [
        sample.cpu_seconds
        for news in pieces(Told(everything()), 0.1)
        for sample in news.samples
        if sample.lane == 0
    ]
    assert sorted(main) == pytest.approx(main)
    assert 1.5 - 0.52 == pytest.approx(main[-1])


def test_a_helper_is_no_lane() -> None:
    told = Told(everything(), frozenset({PROGRAM, WORKER}))
    names = {lane.name for news in pieces(told) for lane in news.lanes.values()}
    assert {"main", "old", "thread"} == names


def test_the_log_can_name_a_process_after_it_was_found() -> None:
    seen = everything()
    late = Lifetime(PROGRAM, None, "program", MAIN, MAIN, None, 101.4)
    told = Told(replace(seen, lifetimes=[*seen.lifetimes, late]))
    lanes = {}
    for news in pieces(told, 0.1):
        lanes.update(news.lanes)
    assert {"main", "thread", "worker", "old", "program"} == {one.name for one in lanes.values()}
    assert 5 == len(lanes)


def test_nothing_is_new_while_the_sampler_does_not_answer() -> None:
    assert GrowingRun(BLOCK, lambda known: None).news(END) is None


# --- with real workers --------------------------------------------------------------------


def test_what_grows_is_what_the_run_has_afterwards(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        growing = run.growing()
        workers = [context.Process(target=burn, args=(0.3,)) for _ in range(2)]
        thread = threading.Thread(target=burn_thread, args=(0.2,), name="beside")
        for one in (*workers, thread):
            one.start()
        lanes, samples = {}, list[Sample]()
        until = time.monotonic() + 60
        while any(one.is_alive() for one in workers) and time.monotonic() < until:
            time.sleep(0.05)
            news = growing.news(time.perf_counter())
            if news is not None:
                lanes.update(news.lanes)
                samples += news.samples
        for one in (*workers, thread):
            one.join()
        news = None
        while news is None and time.monotonic() < until:
            news = growing.news(time.perf_counter())
        assert news is not None
        lanes.update(news.lanes)
        samples += news.samples
    assert {lane.name for lane in lanes.values()} == {lane.name for lane in run.lanes}
    for index, lane in lanes.items():
        [same] = [one for one in run.lanes if one.name == lane.name]
        assert index == 0 or (lane.ended, lane.exit_code) == (same.ended, same.exit_code)
    of_workers = {(s.time, run.lanes[s.lane].name) for s in run.samples if s.lane}
    # A thread can be seen between its last instruction and its note of it: a picture leaves
    # out what comes after an end.
    told = {
        (s.time, lanes[s.lane].name)
        for s in samples
        if s.lane and s.time <= (lanes[s.lane].ended or 0)
    }
    assert told <= of_workers
    assert of_workers or not LINUX


def test_after_the_block_nothing_grows() -> None:
    with watch() as run:
        growing = run.growing()
    assert growing.news(time.perf_counter()) is None
    with pytest.raises(RuntimeError, match="this one is over"):
        run.growing()


@pytest.mark.skipif(not LINUX, reason="needs a signal that stops a process")
def test_a_late_answer_of_the_sampler_is_not_taken_for_another() -> None:
    installation.install()
    try:
        with watch() as run:
            growing = run.growing()
            [sampler] = [p for p, name in current_session().helpers.items() if name == "sampler"]
            os.kill(sampler, signal.SIGSTOP)
            try:
                late = [growing.news(time.perf_counter()) for _ in range(3)]
            finally:
                os.kill(sampler, signal.SIGCONT)
            subprocess.run(["sleep", "0.2"], check=True)
            news = growing.news(time.perf_counter())
        assert [None, None, None] == late
        assert news is None or {"MainProcess", "sleep"} >= {n.name for n in news.lanes.values()}
        assert "sleep" in [lane.name for lane in run.lanes]
        assert run.samples
    finally:
        installation.release()
