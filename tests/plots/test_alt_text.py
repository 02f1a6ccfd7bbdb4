"""Pictures in words."""

import pytest
from pictures import DUEL, RACE, TURNS

from manybrains.plots.alt_text import alt_text


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


def test_data_that_cannot_be_drawn_is_refused():
    with pytest.raises(TypeError, match=r"alt_text takes .* not 3"):
        alt_text(3)
