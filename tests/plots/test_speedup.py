"""The speedup by more and more workers."""

import pytest
from made_up import MACHINE
from pictures import AMDAHL, point

from manybrains.comparisons.scaling import Scaling
from manybrains.plots.alt_text import alt_text
from manybrains.plots.speedup import plot_speedup


def test_the_measured_line_goes_through_the_medians():
    _, measured, *_ = plot_speedup(AMDAHL).lines
    assert [(1, 1.0), (2, 1 / 0.6), (4, 2.5)] == list(zip(*measured.get_data(), strict=True))


def test_every_repeat_is_a_dot():
    dots = plot_speedup(AMDAHL).lines[2]
    assert 9 == len(dots.get_xdata())


def test_the_ideal_line_rises_with_the_workers():
    ideal = plot_speedup(AMDAHL).lines[0]
    assert [(1, 1), (4, 4.0)] == list(zip(*ideal.get_data(), strict=True))


def test_a_line_stands_where_the_cores_that_are_yours_end():
    rule = plot_speedup(AMDAHL).lines[-1]
    assert [MACHINE.cores_yours] * 2 == list(rule.get_xdata())


def test_lines_carry_their_names():
    texts = {text.get_text() for text in plot_speedup(AMDAHL).texts}
    assert {"ideal", "measured: 2.50", "yours: 2 cores"} == texts


def test_the_title_is_the_message():
    assert "4 workers: 2.5 times as fast as 1 worker" == plot_speedup(AMDAHL).get_title("left")


def test_the_title_of_no_gain_says_so():
    scaling = Scaling((point(1, 1.0), point(2, 1.2)))
    assert "more workers were no faster than 1 worker" == plot_speedup(scaling).get_title("left")


def test_a_single_number_of_workers_can_be_drawn():
    assert "2 workers: 0.50 s" == plot_speedup(Scaling((point(2, 0.5),))).get_title("left")


def test_the_axes_have_a_quantity_each():
    ax = plot_speedup(AMDAHL)
    assert ("workers", "times as fast as 1 worker (dots: every repeat)") == (
        ax.get_xlabel(),
        ax.get_ylabel(),
    )


def test_the_picture_has_words_for_those_who_cannot_see_it():
    assert (
        "Line of speedups. 4 workers: 2.5 times as fast as 1 worker. "
        "1 worker 1.00 times as fast (1.00 s); 2 workers 1.67 times as fast (0.60 s); "
        "4 workers 2.50 times as fast (0.40 s). Cores that are yours: 2."
    ) == alt_text(AMDAHL)


def law_in(ax):
    return next(line for line in ax.lines if line.get_gid() == "amdahl").get_ydata()


def test_the_curve_of_amdahls_law_ends_where_the_law_says():
    assert 2.5 == pytest.approx(law_in(plot_speedup(AMDAHL, serial_fraction=0.2))[-1])


def test_the_curve_of_amdahls_law_carries_its_serial_fraction():
    texts = {text.get_text() for text in plot_speedup(AMDAHL, serial_fraction=0.2).texts}
    assert "Amdahl: 20 % serial" in texts


def test_the_curve_begins_with_the_fewest_workers():
    scaling = Scaling((point(2, 1.0), point(4, 0.7)))
    assert 1 == law_in(plot_speedup(scaling, serial_fraction=0.1))[0]
