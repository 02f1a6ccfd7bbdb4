"""The memory of each process: what it has alone, and what it shares."""

import dataclasses
from itertools import pairwise

import pytest
from made_up import process, run_of, thread
from matplotlib.colors import to_rgba
from pictures import DUEL, drawn, words_of

from manybrains.plots.memory import memories_of, plot_memory
from manybrains.plots.style import ACCENT, SOFT
from manybrains.records.memory_look import MemoryLook

MB = 10**6


def looked(run, *rounds):
    """The run with rounds of looks: time, then (resident, private) megabytes of each lane."""
    looks = [
        MemoryLook(time, lane, resident * MB, None if private is None else private * MB)
        for time, *pairs in rounds
        for lane, (resident, private) in enumerate(pairs)
    ]
    return dataclasses.replace(run, memory=tuple(looks))


ALONE, ALL, TWO = [(40, 30)], [(40, 10), (90, 60), (60, 30)], [(40, 30), (90, 80)]
THREE = looked(DUEL, (0.1, *ALONE), (0.3, *ALL), (0.6, *TWO))
THREADS = looked(run_of(thread("A"), thread("B", 0.1, 0.4), name="crew"), (0.3, (100, 95)))


def bars_of(ax, ink):
    """The heights of the bars of this colour, from left to right."""
    bars = [bar for container in ax.containers for bar in container]
    return [bar.get_height() for bar in bars if bar.get_facecolor() == to_rgba(ink)]


def test_each_process_has_a_memory_of_its_own(ax):
    ax = plot_memory(THREE, ax)
    assert "duel: 3 processes, each with private memory" == ax.get_title(loc="left")
    assert {"MainProcess", "Process-1", "Process-2"} < set(words_of(ax))


def test_the_shared_part_stands_below_the_private_part(ax):
    ax = plot_memory(THREE, ax)
    assert ([30, 30, 30], [10, 60, 30]) == (bars_of(ax, SOFT), bars_of(ax, ACCENT))


def test_the_parts_are_told_in_words(ax):
    words = words_of(plot_memory(THREE, ax))
    private = [text for text in words if text.endswith("private")]
    assert ["10 MB private", "60 MB private", "30 MB private"] == private
    assert 3 == words.count("30 MB shared")


def test_shown_is_the_moment_when_most_processes_were_there():
    assert ["MainProcess", "Process-1", "Process-2"] == [each.name for each in memories_of(THREE)]


def test_of_such_moments_the_one_with_most_private_memory_is_shown():
    run = looked(DUEL, (0.2, (40, 30)), (0.3, (40, 35)), (0.4, (40, 31)))
    assert [35 * MB] == [each.private_bytes for each in memories_of(run)]


def test_the_threads_of_a_process_stand_around_one_memory(ax):
    ax = plot_memory(THREADS, ax)
    assert "crew: one process, one memory, 3 threads" == ax.get_title(loc="left")
    assert [("main thread", "A", "B")] == [each.threads for each in memories_of(THREADS)]


def test_a_thread_that_had_ended_is_not_shown():
    later = looked(THREADS, (0.5, (100, 95)))
    assert [("main thread", "A")] == [each.threads for each in memories_of(later)]


def test_many_threads_have_three_boxes_and_a_number(ax):
    crew = looked(run_of(*[thread(f"T{n}") for n in range(9)]), (0.3, (100, 95)))
    texts = plot_memory(crew, ax).texts
    boxes = [text.get_text() for text in texts if text.get_bbox_patch() is not None]
    assert ["main thread", "T0", "T1", "7 more"] == boxes


def test_a_system_that_does_not_tell_the_parts_has_one_bar(ax):
    ax = plot_memory(looked(DUEL, (0.3, (40, None))), ax)
    assert "40 MB, private or shared" in words_of(ax)
    assert ([40], [0]) == (bars_of(ax, SOFT), bars_of(ax, ACCENT))


def test_a_run_without_looks_says_how_to_get_some(ax):
    title = plot_memory(DUEL, ax).get_title(loc="left")
    assert title.startswith("duel: nobody looked at its memory; watch it with --memory")


def test_more_processes_than_have_room_are_counted(ax):
    crowd = looked(run_of(*[process(f"P{n}") for n in range(9)]), (0.3, *[(40, 30)] * 10))
    ax = plot_memory(crowd, ax)
    title = ax.get_title(loc="left").replace("\n", " ")
    assert "made up: 10 processes, each with private memory (6 drawn)" == title
    assert 6 == len(bars_of(ax, SOFT))


@pytest.mark.parametrize("count", [2, 6])
def test_words_of_neighbours_do_not_overlap(count):
    run = run_of(*[process(f"ForkPoolWorker-{n}") for n in range(1, count)])
    ax = drawn(plot_memory(looked(run, (0.3, *[(1234, 1100)] * count))))
    rows = {}
    for text in ax.texts:
        box = text.get_window_extent()
        rows.setdefault(round(box.y0), []).append(box)
    clashes = [
        (left, right)
        for row in rows.values()
        for left, right in pairwise(sorted(row, key=lambda box: box.x0))
        if right.x0 < left.x1
    ]
    assert [] == clashes


def test_nothing_is_outside_the_figure():
    ax = drawn(plot_memory(THREE))
    figure = ax.figure.bbox
    assert [] == [text.get_text() for text in ax.texts if text.get_window_extent().y0 < figure.y0]
