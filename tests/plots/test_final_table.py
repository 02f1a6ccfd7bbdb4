"""The final table: a verdict and its figure in each cell."""

import dataclasses

import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from pictures import drawn, words_of

from manybrains.lessons.evidence import COURSE, UNTOLD, WAYS, Evidence
from manybrains.plots.alt_text import alt_text
from manybrains.plots.final_table import plot_final_table, told
from manybrains.plots.style import ALARM

LONG = "counting 1.02 cores, hashing 1.97"
TABLE = [
    Evidence(question, way, verdict, LONG)
    for question, verdicts in COURSE.items()
    for way, verdict in zip(WAYS, verdicts, strict=True)
]
HOLDS, OTHER, _ = TABLE[:3]
DIFFERS = dataclasses.replace(OTHER, verdict="yes")
UNKNOWN = dataclasses.replace(OTHER, verdict=UNTOLD)


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def one_line(ax):
    return " ".join(" ".join(words_of(ax)).split())


def test_each_cell_has_a_box_in_its_row_and_column():
    corners = {
        (round(box.get_x(), 2), round(box.get_y(), 2)) for box in boxes(plot_final_table(TABLE))
    }
    assert 15 == len(corners)
    assert 5 == len({y for _, y in corners})


def test_rows_stand_in_the_order_of_the_table_and_not_in_that_of_the_list():
    ax = plot_final_table(TABLE[::-1])
    assert one_line(plot_final_table(TABLE))[:60] == one_line(ax)[:60]
    assert max(box.get_y() for box in boxes(ax)[:3]) > max(box.get_y() for box in boxes(ax)[3:])


def test_a_row_without_evidence_is_not_drawn():
    ax = plot_final_table(TABLE[:3])
    assert 3 == len(boxes(ax))
    assert "complexity" not in one_line(ax)


def test_a_cell_says_its_verdict_and_what_was_measured():
    words = one_line(plot_final_table([HOLDS]))
    assert f"no {LONG}" in words


def test_a_cell_that_differs_has_a_frame_and_both_verdicts():
    ax = plot_final_table([DIFFERS])
    assert f"yes {LONG}; the course saw: no" in one_line(ax)
    assert to_rgba(ALARM) == boxes(ax)[0].get_edgecolor()


def test_a_cell_that_cannot_be_told_is_hatched_and_says_what_the_course_saw():
    ax = plot_final_table([UNKNOWN])
    assert f"cannot be told here the course saw: no; here {LONG}" in one_line(ax)
    assert boxes(ax)[0].get_hatch()


def test_of_two_verdicts_on_one_cell_the_last_counts():
    ax = plot_final_table([DIFFERS, OTHER])
    assert 1 == len(boxes(ax))
    assert "1 of 1 verdicts of the course hold here" == ax.get_title("left")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ([], "15 of 15 verdicts of the course hold here"),
        ([DIFFERS], "14 of 15 verdicts of the course hold here, 1 does not"),
        ([UNKNOWN], "14 of 15 verdicts of the course hold here, 1 cannot be told"),
    ],
)
def test_the_title_counts(changed, message):
    table = [*TABLE, *changed]
    assert message == told(table) == plot_final_table(table).get_title("left")


@pytest.mark.parametrize("verdict", [UNTOLD, "something else", None])
def test_words_touch_no_others_and_stay_in_the_picture(verdict):
    table = [dataclasses.replace(one, verdict=verdict or one.course) for one in TABLE]
    ax = drawn(plot_final_table(table))
    places = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(places) for b in places[:i])
    assert all(ax.figure.bbox.x0 <= p.x0 and p.x1 <= ax.figure.bbox.x1 for p in places)


@pytest.mark.parametrize("verdict", [UNTOLD, "something else", None])
def test_the_words_of_a_cell_stay_in_its_box(verdict):
    table = [dataclasses.replace(one, verdict=verdict or one.course) for one in TABLE]
    ax = drawn(plot_final_table(table))
    frames = [box.get_window_extent() for box in boxes(ax)]
    inside = [text.get_window_extent() for text in ax.texts[-2 * len(table) :]]
    pairs = zip(inside, [frame for frame in frames for _ in range(2)], strict=True)
    assert all(
        frame.x0 <= p.x0 and p.x1 <= frame.x1 and frame.y0 <= p.y0 and p.y1 <= frame.y1
        for p, frame in pairs
    )


def test_it_is_drawn_on_the_axes_that_are_given(ax):
    assert ax is plot_final_table(TABLE, ax)


@pytest.mark.parametrize("given", ["yes", [1, 2], None, HOLDS])
def test_what_holds_no_evidence_is_refused(given):
    with pytest.raises(TypeError, match="plot_final_table takes a list of Evidence"):
        plot_final_table(given)


def test_no_evidence_is_refused():
    with pytest.raises(ValueError, match="plot_final_table was given no evidence"):
        plot_final_table([])


def test_the_picture_has_words_for_those_who_cannot_see_it():
    assert (
        "A table of verdicts. 1 of 2 verdicts of the course hold here, 1 does not. "
        f"holds: parallel CPU, threading: no ({LONG}); "
        f"does not hold: parallel CPU, async: no (here yes: {LONG})."
    ) == alt_text([HOLDS, DIFFERS])
