"""Evidence: a cell of the final table, and whether the word of the course holds in it."""

import pytest

from manybrains.lessons.evidence import COURSE, UNTOLD, WAYS, Evidence

NO = Evidence("parallel CPU", "threading", "no", "1.02 cores at most")
YES = Evidence("parallel CPU", "threading", "yes", "1.98 cores at most")
UNKNOWN = Evidence("parallel CPU", "threading", UNTOLD, "0.98 cores at most")


def test_the_table_has_a_word_in_each_of_fifteen_cells():
    words = [word for verdicts in COURSE.values() for word in verdicts]
    assert 15 == len([word for word in words if word]) == len(COURSE) * len(WAYS)


@pytest.mark.parametrize(
    ("way", "word"), [*zip(WAYS, ["yes", "single thread", "no"], strict=True)], ids=WAYS
)
def test_the_word_of_the_course_is_that_of_its_cell(way, word):
    assert word == Evidence("GIL in the way", way, "yes", "measured").course


def test_a_verdict_like_that_of_the_course_holds():
    assert "holds: parallel CPU, threading: no (1.02 cores at most)" == repr(NO)


def test_a_verdict_of_its_own_is_told_beside_that_of_the_course():
    assert "does not hold: parallel CPU, threading: no (here yes: 1.98 cores at most)" == repr(YES)


def test_what_cannot_be_told_says_so_and_what_was_measured():
    line = "cannot be told here: parallel CPU, threading: no (0.98 cores at most)"
    assert line == repr(UNKNOWN)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("parallel cpu", "threading", "no", "1"), "no row is called 'parallel cpu': choose one"),
        (("parallel CPU", "threads", "no", "1"), "no column is called 'threads': choose one of"),
        (("parallel CPU", "threading", "", "1"), "verdict is ''"),
        (("parallel CPU", "threading", "no", 1.02), "measured is 1.02"),
        (("parallel CPU", "threading", "no", "one\ntwo"), "on one line"),
    ],
)
def test_what_is_no_cell_of_the_table_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Evidence(*wrong)
