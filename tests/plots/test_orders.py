"""Every order of two workers' steps, and how many of them lose an update."""

import pytest
from matplotlib.patches import Rectangle
from pictures import drawn

from manybrains.lessons.interleavings import interleavings
from manybrains.plots.alt_text import alt_text
from manybrains.plots.orders import plot_interleavings

ORDERS = interleavings()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def test_each_step_has_a_box_with_its_words():
    ax = plot_interleavings(ORDERS[1:2])
    assert ["A read", "A add", "B read", "A write", "B add", "B write"] == texts(ax)[:6]
    assert 6 == len(boxes(ax))


def test_the_steps_of_one_worker_have_one_colour():
    colours = [box.get_facecolor() for box in boxes(plot_interleavings(ORDERS[1:2]))]
    assert colours[0] == colours[1] == colours[3] != colours[2] == colours[4] == colours[5]


def test_what_became_of_the_number_stands_beside_each_order():
    told = [text for text in texts(plot_interleavings(ORDERS)) if "lost" in text]
    assert ["2: none lost", *["1: one lost"] * 18, "2: none lost"] == told


def test_twenty_orders_stand_in_two_blocks_of_ten():
    corners = [box.get_xy() for box in boxes(plot_interleavings(ORDERS))][::6]
    assert 2 == len({x for x, _ in corners})
    assert 10 == len({y for _, y in corners})


def test_words_stay_in_their_boxes_and_touch_nothing():
    ax = drawn(plot_interleavings(ORDERS))
    places = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(places) for b in places[:i])
    assert all(ax.figure.bbox.x0 <= p.x0 and p.x1 <= ax.figure.bbox.x1 for p in places)


def test_the_title_is_the_message():
    assert "18 of 20 orders lose an update" == plot_interleavings(ORDERS).get_title("left")


def test_it_is_drawn_on_the_axes_that_are_given(ax):
    assert ax is plot_interleavings(ORDERS, ax)


@pytest.mark.parametrize("given", ["AAABBB", [1, 2], None, ORDERS[0]])
def test_what_holds_no_orders_is_refused(given):
    with pytest.raises(TypeError, match="plot_interleavings takes a list of Interleavings"):
        plot_interleavings(given)


def test_no_orders_are_refused():
    with pytest.raises(ValueError, match="plot_interleavings was given no orders"):
        plot_interleavings([])


def test_the_picture_has_words_for_those_who_cannot_see_it():
    assert (
        "Rows of steps of two workers, A and B. 18 of 20 orders lose an update. "
        "None lost: AAABBB, BBBAAA."
    ) == alt_text(ORDERS)
