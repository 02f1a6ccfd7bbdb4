"""Pictures, told by their artists: what stands where, in which colour, with which words."""

import dataclasses
import io
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib
import pytest
from made_up import MAIN, process, run_of, thread
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from manybrains.comparisons.comparison import Comparison, Contestant
from manybrains.lens.watch import WatchedRun
from manybrains.lessons.workloads import Ticks
from manybrains.plots.plots import (
    alt_text,
    plot_cores,
    plot_memory,
    plot_processes,
    plot_ticks,
    plot_timeline,
    plot_wall_times,
    timeline_png,
)
from manybrains.plots.style import ALARM, PLAIN
from manybrains.plots.timeline import SPACING
from manybrains.records.machine import Machine
from manybrains.records.run import Helper, Run, Sample

matplotlib.use("agg")

RECORDED = sorted((Path(__file__).parents[1] / "data").glob("*.json"))
DUEL = run_of(
    process("Process-1", 0.01, 0.6, cores=0.98),
    process("Process-2", 0.02, 0.62, cores=0.97, pid=102),
    name="duel",
    wall=0.62,
    core=lambda lane, _: lane - 1 if lane else 0,
)
CROWD = run_of(
    *(process(f"Process-{k}", k / 600, k / 600 + 0.005, cores=0.9) for k in range(1, 501)),
    looks=0,
)
SIXTY_FOUR = run_of(
    *(process(f"ForkPoolWorker-{k}", 0.1, 0.9, cores=0.1, exit_code=-9) for k in range(1, 64))
)
EMPTY = Run("empty", DUEL.machine, 0.0, (), ())


def one_of(name, *walls, cores=1.0):
    main = dataclasses.replace(MAIN, cpu_seconds=1.0)
    return Contestant(
        name,
        tuple(
            run_of(main=dataclasses.replace(main, cpu_seconds=cores * wall), wall=wall)
            for wall in walls
        ),
    )


RACE = Comparison((one_of("serial", 1.3, 1.2, 1.4), one_of("processes", 0.7, 0.6, 0.9, cores=1.9)))
TURNS = [
    Ticks("Thread-1", 7, tuple((10 + k / 100, 10.005 + k / 100) for k in range(40))),
    Ticks("Thread-2", 7, tuple((10.005 + k / 100, 10.01 + k / 100) for k in range(40))),
]
TOGETHER = [Ticks("Process-1", 7, ((10.0, 10.4),)), Ticks("Process-2", 8, ((10.02, 10.42),))]
PICTURES = {
    "timeline": (plot_timeline, DUEL),
    "cores": (plot_cores, DUEL),
    "memory": (plot_memory, DUEL),
    "processes": (plot_processes, DUEL),
    "wall_times": (plot_wall_times, RACE),
    "ticks": (plot_ticks, TURNS),
}
every_picture = pytest.mark.parametrize(("plot", "data"), PICTURES.values(), ids=PICTURES)
RUN_PICTURES = [plot_timeline, plot_cores, plot_memory, plot_processes]


@pytest.fixture
def ax():
    """An Axes that pyplot knows nothing of."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


@pytest.fixture(autouse=True)
def closed():
    """Close the figures of a test that makes some."""
    yield
    pyplot.close("all")


def words_of(ax):
    """All texts of a picture, in the order in which they were written."""
    return [text.get_text() for text in ax.findobj(Text) if text.get_text()]


def drawn(ax):
    """Draw the picture, so that what stands in it has its place."""
    ax.figure.canvas.draw()
    return ax


def part(ax, label):
    """The collection of this label."""
    return next(one for one in ax.collections if one.get_label() == label)


def names_in(ax):
    return [text for text in ax.texts if text.get_gid() == "name"]


def area_of(path):
    """The area that a closed outline holds."""
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(path.vertices))) / 2


def drawn_cpu_seconds(ax, rows):
    """The area in each row: CPU seconds, for a row is one core high."""
    areas = [0.0] * rows
    for path in part(ax, "work").get_paths():
        areas[round(-path.vertices[:, 1].min() / SPACING)] += area_of(path)
    return areas


# --- what all pictures have in common ---


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
def test_what_is_no_data_is_refused_with_what_to_give(plot, data):
    with pytest.raises(TypeError, match=rf"{plot.__name__} takes .* not 'x' .*: give it "):
        plot("x")


@every_picture
def test_what_is_no_axes_is_refused_with_what_to_give(plot, data):
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


# --- the timeline ---


def test_a_timeline_has_a_named_row_for_every_lane_in_order_from_the_top(ax):
    names = names_in(plot_timeline(DUEL, ax))
    ordered = sorted(names, key=lambda text: -text.get_position()[1])
    assert ["MainProcess", "Process-1", "Process-2"] == [text.get_text() for text in ordered]


def test_the_title_of_a_timeline_is_its_message(ax):
    title = plot_timeline(DUEL, ax).get_title(loc="left")
    assert "duel: 2 workers kept 1.87 cores busy for 0.62 s" == title


def test_the_axis_of_a_timeline_has_its_unit(ax):
    assert "seconds since the cell began" == plot_timeline(DUEL, ax).get_xlabel()


def test_a_timeline_is_as_long_as_the_run(ax):
    assert (0, 0.62) == plot_timeline(DUEL, ax).get_xlim()


def test_the_name_of_a_thread_is_lighter_than_that_of_a_process(ax):
    names = names_in(plot_timeline(run_of(process("one"), thread("ada")), ax))
    inks = {text.get_text(): text.get_color() for text in names}
    assert inks["ada (thread)"] > inks["one"]


@pytest.mark.parametrize("looks", [0, 10, 3_000])
def test_the_area_drawn_is_the_cpu_time_of_each_lane(looks, ax):
    lanes = [process("one", 0.1, 0.9, cores=0.5), thread("two", 0.2, 0.3, cores=0.9)]
    run = run_of(*lanes, looks=looks)
    areas = drawn_cpu_seconds(plot_timeline(run, ax), 3)
    assert [lane.cpu_seconds for lane in run.lanes] == pytest.approx(areas, rel=0.02)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_area_drawn_is_the_cpu_time_of_each_recorded_lane(path, ax):
    run = Run.load(path)
    areas = drawn_cpu_seconds(plot_timeline(run, ax), len(run.lanes))
    assert [lane.cpu_seconds for lane in run.lanes] == pytest.approx(areas, rel=0.02, abs=1e-3)


def test_an_idle_lane_is_outlined_and_empty(ax):
    ax = plot_timeline(run_of(process("idle", cores=0.0)), ax)
    assert (2, 0.0) == (len(part(ax, "lives").get_paths()), drawn_cpu_seconds(ax, 2)[1])


def test_a_life_is_outlined_from_the_first_instruction_to_the_last(ax):
    outline = part(plot_timeline(DUEL, ax), "lives").get_paths()[1]
    assert (0.01, 0.6) == (outline.vertices[:, 0].min(), outline.vertices[:, 0].max())


def test_a_wait_is_a_line_from_asked_for_to_the_first_instruction(ax):
    ax = plot_timeline(run_of(process("spawned", 0.5, 0.9, wait=0.3)), ax)
    (line,) = part(ax, "waits").get_segments()
    assert pytest.approx([0.2, 0.5]) == list(line[:, 0])


def test_a_wait_is_seen_on_top_of_what_was_computed_meanwhile(ax):
    ax = plot_timeline(run_of(process("spawned", 0.5, 0.9, wait=0.3, cores=1.5)), ax)
    assert part(ax, "waits").get_zorder() > part(ax, "work").get_zorder()


def test_the_area_drawn_holds_what_a_process_used_while_it_started(ax):
    lane = dataclasses.replace(process("n", 0.3, 0.6, wait=0.1), cpu_seconds=0.4)
    looks = tuple(Sample(time, 1, time - 0.2, 0) for time in (0.25, 0.35, 0.45, 0.55))
    run = dataclasses.replace(run_of(lane, looks=0), samples=looks)
    assert pytest.approx(0.4) == drawn_cpu_seconds(plot_timeline(run, ax), 2)[1]


def test_what_a_lane_did_on_one_core_is_one_outline_however_often_it_moved(ax):
    run = run_of(process("n", cores=1.0), looks=50, core=lambda lane, time: int(time * 99) % 2)
    assert 4 == len(part(plot_timeline(run, ax), "work").get_paths())


def test_every_thin_row_shows_the_little_that_its_lane_used():
    little = [process(f"Process-{k}", 0.0, 1.0, cores=0.05) for k in range(64)]
    column = imread(io.BytesIO(timeline_png(run_of(*little, core=lambda *_: 0))))[:, 600]
    assert 64 == sum(column[:, 2] - column[:, 0] > 0.1)  # bluer than any grey


def test_no_part_of_a_row_is_higher_than_one_core(ax):
    tops = [
        path.vertices[:, 1].max() - path.vertices[:, 1].min()
        for path in part(plot_timeline(run_of(process("n", cores=3.0)), ax), "work").get_paths()
    ]
    assert 1.0 == pytest.approx(max(tops))


def test_a_lane_cut_at_the_height_of_its_row_says_how_many_cores_it_used(ax):
    assert "up to 3.0 cores" in words_of(plot_timeline(run_of(process("n", cores=3.0)), ax))


def test_a_lane_cut_at_the_height_of_its_row_is_ruled_there(ax):
    (rule,) = part(plot_timeline(run_of(process("n", cores=3.0)), ax), "over").get_segments()
    assert [(0.1, 1 - SPACING), (0.9, 1 - SPACING)] == [pytest.approx(point) for point in rule]


def test_two_cores_have_two_colours(ax):
    inks = {to_hex(ink) for ink in part(plot_timeline(DUEL, ax), "work").get_facecolors()}
    assert {"#0072b2", "#e69f00"} == inks


def test_eight_cores_have_eight_colours(ax):
    run = run_of(*[process("n", cores=1.0)] * 7, core=lambda lane, _: lane)
    inks = {to_hex(ink) for ink in part(plot_timeline(run, ax), "work").get_facecolors()}
    assert 8 == len(inks)


def test_a_core_that_nobody_knows_has_a_neutral_colour(ax):
    run = run_of(process("n", cores=1.0), core=lambda *_: None)
    inks = {to_hex(ink) for ink in part(plot_timeline(run, ax), "work").get_facecolors()}
    assert {PLAIN} == inks


def test_a_lane_that_changed_its_core_changes_its_colour(ax):
    run = run_of(process("n", cores=1.0), core=lambda lane, time: int(lane and time > 0.5))
    inks = [to_hex(ink) for ink in part(plot_timeline(run, ax), "work").get_facecolors()]
    assert ["#0072b2", "#0072b2", "#e69f00"] == inks


def test_the_key_names_the_cores_that_were_used(ax):
    key = [text.get_text() for text in plot_timeline(DUEL, ax).get_legend().get_texts()]
    assert ["row height: one core", "core 0", "core 1"] == key


def test_the_key_of_many_cores_names_those_that_share_a_colour(ax):
    run = run_of(*[process("n", cores=1.0)] * 17, core=lambda lane, _: max(lane - 1, 0))
    key = [text.get_text() for text in plot_timeline(run, ax).get_legend().get_texts()]
    assert ["core 0, 8…", "1, 9", "2, 10"] == key[1:4]


def test_the_key_of_a_system_without_core_numbers_says_busy(ax):
    run = run_of(process("n", cores=1.0), core=lambda *_: None)
    key = [text.get_text() for text in plot_timeline(run, ax).get_legend().get_texts()]
    assert ["row height: one core", "busy"] == key


@pytest.mark.parametrize(("code", "words"), [(1, "exit 1"), (-9, "SIGKILL")])
def test_a_worker_that_failed_says_how_at_its_end(code, words, ax):
    ax = plot_timeline(run_of(process("n", 0.1, 0.5, exit_code=code)), ax)
    (said,) = [text for text in ax.texts if text.get_text() == words]
    assert (0.5, ALARM) == (said.xy[0], said.get_color())


def test_workers_that_ended_well_say_nothing(ax):
    assert [] == [text for text in plot_timeline(DUEL, ax).texts if text.get_gid() != "name"]


def test_an_unfinished_run_has_a_line_at_its_end_that_says_why(ax):
    note = "stopped at its deadline of 1 s"
    ax = plot_timeline(run_of(process("n"), finished=False, note=note), ax)
    assert ([1.0, 1.0], True) == (list(ax.lines[-1].get_xdata()), "deadline" in words_of(ax))


def test_a_finished_run_has_no_such_line(ax):
    assert [] == list(plot_timeline(DUEL, ax).lines)


def test_a_lane_too_short_to_be_seen_gets_a_mark(ax):
    run = run_of(process("flash", 5.0, 5.005, cores=0.9), wall=10.0, looks=0)
    (mark,) = part(plot_timeline(run, ax), "short").get_segments()
    assert pytest.approx([5.0025, 5.0025]) == list(mark[:, 0])


def test_lanes_that_can_be_seen_get_no_mark(ax):
    assert [] == part(plot_timeline(DUEL, ax), "short").get_segments()


def test_a_picture_grows_with_its_rows():
    heights = [
        plot_timeline(run_of(*[process("n")] * rows)).figure.get_figheight() for rows in (1, 4, 9)
    ]
    assert [0.96, 1.6] == pytest.approx([high - low for low, high in pairwise(heights)])


def test_a_crowd_grows_no_further():
    assert plot_timeline(CROWD).figure.get_figheight() < 9


def test_all_of_sixty_four_rows_are_named():
    assert 64 == len(names_in(plot_timeline(SIXTY_FOUR)))


def test_of_a_crowd_some_are_named_and_it_says_so():
    ax = plot_timeline(CROWD)
    assert (51, True) == (len(names_in(ax)), "one in 10 named" in words_of(ax))


@pytest.mark.parametrize("run", [DUEL, SIXTY_FOUR, CROWD], ids=["3", "64", "501"])
def test_no_two_names_overlap(run):
    names = names_in(drawn(plot_timeline(run)))
    middles = sorted(text.get_window_extent().y0 for text in names)
    height = names[0].get_fontsize() * 110 / 72
    assert [] == [low for low, high in pairwise(middles) if high - low < 0.9 * height]


@pytest.mark.parametrize("run", [SIXTY_FOUR, CROWD], ids=["64", "501"])
def test_everything_written_is_inside_the_picture(run):
    ax = drawn(plot_timeline(run))
    boxes = [t.get_window_extent() for t in ax.findobj(Text) if t.get_text() and t.get_visible()]
    width = ax.figure.bbox.x1
    assert [] == [box for box in boxes if box.x0 < -1 or box.x1 > width + 1]


def test_a_long_title_goes_on_in_a_second_line():
    run = run_of(name="n" * 60, finished=False, note="stopped by ModuleNotFoundError")
    ax = drawn(plot_timeline(dataclasses.replace(run, wall_seconds=12_345.678)))
    assert ax.title.get_window_extent().x1 <= ax.figure.bbox.x1


def test_a_crowd_takes_no_more_artists_than_a_few():
    assert len(plot_timeline(DUEL).collections) == len(plot_timeline(CROWD).collections)


def test_rows_are_named_as_the_axes_given_leave_room(ax):
    ax.figure.set_size_inches(8, 1.2)
    assert len(names_in(plot_timeline(SIXTY_FOUR, ax))) < 12


# --- as PNG, and as words ---


def test_the_timeline_comes_as_a_png_eight_inches_wide():
    pixels = imread(io.BytesIO(timeline_png(DUEL)))
    assert 880 == pixels.shape[1]


def test_the_same_run_gives_the_same_bytes():
    assert timeline_png(DUEL) == timeline_png(Run.from_json(DUEL.to_json()))


def test_the_bytes_are_the_same_whatever_style_the_reader_uses():
    plain = timeline_png(DUEL)
    with matplotlib.style.context("dark_background"):
        assert plain == timeline_png(DUEL)


def test_the_png_needs_no_pyplot():
    recorded = str(RECORDED[0])
    code = (
        "import sys; from manybrains import Run; from manybrains.plots.plots import timeline_png;"
        f"timeline_png(Run.load({recorded!r})); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "False\n" == done.stdout


def test_no_run_no_png():
    with pytest.raises(TypeError, match="timeline_png takes a Run, not 3"):
        timeline_png(3)


def test_a_run_is_told_in_words():
    assert alt_text(DUEL).startswith("Timeline. duel: 2 workers kept 1.87 cores busy for 0.62 s. ")


def test_a_comparison_is_told_in_words():
    assert (
        "Bars of wall times. processes: 1.9 times as fast as serial. "
        "serial 1.30 s, 1.00 cores; processes 0.70 s, 1.90 cores."
    ) == alt_text(RACE)


def test_ticks_are_told_in_words():
    message = "threads took turns: both at once 0 % of the time"
    assert f"When each worker computed. {message}." == alt_text(TURNS)


def test_what_cannot_be_drawn_cannot_be_told_in_words():
    with pytest.raises(TypeError, match=r"alt_text takes .* not 3"):
        alt_text(3)


# --- cores over time ---


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


def test_the_axes_of_cores_over_time_have_their_units(ax):
    ax = plot_cores(DUEL, ax)
    assert ("seconds since the cell began", "cores in use") == (ax.get_xlabel(), ax.get_ylabel())


# --- memory ---


def test_memory_has_a_line_for_each_process_the_largest_first(ax):
    assert ["Process-2", "Process-1", "MainProcess"] == words_of(plot_memory(DUEL, ax))[:3]


def test_memory_is_in_megabytes_of_a_million_bytes(ax):
    line = plot_memory(DUEL, ax).lines[0]
    assert {20.0} == set(line.get_ydata())


def test_the_axis_of_memory_has_its_unit(ax):
    assert "resident memory (MB, 10⁶ bytes)" == plot_memory(DUEL, ax).get_ylabel()


def test_the_title_of_memory_names_the_largest(ax):
    title = plot_memory(DUEL, ax).get_title(loc="left")
    assert "duel: Process-2 held most memory, 40 MB" == title


def test_threads_have_no_memory_of_their_own(ax):
    assert "ada" not in words_of(plot_memory(run_of(thread("ada")), ax))


def test_a_lane_seen_once_is_a_dot(ax):
    run = run_of(looks=0)
    seen = dataclasses.replace(run, samples=(Sample(0.5, 0, 0.0, 0, 10**7),))
    assert "." == plot_memory(seen, ax).lines[0].get_marker()


def test_names_of_lines_close_to_each_other_do_not_overlap():
    run = run_of(*[process(f"Process-{k}") for k in range(20)])
    level = tuple(dataclasses.replace(sample, memory_bytes=10**8) for sample in run.samples)
    ax = drawn(plot_memory(dataclasses.replace(run, samples=level)))
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert [] == [low for low, high in pairwise(boxes) if high.y0 < low.y1 - 2]


# --- the tree of processes ---


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


# --- wall times ---


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


# --- the microscope ---


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
