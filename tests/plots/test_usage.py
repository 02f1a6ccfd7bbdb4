"""Cores and memory over time."""

import dataclasses
from itertools import pairwise

import pytest
from made_up import process, run_of, thread
from pictures import (
    DUEL,
    drawn,
    words_of,
)

from manybrains.plots.usage import plot_cores, plot_memory_over_time
from manybrains.records.machine import Machine
from manybrains.records.run import Sample


def test_the_area_of_cores_over_time_is_the_cpu_time_of_the_run(ax):
    values, edges, _ = plot_cores(DUEL, ax).patches[0].get_data()
    area = sum(v * (b - a) for v, (a, b) in zip(values, pairwise(edges), strict=True))
    assert DUEL.cpu_seconds == pytest.approx(area)


def test_cores_over_time_are_measured_against_one_core_and_yours(ax):
    ax = plot_cores(DUEL, ax)
    lines = [line.get_ydata()[0] for line in ax.lines]
    assert ([1, 2.0], ["one core", "yours: 2"]) == (lines, [t.get_text() for t in ax.texts])


@pytest.mark.parametrize(
    ("yours", "words"), [(1.0, ["yours: 1"]), (1.5, ["one core", "yours: 1.5"])]
)
def test_cores_that_are_yours_are_said_as_they_are(yours, words, ax):
    machine = dataclasses.replace(DUEL.machine, cores_yours=yours)
    ax = plot_cores(dataclasses.replace(DUEL, machine=machine), ax)
    assert words == [text.get_text() for text in ax.texts]


def test_many_more_cores_than_were_used_do_not_flatten_the_picture(ax):
    machine = Machine("Linux", 64, 64.0, "", 2**36, "fork", "3.13.0", True)
    ax = plot_cores(dataclasses.replace(DUEL, machine=machine), ax)
    title = ax.get_title(loc="left")
    assert (True, True) == (ax.get_ylim()[1] < 3, title.endswith("of 64 that are yours"))


def with_yours(run, yours, limited_by):
    machine = dataclasses.replace(run.machine, cores_yours=yours, limited_by=limited_by)
    return dataclasses.replace(run, machine=machine)


QUOTA = "a cgroup v2 quota"
LOOKS = tuple(Sample(time, 1, cpu, 0) for time, cpu in ((0.1, 0.1), (0.5, 0.1), (0.8, 0.4)))
BURSTS = dataclasses.replace(run_of(process("n", 0.0, 1.0, cores=0.4), looks=0), samples=LOOKS)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (with_yours(BURSTS, 0.5, QUOTA), f"bursts, which {QUOTA} lets pass"),
        (with_yours(DUEL, 0.5, QUOTA), f"work that {QUOTA} did not hold back"),
        (with_yours(DUEL, 1.0, "CPU affinity"), "work that CPU affinity did not hold back"),
        (with_yours(DUEL, 1.0, ""), "more than there are, an error of the CPU clocks"),
    ],
)
def test_more_cores_in_use_than_are_yours_are_said_to_be_what_they_are(run, words, ax):
    title = plot_cores(run, ax).get_title(loc="left")
    assert title.replace("\n", " ").endswith(f" at most; above yours: {words}")


def test_what_was_used_above_yours_is_hatched_from_there(ax):
    ax = plot_cores(with_yours(BURSTS, 0.5, QUOTA), ax)
    (above,) = [patch.get_data() for patch in ax.patches if patch.get_hatch()]
    assert (0.5, 1.0) == (above.baseline, pytest.approx(max(above.values)))


def test_nothing_is_hatched_if_no_more_was_used_than_is_yours(ax):
    assert [] == [patch for patch in plot_cores(DUEL, ax).patches if patch.get_hatch()]


def test_the_axes_of_cores_over_time_have_their_units(ax):
    ax = plot_cores(DUEL, ax)
    assert ("seconds since the cell began", "cores in use") == (ax.get_xlabel(), ax.get_ylabel())


def test_memory_has_a_line_for_each_process_the_largest_first(ax):
    words = words_of(plot_memory_over_time(DUEL, ax))
    assert ["Process-2", "Process-1", "MainProcess"] == words[:3]


def test_memory_is_in_megabytes_of_a_million_bytes(ax):
    line = plot_memory_over_time(DUEL, ax).lines[0]
    assert {20.0} == set(line.get_ydata())


def test_the_axis_of_memory_has_its_unit(ax):
    assert "resident memory (MB, 10⁶ bytes)" == plot_memory_over_time(DUEL, ax).get_ylabel()


def test_the_title_of_memory_names_the_largest(ax):
    title = plot_memory_over_time(DUEL, ax).get_title(loc="left")
    assert "duel: Process-2 held most memory, 40 MB" == title


def test_threads_have_no_memory_of_their_own(ax):
    assert "ada" not in words_of(plot_memory_over_time(run_of(thread("ada")), ax))


def test_a_lane_seen_once_is_a_dot(ax):
    run = run_of(looks=0)
    seen = dataclasses.replace(run, samples=(Sample(0.5, 0, 0.0, 0, 10**7),))
    assert "." == plot_memory_over_time(seen, ax).lines[0].get_marker()


def test_names_of_lines_close_to_each_other_do_not_overlap():
    run = run_of(*[process(f"Process-{k}") for k in range(20)])
    level = tuple(dataclasses.replace(sample, memory_bytes=10**8) for sample in run.samples)
    ax = drawn(plot_memory_over_time(dataclasses.replace(run, samples=level)))
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert [] == [low for low, high in pairwise(boxes) if high.y0 < low.y1 - 2]
