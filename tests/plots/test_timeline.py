"""The timeline: what stands where, in which colour, with which words."""

import dataclasses
import io
import subprocess
import sys
from itertools import pairwise

import matplotlib
import pytest
from made_up import process, run_of, thread
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.legend import Legend
from matplotlib.text import Text
from pictures import (
    CROWD,
    DUEL,
    RECORDED,
    SIXTY_FOUR,
    drawn,
    words_of,
)

from manybrains.plots.lanes import SPACING
from manybrains.plots.png import size_on_screen
from manybrains.plots.style import ALARM, PLAIN
from manybrains.plots.timeline import plot_timeline, timeline_png
from manybrains.records.run import Run, Sample


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
    for path in [*part(ax, "work").get_paths(), *part(ax, "averages").get_paths()]:
        areas[round(-path.vertices[:, 1].min() / SPACING)] += area_of(path)
    return areas


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


def texts_of_keys(ax):
    return [text.get_text() for key in ax.findobj(Legend) for text in key.get_texts()]


def cores_each(lanes, **fields):
    """A run in which each lane worked on a core of its own, from core 0 on."""
    core = lambda lane, _: max(lane - 1, 0)  # noqa: E731
    return run_of(*[process("n", 0.1, 0.9, cores=1.0)] * lanes, core=core, **fields)


def test_the_key_of_many_cores_names_eight_and_what_a_line_adds(ax):
    key = texts_of_keys(plot_timeline(cores_each(17), ax))
    assert {"core 0", "1", "7", "line below: +8", "+16"} <= set(key)


def test_a_core_above_seven_has_a_line_in_the_gap_below_its_row():
    lines = part(plot_timeline(cores_each(9)), "lines").get_paths()
    tops = {path.vertices[:, 1].max() for path in lines}
    last = -9 * SPACING  # main's row is the first; core 8 is that of the last row
    assert (1, True) == (len(tops), last - (SPACING - 1) < max(tops) < last)


def test_rows_too_thin_for_a_line_share_colours():
    ax = plot_timeline(cores_each(150, looks=1))
    assert ([], True) == (part(ax, "lines").get_paths(), "core 0, 8…" in texts_of_keys(ax))


def test_a_key_of_many_cores_stays_inside_the_picture():
    ax = drawn(plot_timeline(cores_each(63)))
    assert max(key.get_window_extent().x1 for key in ax.findobj(Legend)) <= ax.figure.bbox.x1


UNSEEN = run_of(process("short", cores=0.5), looks=0)


def test_the_average_is_hatched_if_no_look_fell_into_a_life(ax):
    ax = plot_timeline(UNSEEN, ax)
    unseen = part(ax, "averages")
    assert ([], True) == (part(ax, "work").get_paths(), bool(unseen.get_hatch()))
    assert 2 == len(unseen.get_paths())


def test_the_key_says_what_is_hatched(ax):
    key = texts_of_keys(plot_timeline(UNSEEN, ax))
    assert ["row height: one core", "average: no look fell into it"] == key


def test_nothing_is_hatched_where_somebody_looked(ax):
    ax = plot_timeline(DUEL, ax)
    assert ([], 3) == (part(ax, "averages").get_paths(), len(texts_of_keys(ax)))


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


PLACE = "acquire of the first lock, cell 4, line 7, called by transfer_the_money"


def stopped(begin=0.1):
    lane = process("stuck", begin, 1.0, exit_code=-9, stood_at=PLACE)
    return run_of(lane, finished=False, note="stopped at its deadline of 1 s")


def places_in(ax):
    return [text.get_text() for text in ax.texts if text.get_gid() == "stood at"]


def test_a_stopped_lane_says_where_it_stood():
    assert [PLACE] == places_in(plot_timeline(stopped()))


def test_the_place_where_a_lane_stood_is_shortened_to_what_fits():
    (said,) = places_in(plot_timeline(stopped(0.6)))
    begin, end = said.split("…")
    assert (True, True) == (PLACE.startswith(begin), PLACE.endswith(end))


def test_a_lane_too_short_for_words_does_not_say_where_it_stood():
    assert [] == places_in(plot_timeline(stopped(0.95)))


def test_rows_too_thin_for_words_do_not_say_where_their_lanes_stood():
    lanes = [process("stuck", 0.1, 1.0, stood_at=PLACE)] * 63
    assert [] == places_in(plot_timeline(run_of(*lanes)))


def test_the_place_where_a_lane_stood_is_written_inside_its_row():
    ax = drawn(plot_timeline(stopped(0.4)))
    (text,) = [text for text in ax.texts if text.get_gid() == "stood at"]
    left, right = ax.transData.transform([(0.4, 0), (1.0, 0)])[:, 0]
    box = text.get_window_extent()
    assert left <= box.x0 < box.x1 <= right


every_size = pytest.mark.parametrize("run", [DUEL, SIXTY_FOUR, CROWD], ids=["3", "64", "501"])


@every_size
def test_a_timeline_is_shown_eight_inches_wide_and_has_two_pixels_for_each(run):
    png = timeline_png(run)
    assert (1760, 880) == (imread(io.BytesIO(png)).shape[1], size_on_screen(png)["width"])


@every_size
def test_a_timeline_is_a_small_file(run):
    assert len(timeline_png(run)) < 60_000


def test_the_colours_of_cores_are_exact_in_the_png():
    pixels = (255 * imread(io.BytesIO(timeline_png(DUEL)))[:, :, :3]).round().astype(int)
    seen = {tuple(pixel) for row in pixels[::8, ::8] for pixel in row}
    assert {(0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (255, 255, 255)} <= seen


def test_the_same_run_gives_the_same_bytes():
    assert timeline_png(DUEL) == timeline_png(Run.from_json(DUEL.to_json()))


def test_the_bytes_are_the_same_whatever_style_the_reader_uses():
    plain = timeline_png(DUEL)
    with matplotlib.style.context("dark_background"):
        assert plain == timeline_png(DUEL)


def test_the_png_needs_no_pyplot():
    recorded = str(RECORDED[0])
    code = (
        "import sys; from manybrains import Run;"
        "from manybrains.plots.timeline import timeline_png;"
        f"timeline_png(Run.load({recorded!r})); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "False\n" == done.stdout


def test_no_run_no_png():
    with pytest.raises(TypeError, match="timeline_png takes a Run, not 3"):
        timeline_png(3)
