"""A lane ends when its process is gone, as a witness outside sees it, whatever it does last."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ways_to_end import FED, STARTERS, STUCK, WAYS, Ended, Witness, end_by, notes_of, witness

from manybrains import Run, watch
from manybrains.lens.assemble import assemble
from manybrains.lens.lifetimes import Lifetime
from manybrains.lens.observations import Exit, Look, Observations
from manybrains.records.run import Lane, Sample
from manybrains.workers.platform import LINUX

pytestmark = pytest.mark.usefixtures("nobody_left")
pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the witness has none")
OTHER_WAYS = [way for way in WAYS if way != STUCK]
# Who kills itself below the fork server leaves no time to be asked: its last look has to do.
MISSED = 0.01 if LINUX else 0.2
EXIT_CODES = {"os._exit": 3, "SIGKILL": -9, "SIGTERM": -15, "exception": 1, STUCK: -9}


@pytest.fixture(scope="module")
def seen_by() -> Iterator[Witness]:
    with witness() as one:
        yield one


@pidfd
@pytest.mark.parametrize("starter", STARTERS)
def test_a_lane_ends_with_its_process_whatever_it_does_last(
    starter: str, start_method: str, seen_by: Witness, tmp_path: Path
) -> None:
    context = multiprocessing.get_context(start_method)
    run, workers = end_by([starter], context, OTHER_WAYS, tmp_path, seen_by)
    assert len(OTHER_WAYS) == len(workers)
    assert [] == broken_rules(run.lanes, run.samples, run.wall_seconds)
    assert {} == faults_of(run, workers, tmp_path, seen_by)
    if starter == "Process":
        codes = {one.way: lane_of(run, one.pid).exit_code for one in workers}
        assert {way: EXIT_CODES.get(way, 0) for way in OTHER_WAYS} == codes


@pidfd
def test_a_worker_that_is_stuck_feeding_a_queue_ends_when_the_deadline_kills_it(
    start_method: str, seen_by: Witness, tmp_path: Path
) -> None:
    context = multiprocessing.get_context(start_method)
    for deadline in (3, 12, 40):  # on a busy machine it may take long to come there
        (folder := tmp_path / str(deadline)).mkdir()
        run, workers = end_by([*STARTERS], context, [STUCK], folder, seen_by, deadline)
        if len(workers) == len(STARTERS) and all(notes_of(folder, w.pid)[1:] for w in workers):
            break
    assert [] == broken_rules(run.lanes, run.samples, run.wall_seconds)
    assert {} == faults_of(run, workers, folder, seen_by)
    assert [-9] * 3 == [lane_of(run, one.pid).exit_code for one in workers]
    assert not run.finished


def lane_of(run: Run, pid: int) -> Lane:
    return next(lane for lane in run.workers if (lane.kind, lane.pid) == ("process", pid))


def faults_of(
    run: Run, workers: Sequence[Ended], folder: Path, seen_by: Witness
) -> dict[str, list[str]]:
    """What is wrong with the lane of each worker; order alone is judged, so load is no fault."""
    faults: dict[str, list[str]] = {}
    for one in workers:
        lane, gone = lane_of(run, one.pid), seen_by.end_of(one.pid)
        index, notes = run.lanes.index(lane), notes_of(folder, one.pid)
        ended = -1.0 if lane.ended is None else one.began + lane.ended
        looks = [s.time for s in run.samples if s.lane == index]
        right = {
            "it has an end": lane.ended is not None,
            "after the last that it wrote down": notes[-1][0] <= ended,
            "not before it could": one.least <= ended,
            "before main was told": ended <= one.joined,
            "rather when the witness saw it than when it wrote last": abs(ended - gone)
            <= max(0.15, abs(ended - notes[-1][0])),
            "no look lies after it": all(time <= (lane.ended or 0.0) for time in looks),
            "looks go on until it": one.way not in (FED, STUCK) or max(looks) > looks[0] + 0.2,
            "its CPU seconds hold all that it counted": lane.cpu_seconds + MISSED >= notes[-1][1],
        }
        if wrong := [what for what, is_right in right.items() if not is_right]:
            faults[one.way] = [*wrong, f"{lane} {gone - one.began} {notes} {looks}"]
    return faults


@pidfd
def test_when_main_asks_makes_no_difference_to_the_end(
    start_method: str, seen_by: Witness, tmp_path: Path
) -> None:
    context = multiprocessing.get_context(start_method)
    block = watch(deadline=60, quiet=True)
    with block as run:
        worker = STARTERS["Process"](context, "plainly", tmp_path)
        seen_by.look_at(worker.pid)
        (tmp_path / "open").touch()
        seen_by.end_of(worker.pid)
        time.sleep(1)
        asked = time.perf_counter()
        worker.join()
    assert lane_of(run.run, worker.pid).ended < asked - block._begin


# --- rules for every block, recorded or made up -------------------------------------------


def broken_rules(lanes: Sequence[Lane], samples: Sequence[Sample], wall: float) -> list[str]:
    """What cannot be true of any block, whoever lived in it."""
    broken = [] if samples == tuple(sorted(samples, key=lambda s: s.time)) else ["order of looks"]
    for index, lane in enumerate(lanes):
        looks = [sample for sample in samples if sample.lane == index]
        times, used = [s.time for s in looks], [s.cpu_seconds for s in looks]
        ended = wall if lane.ended is None else lane.ended
        begun = lane.requested if lane.requested is not None else lane.started
        right = {
            "an end in the block": 0 <= ended <= wall,
            "an end after its beginning": begun is None or begun <= ended,
            "looks in its life": all(max(0.0, begun or 0.0) <= t <= ended for t in times),
            "CPU seconds that never fall": sorted(used) == used,
            "no more CPU seconds than in all": all(u <= lane.cpu_seconds + 1e-9 for u in used)
            or lane.kind == "main",  # its looks and those at its threads are not at one time
            "an exit code of one that lives": lane.ended is not None or lane.exit_code is None,
        }
        broken += [f"{what}: {lane} {looks}" for what, is_right in right.items() if not is_right]
    return broken


BEGIN, WALL, MAIN, WORKER = 100.0, 10.0, 7, 9
CLOSING = 0.5  # seconds that closing a block takes, while the log goes on
moments = st.floats(0, 1, allow_subnormal=False)


@st.composite
def histories(draw: st.DrawFn) -> tuple[float | None, bool, Observations]:
    """A worker's true end on the clock of the block, whether the sampler was told, and all notes.

    It may be older than the block, and outlive it; everybody may have missed any part of it.
    """
    born = draw(st.floats(-5, 9))
    gone = max(born + 0.001, draw(st.floats(-4, 12) | st.floats(WALL - 0.1, WALL + 0.4)))
    lived = gone - born
    rate = draw(moments)
    base = rate * max(0.0, -born)
    told, late = draw(st.booleans()), draw(moments)
    is_over = gone + late <= WALL + CLOSING
    # The clock of one that has just ended can still be read, until the sampler notices its end.
    noticed = gone + late / 100 if told else gone
    looks = [
        Look(BEGIN + t, WORKER, 0, rate * (min(t, gone) - born), 0, None)
        for t in sorted(draw(st.lists(st.floats(0, 10) | st.just(noticed), max_size=8)))
        if max(0.0, born) <= t <= noticed and t <= WALL
    ]
    exits = []
    if told and is_over:
        cpu = draw(st.sampled_from([None, rate * lived]))
        exits = [Exit(WORKER, BEGIN + noticed, cpu, is_exact=True)]
    elif is_over and not looks and draw(st.booleans()):
        exits = [Exit(WORKER, BEGIN + gone + late, None, is_exact=False)]
    life = Lifetime(WORKER, None, "w", MAIN, MAIN, BEGIN + born, BEGIN + born + lived * late / 2)
    if draw(st.booleans()) and is_over:  # its last own instruction, which is not its end
        last = born + lived * draw(st.floats(0.5, 1))
        life.finished, life.own_cpu = BEGIN + last, rate * (last - born)
    if is_over and draw(st.booleans()):
        life.reaped, life.exit_code = BEGIN + gone + draw(moments) * late, 0
        life.system_cpu = draw(st.sampled_from([None, rate * lived]))
    seen = Observations(
        BEGIN,
        BEGIN + WALL,
        MAIN,
        "main",
        1.0,
        [life],
        looks,
        exits,
        baseline={(WORKER, 0): draw(st.sampled_from([None, base]))},
    )
    return gone, told and is_over, seen


@given(histories())
def test_no_lane_and_no_look_breaks_a_rule_whatever_was_missed(
    history: tuple[float, bool, Observations],
) -> None:
    gone, told, seen = history
    lanes, samples = assemble(seen)
    assert [] == broken_rules(lanes, samples, WALL)
    for lane in lanes[1:]:
        ended, life, last = lane.ended, seen.lifetimes[0], seen.looks[-1:]
        if told:
            assert ended is not None
            assert min(gone, WALL) <= ended + 1e-9 <= min(gone, WALL) + 0.0101
        if ended is not None and last:
            assert min(last[0].time - BEGIN, gone) <= ended + 1e-9
        if life.reaped is not None:
            assert ended is not None
            assert ended <= life.reaped - BEGIN + 1e-9
