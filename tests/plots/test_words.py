"""Words that several pictures use."""

import pytest

from manybrains.plots.words import exit_words, shortened


@pytest.mark.parametrize(("system", "number"), [("Linux", 7), ("Darwin", 10)])
def test_a_bus_error_has_its_name_on_each_system(system, number):
    assert "SIGBUS" == exit_words(-number, system)


def test_a_long_name_keeps_its_begin_and_its_number():
    assert "ForkPool…der-12" == shortened("ForkPoolWorkerOfTheReader-12", 15)


def test_a_shortened_name_is_no_longer_than_asked_for():
    assert [] == [most for most in range(4, 40) if len(shortened("abcdefghij " * 9, most)) > most]
