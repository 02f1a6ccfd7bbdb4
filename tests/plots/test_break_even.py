"""Wall times by the size of the work."""

import pytest
from pictures import drawn, one_of, words_of

from manybrains.comparisons.comparison import Comparison
from manybrains.plots.alt_text import alt_text
from manybrains.plots.break_even import plot_break_even


def compared(*contestants):
    """Comparisons at 10, 100, 1,000, of contestants with a name and a wall time at each."""
    return {
        size: Comparison(
            tuple(one_of(name, walls[i], 2 * walls[i]) for name, *walls in contestants)
        )
        for i, size in enumerate((10, 100, 1_000))
    }


PRICES = compared(("main", 0.01, 0.1, 1.0), ("pool", 0.2, 0.2, 0.5), ("new pool", 5.0, 5.0, 6.0))


def rings(ax):
    return [line for line in ax.lines if line.get_markersize() == 9]


def test_a_line_for_each_contestant_goes_through_the_medians():
    lines = [line for line in plot_break_even(PRICES).lines if len(line.get_xdata()) == 3]
    assert [[10, 100, 1_000]] * 3 == [list(line.get_xdata()) for line in lines]
    assert pytest.approx([0.3, 0.3, 0.75]) == list(lines[1].get_ydata())


def test_every_repeat_is_a_dot():
    dots = [line for line in plot_break_even(PRICES).lines if len(line.get_xdata()) == 6]
    assert 3 == len(dots)


def test_a_ring_marks_the_crossing_on_both_lines():
    [ring] = rings(plot_break_even(PRICES))
    assert 100 < ring.get_xdata()[0] < 1_000
    # On a logarithmic scale main's line rises by one decade here, as the size does.
    assert pytest.approx(0.15 * ring.get_xdata()[0] / 100) == ring.get_ydata()[0]


def test_who_was_faster_from_the_beginning_has_no_ring():
    ax = plot_break_even(compared(("a list", 2, 3, 4), ("an array", 1, 1, 1)))
    assert [] == rings(ax)
    assert "faster than a list: an array at all of these sizes" == ax.get_title("left")


def test_the_title_says_from_where_on_each_is_faster():
    assert (
        "faster than main: pool from about 320 on; new pool at none of these sizes"
        == plot_break_even(PRICES).get_title("left").replace("\n", " ")
    )


def test_the_title_of_who_was_faster_only_in_between_says_so():
    ax = plot_break_even(compared(("main", 1, 1, 1), ("pool", 2, 0.5, 2)))
    assert "faster than main: pool not at the largest size" == ax.get_title("left")


def test_the_lines_carry_their_names_and_the_names_do_not_touch():
    ax = drawn(plot_break_even(compared(("main", 1, 1, 1), ("pool", 1, 1, 1), ("new", 1, 1, 1))))
    boxes = [text.get_window_extent() for text in ax.texts]
    assert ["main", "pool", "new"] == [text.get_text() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_both_axes_are_logarithmic_and_have_a_quantity():
    ax = plot_break_even(PRICES, size="steps in each task")
    assert ("log", "log") == (ax.get_xscale(), ax.get_yscale())
    assert "steps in each task" == ax.get_xlabel()
    assert "wall time in seconds (dots: every repeat)" == ax.get_ylabel()


def test_the_sizes_stand_below_the_axis():
    assert {"10", "100", "1,000"} <= set(words_of(drawn(plot_break_even(PRICES))))


def test_it_is_drawn_on_the_axes_that_are_given(ax):
    assert ax is plot_break_even(PRICES, ax)


@pytest.mark.parametrize("given", [PRICES[10], {10: 0.5}, [PRICES[10]], None])
def test_what_holds_no_comparisons_is_refused(given):
    with pytest.raises(TypeError, match="plot_break_even takes Comparisons by size"):
        plot_break_even(given)


def test_nothing_is_refused():
    with pytest.raises(ValueError, match="plot_break_even was given nothing"):
        plot_break_even({})


def test_the_picture_has_words_for_those_who_cannot_see_it():
    told = alt_text(compared(("main", 0.02, 0.2, 2.0), ("pool", 0.2, 0.2, 0.2)))
    assert (
        "Lines of wall times by size. faster than main: pool from about 100 on. "
        "At 10: main 0.03 s, pool 0.3 s. At 100: main 0.3 s, pool 0.3 s. "
        "At 1,000: main 3 s, pool 0.3 s."
    ) == told
