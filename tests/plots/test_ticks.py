"""The microscope of the GIL."""

import pytest
from pictures import TOGETHER, TURNS

from manybrains.lessons.workloads import Ticks
from manybrains.plots.ticks import plot_ticks


def bars_in(ax):
    """The bars of each row as (begin, end) in milliseconds."""
    return [
        [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in row.get_paths()]
        for row in ax.collections
    ]


def test_ticks_have_a_row_for_each_worker(ax):
    labels = [label.get_text() for label in plot_ticks(TURNS, ax).get_yticklabels()]
    assert ["Thread-1", "Thread-2"] == labels


def test_ticks_show_a_bar_for_every_turn_in_the_window(ax):
    assert [10, 10] == [len(row) for row in bars_in(plot_ticks(TURNS, ax))]


def test_ticks_are_in_milliseconds_since_the_first(ax):
    ax = plot_ticks(TURNS, ax)
    assert ("milliseconds since the first tick", [5.0, 10.0]) == (
        ax.get_xlabel(),
        pytest.approx(list(bars_in(ax)[1][0])),
    )


@pytest.mark.parametrize("window", [0.1, 0.03])
def test_ticks_are_shown_from_when_all_have_begun_for_as_long_as_asked(window, ax):
    assert (20, 20 + 1e3 * window) == pytest.approx(plot_ticks(TOGETHER, ax, window).get_xlim())


def test_threads_that_took_turns_are_said_to(ax):
    title = plot_ticks(TURNS, ax).get_title(loc="left")
    assert "threads took turns: both at once 0 % of the time" == title


def test_processes_that_overlapped_are_said_to(ax):
    title = plot_ticks(TOGETHER, ax).get_title(loc="left")
    assert "processes overlapped: both at once 100 % of the time" == title


def test_workers_that_met_now_and_then_are_said_to(ax):
    half = Ticks("Process-2", 8, ((10.0, 10.15), (10.39, 10.4)))
    title = plot_ticks([TOGETHER[0], half], ax).get_title(loc="left")
    assert "processes overlapped at times: both at once 40 % of the time" == title


def test_workers_that_never_met_are_said_to_take_turns(ax):
    later = Ticks("Process-2", 8, ((11.0, 11.1),))
    title = plot_ticks([TOGETHER[0], later], ax).get_title(loc="left")
    assert "processes took turns: both at once 0 % of the time" == title


def test_workers_whose_cores_others_had_are_not_said_to_take_turns(ax):
    some, others = ((10.0, 10.05), (10.3, 10.31)), ((10.0, 10.01), (10.2, 10.31))
    title = plot_ticks([Ticks("a", 7, some), Ticks("b", 8, others)], ax).get_title(loc="left")
    assert "processes had little of the cores: both at once 6 % of the time" == title


def test_of_more_than_two_workers_at_least_two_count_as_at_once(ax):
    title = plot_ticks([*TOGETHER, Ticks("Process-3", 9, ((10.01, 10.4),))], ax).get_title("left")
    assert "processes overlapped: two or more at once 100 % of the time" == title


def test_a_lone_worker_is_said_to_have_computed(ax):
    title = plot_ticks(TURNS[:1], ax).get_title(loc="left")
    assert "Thread-1 computed 51 % of the time" == title


def test_a_worker_that_never_computed_has_an_empty_row(ax):
    idle = Ticks("Process-2", 8, ())
    assert [1, 0] == [len(row) for row in bars_in(plot_ticks([TOGETHER[0], idle], ax))]


def test_no_ticks_are_refused():
    with pytest.raises(ValueError, match="plot_ticks was given no ticks: give it a list"):
        plot_ticks([])


def test_a_single_worker_without_a_list_is_refused():
    with pytest.raises(TypeError, match="plot_ticks takes a list of Ticks"):
        plot_ticks(TURNS[0])


@pytest.mark.parametrize("window", [0, -1, float("nan")])
def test_a_window_without_length_is_refused(window):
    with pytest.raises(ValueError, match=r"window is .*: it should be a number of seconds"):
        plot_ticks(TURNS, window=window)
