"""The wall times of contestants."""

import pytest
from pictures import RACE, one_of

from manybrains.comparisons.comparison import Comparison
from manybrains.plots.wall_times import plot_wall_times


def test_wall_times_have_a_bar_for_the_median_of_each_contestant(ax):
    widths = [bar.get_width() for bar in plot_wall_times(RACE, ax).patches]
    assert [1.3, 0.7] == widths


def test_the_first_contestant_stands_on_top(ax):
    bottom, top = plot_wall_times(RACE, ax).get_ylim()
    assert bottom > top


def test_every_repeat_is_a_dot(ax):
    dots = [list(line.get_xdata()) for line in plot_wall_times(RACE, ax).lines]
    assert [[1.3, 1.2, 1.4], [0.7, 0.6, 0.9]] == dots


def test_a_bar_says_its_time_and_its_cores(ax):
    said = [text.get_text() for text in plot_wall_times(RACE, ax).texts]
    assert ["1.30 s, 1.00 cores", "0.70 s, 1.90 cores"] == said


def test_contestants_are_named_at_the_left(ax):
    labels = [label.get_text() for label in plot_wall_times(RACE, ax).get_yticklabels()]
    assert ["serial", "processes"] == labels


def test_the_axis_of_wall_times_has_its_unit(ax):
    assert "wall time in seconds" in plot_wall_times(RACE, ax).get_xlabel()


SERIAL, SLOWER, FASTER = one_of("serial", 1.0), one_of("slower", 1.1), one_of("faster", 0.5)
STEADY, ERRATIC = one_of("steady", 1.0, 1.0, 1.0), one_of("erratic", 0.8, 1.2, 0.7)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ((SERIAL, SLOWER, FASTER), "faster: 2.0 times as fast as serial"),
        ((SERIAL, SLOWER), "slower: no faster than serial"),
        ((FASTER, SERIAL, SLOWER), "nothing was faster than faster"),
        ((STEADY, ERRATIC), "erratic or steady: the repeats contradict each other"),
        ((SERIAL,), "serial: 1.00 s, 1.00 cores"),
        ((one_of("short", 0.00314),), "short: 3.14 ms, 1.00 cores"),
        ((SERIAL, one_of("instant", 0.005)), "instant: 200 times as fast as serial"),
    ],
)
def test_the_title_of_wall_times_says_who_won(entries, message, ax):
    assert message == plot_wall_times(Comparison(entries), ax).get_title(loc="left")
