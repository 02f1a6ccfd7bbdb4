"""The tree of processes."""

import dataclasses
from itertools import pairwise

import pytest
from made_up import process, run_of, thread
from pictures import (
    CROWD,
    DUEL,
    drawn,
    words_of,
)

from manybrains.plots.process_tree import plot_processes
from manybrains.plots.style import ALARM
from manybrains.records.run import Helper


def boxes_in(ax):
    """The first line of every box, by where it stands."""
    return {text.get_text().split("\n")[0]: text.get_position() for text in ax.texts}


def test_a_tree_counts_main_and_children(ax):
    title = plot_processes(DUEL, ax).get_title(loc="left")
    assert "3 processes: one main, two children" == title


def test_a_box_says_name_pid_and_exit_code(ax):
    assert "Process-1\npid 101\nexit 0" in words_of(plot_processes(DUEL, ax))


def test_main_stands_on_top_and_its_children_below(ax):
    heights = [place[1] for place in boxes_in(plot_processes(DUEL, ax)).values()]
    assert [0, -1, -1] == heights


def test_a_child_of_a_child_stands_below_its_parent(ax):
    run = run_of(process("child", pid=101), process("grandchild", pid=102, parent_pid=101))
    ax = plot_processes(run, ax)
    assert "3 processes: one main, one child, one grandchild" == ax.get_title(loc="left")


def test_a_process_whose_parent_is_no_lane_counts_as_a_child_of_main(ax):
    ax = plot_processes(run_of(process("of the fork server", parent_pid=55)), ax)
    assert "2 processes: one main, one child" == ax.get_title(loc="left")


def test_a_pid_used_twice_belongs_to_the_latest_process(ax):
    run = run_of(
        process("first", pid=101), process("second", pid=101), process("its", pid=9, parent_pid=101)
    )
    places = boxes_in(plot_processes(run, ax))
    assert places["second"][0] == places["its"][0]


def test_helpers_are_dashed_and_counted_apart(ax):
    run = dataclasses.replace(DUEL, helpers=(Helper("resource tracker", 98), Helper("sampler", 99)))
    ax = plot_processes(run, ax)
    dashed = [t.get_text() for t in ax.texts if t.get_bbox_patch().get_linestyle() == "--"]
    assert (["resource tracker\nhelper process", "sampler\nhelper process"], True) == (
        dashed,
        ax.get_title(loc="left").endswith("(and two helpers)"),
    )


def test_threads_are_no_processes(ax):
    title = plot_processes(run_of(thread("ada")), ax).get_title(loc="left")
    assert "1 process: one main" == title


def test_a_process_that_failed_stands_out(ax):
    ax = plot_processes(run_of(process("killed", exit_code=-9)), ax)
    assert ALARM == ax.texts[1].get_color()


@pytest.mark.parametrize(("children", "inches"), [(5, 2.3), (6, 1.69), (500, 8.66)])
def test_a_wide_tree_becomes_a_list_that_fits(children, inches):
    run = run_of(*[process("n")] * children)
    assert pytest.approx(inches) == plot_processes(run).figure.get_figheight()


def test_a_list_that_is_not_whole_says_so(ax):
    title = plot_processes(CROWD, ax).get_title(loc="left")
    assert "501 processes: one main, 500 children (first 48 drawn)" == title


def test_no_two_boxes_overlap():
    run = run_of(
        *(process(f"WWW a rather long name of {k}", pid=1234567 + k) for k in range(3)),
        helpers=(Helper("resource tracker", 98, 100), Helper("fork server", 99, 100)),
    )
    texts = drawn(plot_processes(run)).texts[1:]
    boxes = [text.get_bbox_patch().get_window_extent() for text in texts]
    assert [] == [box for box, other in pairwise(boxes) if other.x0 < box.x1]
