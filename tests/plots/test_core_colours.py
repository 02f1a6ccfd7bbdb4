"""Which colour stands for which core."""

import pytest
from matplotlib.colors import to_rgb

from manybrains.plots.core_colours import Mark, marks_of, palette
from manybrains.plots.style import PLAIN, our_style


@pytest.fixture(autouse=True)
def in_our_style():
    with our_style():
        yield


def test_the_first_eight_cores_have_the_colours_of_the_palette_in_order():
    assert palette() == [mark.fill for mark in marks_of(range(8)).values()]


def test_no_two_of_sixty_four_cores_look_alike():
    assert 64 == len(set(marks_of(range(64)).values()))


@pytest.mark.parametrize("cores", [(0, 8), (0, 8, 16, 24, 32, 40, 48, 56), (3, 11, 60)])
def test_up_to_eight_cores_have_a_colour_each_and_no_line(cores):
    marks = marks_of(cores).values()
    assert (len(cores), {None}) == (len({mark.fill for mark in marks}), {m.line for m in marks})


def test_a_core_below_eight_has_its_colour_in_every_picture():
    assert marks_of([0])[0] == marks_of([8, 0])[0] == marks_of(range(64))[0]


def test_a_line_tells_which_eight_of_many_cores():
    lines = [mark.line for mark in marks_of(range(64)).values()]
    assert [1] * 8 == [len(set(lines[at : at + 8])) for at in range(0, 64, 8)]


def test_without_lines_many_cores_share_colours():
    marks = marks_of(range(16), lines=False)
    assert marks[0] == marks[8]


def test_a_core_that_nobody_knows_is_neutral():
    assert Mark(PLAIN) == marks_of([None, 0])[None]


def luminance(colour):
    # https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_a_line_stands_out_from_white():
    inks = {mark.line for mark in marks_of(range(64)).values()} - {None}
    assert min(1.05 / (luminance(ink) + 0.05) for ink in inks) > 2
