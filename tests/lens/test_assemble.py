"""What workers noted and what the sampler saw become lanes and samples."""

import pytest

from manybrains.lens.assemble import assemble, memory_looks
from manybrains.lens.lifetimes import Lifetime
from manybrains.lens.observations import Exit, Look, Observations, SeenMemory
from manybrains.records.memory_look import MemoryLook

BEGIN, END = 100.0, 101.0
MAIN, THREAD = 7, 8
# The sampler, asleep until then on a busy machine, looks 0.2 s late for the first time.
LATE = [Look(100.2, MAIN, 0, 5.2, 0, None), Look(100.6, MAIN, 0, 5.6, 0, None)]
THREAD_LOOKS = [Look(100.2, MAIN, THREAD, 3.1, 0, None), Look(100.6, MAIN, THREAD, 3.5, 0, None)]
# The thread is one of an earlier block, whose pool goes on.
LIFE = Lifetime(MAIN, THREAD, "thread", None, MAIN, 90.0, 90.0)


@pytest.mark.parametrize(
    ("baseline", "used"), [({(MAIN, 0): 5.0}, [0.2, 0.6]), ({(MAIN, 0): None}, [0.0, 0.4])]
)
def test_what_was_used_before_the_first_look_counts_where_it_is_known(
    baseline: dict[tuple[int, int], float | None], used: list[float]
) -> None:
    _, samples = assemble(Observations(BEGIN, END, MAIN, "main", 1.0, [], LATE, baseline=baseline))
    assert used == pytest.approx([sample.cpu_seconds for sample in samples])


@pytest.mark.parametrize(
    ("baseline", "alive", "in_thread", "seen"),
    [
        ({(MAIN, 0): 5.0, (MAIN, THREAD): 3.0}, {(MAIN, THREAD): 3.9}, 0.9, [0.1, 0.5]),
        ({}, {}, 0.4, [0.0, 0.4]),
    ],
)
def test_a_thread_from_before_has_what_it_used_in_the_block(
    baseline: dict[tuple[int, int], float | None],
    alive: dict[tuple[int, int], float | None],
    in_thread: float,
    seen: list[float],
) -> None:
    looks = [look for pair in zip(LATE, THREAD_LOOKS, strict=True) for look in pair]
    block = Observations(
        BEGIN, END, MAIN, "main", 1.0, [LIFE], looks, alive=alive, baseline=baseline
    )
    lanes, samples = assemble(block)
    assert [1.0 - in_thread, in_thread] == pytest.approx([lane.cpu_seconds for lane in lanes])
    assert seen == pytest.approx([sample.cpu_seconds for sample in samples if sample.lane == 1])
    both = [sum(s.cpu_seconds for s in samples if round(s.time, 6) == t) for t in (0.2, 0.6)]
    assert both == pytest.approx([0.2, 0.6] if baseline else [0.0, 0.4])


# --- the end of a worker ------------------------------------------------------------------

WORKER = 9


def end_of(life: Lifetime, *, looks: list[float] = (), exits: list[Exit] = ()) -> float | None:
    """When the lane of a worker ends, on the clock of the block."""
    seen = [Look(time, WORKER, 0, 0.1, 0, None) for time in looks]
    [_, lane], samples = assemble(Observations(BEGIN, END, MAIN, "main", 1.0, [life], seen, exits))
    assert all(lane.ended is None or sample.time <= lane.ended for sample in samples)
    return None if lane.ended is None else round(lane.ended, 6)


def life_of(**fields: float) -> Lifetime:
    return Lifetime(WORKER, name="w", parent=MAIN, requested=100.0, started=100.1, **fields)


@pytest.mark.parametrize(
    ("noted", "looks", "exits", "end"),
    [
        ({"finished": 100.2}, [100.15], [], 0.2),
        ({"finished": 100.2}, [100.15, 100.7], [], None),
        ({"finished": 100.2, "reaped": 100.9}, [100.15], [], 0.2),
        ({"finished": 100.2, "reaped": 100.9}, [100.7], [], 0.9),
        ({"finished": 100.2, "reaped": 100.9}, [100.7], [Exit(WORKER, 100.8, 0.1, True)], 0.8),
        ({"finished": 100.2, "reaped": 100.9}, [], [Exit(WORKER, 100.4, 0.1, False)], 0.2),
        ({"reaped": 100.9}, [], [Exit(WORKER, 100.4, 0.1, False)], 0.4),
        ({"reaped": 100.35}, [], [Exit(WORKER, 100.4, 0.1, True)], 0.35),
        ({"reaped": 101.5}, [100.9], [], 1.0),
        ({}, [100.9], [Exit(WORKER, 99.0, 0.1, True)], None),
        ({}, [100.9], [], None),
    ],
    ids=[
        "its last own instruction, where nobody knows more",
        "a look that saw it alive outweighs its note",
        "its parent asked much later",
        "it lived on after its note, until its parent was told",
        "the system told the sampler",
        "the sampler came too late to see it alive",
        "it was killed before the sampler came",
        "its parent was told before the sampler",
        "reaped while the block was being closed",
        "another process had that pid before",
        "nobody knows of an end",
    ],
)
def test_a_lane_ends_when_its_process_is_gone(
    noted: dict[str, float], looks: list[float], exits: list[Exit], end: float | None
) -> None:
    assert end == end_of(life_of(**noted), looks=looks, exits=exits)


def test_a_thread_that_was_cut_off_ends_with_its_process() -> None:
    thread = Lifetime(WORKER, 91, "t", None, WORKER, 100.1, 100.1)
    gone = [Exit(WORKER, 100.6, 0.1, True)]
    lanes, _ = assemble(
        Observations(BEGIN, END, MAIN, "main", 1.0, [thread, life_of()], exits=gone)
    )
    assert pytest.approx([0.6, 0.6]) == [lane.ended for lane in lanes[1:]]


def test_a_pid_that_is_used_again_has_two_lanes_with_an_end_each() -> None:
    again = Lifetime(WORKER, name="again", parent=MAIN, requested=100.5, started=100.5)
    gone = [Exit(WORKER, 100.3, 0.1, True), Exit(WORKER, 100.7, 0.2, True)]
    looks = [Look(100.2, WORKER, 0, 0.05, 0, None), Look(100.6, WORKER, 0, 0.15, 0, None)]
    lanes, samples = assemble(
        Observations(BEGIN, END, MAIN, "main", 1.0, [life_of(), again], looks, gone)
    )
    assert pytest.approx([0.3, 0.7]) == [lane.ended for lane in lanes[1:]]
    assert pytest.approx([0.1, 0.2]) == [lane.cpu_seconds for lane in lanes[1:]]
    assert [(1, 0.05), (2, 0.15)] == [(s.lane, s.cpu_seconds) for s in samples]


@pytest.mark.parametrize(
    ("noted", "exits", "used"),
    [
        ({"own_cpu": 1.0, "children_cpu": 0.5, "system_cpu": 1.501}, [], 1.001),
        ({"own_cpu": 1.0}, [Exit(WORKER, 100.8, 1.25, True)], 1.25),
        ({"own_cpu": 1.0}, [Exit(WORKER, 100.8, None, True)], 1.0),
        ({"cpu_before_kill": 0.75}, [Exit(WORKER, 100.8, None, True)], 0.75),
    ],
    ids=[
        "less what the children used that it waited for",
        "what it used in its exit handlers is in the system's account",
        "its own account, where nobody could ask in time",
        "it was killed, and the fork server left no time",
    ],
)
def test_the_systems_account_counts_before_the_workers_own(
    noted: dict[str, float], exits: list[Exit], used: float
) -> None:
    life = life_of(reaped=100.9, **noted)
    seen = Observations(BEGIN, END, MAIN, "main", 1.0, [life], exits=exits)
    assert pytest.approx(used) == assemble(seen)[0][1].cpu_seconds


def test_who_started_a_worker_and_who_asked_for_it_are_told_apart() -> None:
    served = Lifetime(WORKER, name="w", asker=MAIN, parent=5, requested=100.0, started=100.1)
    forked = Lifetime(10, name="f", asker=MAIN, parent=MAIN, requested=100.2, started=100.3)
    lanes, _ = assemble(Observations(BEGIN, END, MAIN, "main", 1.0, [served, forked]))
    assert [(5, MAIN), (MAIN, None)] == [(one.parent_pid, one.requested_by) for one in lanes[1:]]


# --- the memory of each process -----------------------------------------------------------


def test_a_look_at_the_memory_belongs_to_the_process_that_had_the_pid_then() -> None:
    lives = [
        Lifetime(WORKER, None, "first", None, MAIN, 100.1, 100.1, finished=100.3),
        Lifetime(WORKER, None, "second", None, MAIN, 100.5, 100.5, finished=100.7),
    ]
    times = [99.9, 100.2, 100.4, 100.6, 101.1]
    memory = [SeenMemory(time, pid, 9, 5) for time in times for pid in (MAIN, WORKER, 1234)]
    seen = Observations(BEGIN, END, MAIN, "main", 1.0, lives, memory=memory)
    found = [(round(look.time, 6), look.lane) for look in memory_looks(seen, assemble(seen)[0])]
    assert [(0.2, 0), (0.2, 1), (0.4, 0), (0.6, 0), (0.6, 2)] == found


def test_a_look_at_the_memory_keeps_what_was_seen() -> None:
    seen = Observations(
        BEGIN, END, MAIN, "main", 1.0, [], memory=[SeenMemory(100.5, MAIN, 9, None)]
    )
    assert (MemoryLook(0.5, 0, 9, None),) == memory_looks(seen, assemble(seen)[0])
