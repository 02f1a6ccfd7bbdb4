"""What workers noted and what the sampler saw become lanes and samples."""

import pytest

from manybrains.lens.assemble import Block, assemble
from manybrains.lens.lifetimes import Life

BEGIN, END = 100.0, 101.0
MAIN, THREAD = 7, 8
# The sampler, asleep until then on a busy machine, looks 0.2 s late for the first time.
LATE = [(100.2, MAIN, 0, 5.2, 0, None), (100.6, MAIN, 0, 5.6, 0, None)]
THREAD_LOOKS = [(100.2, MAIN, THREAD, 3.1, 0, None), (100.6, MAIN, THREAD, 3.5, 0, None)]
# The thread is one of an earlier block, whose pool goes on.
LIFE = Life(MAIN, THREAD, MAIN, "thread", 90.0, 90.0)


@pytest.mark.parametrize(
    ("baseline", "used"), [({(MAIN, 0): 5.0}, [0.2, 0.6]), ({(MAIN, 0): None}, [0.0, 0.4])]
)
def test_what_was_used_before_the_first_look_counts_where_it_is_known(
    baseline: dict[tuple[int, int], float | None], used: list[float]
) -> None:
    _, samples = assemble(Block(BEGIN, END, MAIN, "main", 1.0, [], LATE, baseline=baseline))
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
    block = Block(BEGIN, END, MAIN, "main", 1.0, [LIFE], looks, alive=alive, baseline=baseline)
    lanes, samples = assemble(block)
    assert [1.0 - in_thread, in_thread] == pytest.approx([lane.cpu_seconds for lane in lanes])
    assert seen == pytest.approx([sample.cpu_seconds for sample in samples if sample.lane == 1])
    both = [sum(s.cpu_seconds for s in samples if round(s.time, 6) == t) for t in (0.2, 0.6)]
    assert both == pytest.approx([0.2, 0.6] if baseline else [0.0, 0.4])
