"""The tree of processes."""

import dataclasses
from itertools import pairwise

import pytest
from made_up import MAIN, process, run_of, thread
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
    pids = {"resource tracker": 98, "sampler": 99}
    words = [f"{name}\nhelper process\npid {pid}" for name, pid in pids.items()]
    assert (words, True) == (dashed, ax.get_title(loc="left").endswith("(and two helpers)"))


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


# --- under the fork server ---

SERVED = run_of(
    process("Process-1", pid=201, parent_pid=55, requested_by=100),
    process("Process-2", pid=202, parent_pid=55, requested_by=100),
    helpers=(
        Helper("resource tracker", 54, 100),
        Helper("fork server", 55, 100),
        Helper("sampler", 56, 100),
    ),
)


def test_children_of_the_fork_server_stand_below_it(ax):
    places = boxes_in(plot_processes(SERVED, ax))
    names = ("fork server", "Process-1", "Process-2")
    assert [-1, -2, -2] == [places[name][1] for name in names]


def test_children_of_the_fork_server_say_who_asked_for_them(ax):
    said = words_of(plot_processes(SERVED, ax))
    assert "Process-1\npid 201\nexit 0\nasked for by\nMainProcess" in said


def test_children_of_the_fork_server_are_counted_as_those_of_main(ax):
    title = plot_processes(SERVED, ax).get_title(loc="left")
    assert "3 processes: one main, two children (and three helpers)" == title


def test_what_a_child_asked_for_is_a_grandchild_of_main(ax):
    inner = process("inner", pid=203, parent_pid=55, requested_by=201)
    run = dataclasses.replace(SERVED, lanes=(*SERVED.lanes, inner))
    title = plot_processes(run, ax).get_title(loc="left")
    assert title.startswith("4 processes: one main, two children, one grandchild")


def test_a_child_of_its_asker_does_not_say_who_asked(ax):
    run = run_of(process("Process-1", parent_pid=100, requested_by=100))
    assert [] == [text for text in words_of(plot_processes(run, ax)) if "asked" in text]


def test_a_fork_server_of_a_child_stands_below_that_child(ax):
    run = run_of(
        process("Process-1", pid=101),
        process("inner", pid=103, parent_pid=102, requested_by=101),
        helpers=(Helper("fork server", 102, 101),),
    )
    places = boxes_in(plot_processes(run, ax))
    assert [-2, -3] == [places["fork server"][1], places["inner"][1]]


def test_a_helper_whose_parent_nobody_knows_stands_below_main(ax):
    run = run_of(helpers=(Helper("sampler", 99),))
    assert -1 == boxes_in(plot_processes(run, ax))["sampler"][1]


def test_boxes_with_five_lines_do_not_overlap_with_those_above():
    texts = drawn(plot_processes(SERVED)).texts
    boxes = {t.get_text().split("\n")[0]: t.get_bbox_patch().get_window_extent() for t in texts}
    assert boxes["Process-1"].y1 < boxes["fork server"].y0


def test_a_list_says_in_a_line_who_asked(ax):
    many = [process(f"P{k}", pid=300 + k, parent_pid=55, requested_by=100) for k in range(9)]
    run = dataclasses.replace(SERVED, lanes=(MAIN, *many))
    assert "P0, pid 300, exit 0, asked for by MainProcess" in words_of(plot_processes(run, ax))
