"""What all pictures have in common."""

import matplotlib
import pytest
from made_up import run_of
from matplotlib import pyplot
from matplotlib.text import Text
from pictures import AMDAHL, DUEL, EMPTY, RACE, RECORDED, TURNS, drawn

from manybrains.lens.watched_run import WatchedRun
from manybrains.plots.memory import plot_memory
from manybrains.plots.process_tree import plot_processes
from manybrains.plots.speedup import plot_speedup
from manybrains.plots.ticks import plot_ticks
from manybrains.plots.timeline import plot_timeline
from manybrains.plots.usage import plot_cores, plot_memory_over_time
from manybrains.plots.wall_times import plot_wall_times
from manybrains.records.run import Run

PICTURES = {
    "timeline": (plot_timeline, DUEL),
    "cores": (plot_cores, DUEL),
    "memory": (plot_memory, DUEL),
    "memory_over_time": (plot_memory_over_time, DUEL),
    "processes": (plot_processes, DUEL),
    "wall_times": (plot_wall_times, RACE),
    "ticks": (plot_ticks, TURNS),
    "speedup": (plot_speedup, AMDAHL),
}
every_picture = pytest.mark.parametrize(("plot", "data"), PICTURES.values(), ids=PICTURES)
RUN_PICTURES = [plot_timeline, plot_cores, plot_memory, plot_memory_over_time, plot_processes]


@every_picture
def test_a_picture_is_drawn_on_the_axes_given_and_returns_them(plot, data, ax):
    assert ax is plot(data, ax)


@every_picture
def test_a_picture_on_given_axes_makes_no_figure(plot, data, ax):
    plot(data, ax)
    assert [] == pyplot.get_fignums()


@every_picture
def test_a_picture_without_axes_makes_one_figure(plot, data):
    figure = plot(data).figure
    assert [figure] == [pyplot.figure(number) for number in pyplot.get_fignums()]


@every_picture
def test_a_picture_leaves_the_style_of_others_alone(plot, data):
    before = dict(matplotlib.rcParams)
    plot(data)
    assert before == dict(matplotlib.rcParams)


@every_picture
def test_a_notebook_that_becomes_interactive_with_its_first_figure_stays_so(
    plot, data, monkeypatch
):
    def first_figure(figure=pyplot.figure, **settings):
        matplotlib.rcParams["interactive"] = True  # else a notebook shows no figure
        return figure(**settings)

    monkeypatch.setattr(pyplot, "figure", first_figure)
    with matplotlib.rc_context():
        plot(data)
        assert matplotlib.rcParams["interactive"]


@every_picture
def test_a_picture_has_a_title(plot, data, ax):
    assert "" != plot(data, ax).get_title(loc="left")


@every_picture
def test_a_picture_is_white_whatever_the_style_around_it(plot, data):
    with matplotlib.style.context("dark_background"):
        assert (1, 1, 1, 1) == plot(data).figure.get_facecolor()


@every_picture
def test_no_letter_is_smaller_than_eight_points(plot, data):
    texts = [t for t in drawn(plot(data)).findobj(Text) if t.get_text() and t.get_visible()]
    assert [] == [text.get_text() for text in texts if text.get_fontsize() < 8]


@every_picture
def test_wrong_data_is_refused_with_what_to_give(plot, data):
    with pytest.raises(TypeError, match=rf"{plot.__name__} takes .* not 'x' .*: give it "):
        plot("x")


@every_picture
def test_a_wrong_ax_is_refused_with_what_to_give(plot, data):
    with pytest.raises(TypeError, match=r"ax should be a matplotlib Axes, not 'here' .*subplots"):
        plot(data, "here")


@pytest.mark.parametrize("plot", RUN_PICTURES)
@pytest.mark.parametrize("run", [EMPTY, run_of(looks=0)], ids=["no lane", "no look"])
def test_a_run_with_nothing_in_it_can_be_drawn(plot, run):
    assert "" != drawn(plot(run)).get_title(loc="left")


@pytest.mark.parametrize("plot", RUN_PICTURES)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_run_can_be_drawn(plot, path):
    assert "" != drawn(plot(Run.load(path))).get_title(loc="left")


@pytest.mark.parametrize("plot", RUN_PICTURES)
def test_a_run_still_being_watched_says_when_to_draw_it(plot):
    with pytest.raises(RuntimeError, match="after the block"):
        plot(WatchedRun())
