"""Outcomes: what the reader predicted and solved, said once at the end of a notebook."""

import pytest

from manybrains.lessons import outcomes as of
from manybrains.lessons.outcomes import exercise, outcomes
from manybrains.lessons.predictions import predict

QUESTION = "How long will two threads take?"


@pytest.fixture(autouse=True)
def nothing_so_far(monkeypatch):
    monkeypatch.setattr(of, "_predictions", {})
    monkeypatch.setattr(of, "_solved", {})


def predicted(question, choice, measured):
    prediction = predict(question, "half as long", "as long")
    if choice is not None:
        prediction.choose(choice)
    if measured is not None:
        prediction.compare(measured)


def said(capsys, *exercises):
    capsys.readouterr()
    outcomes(*exercises)
    return capsys.readouterr().out


def test_a_kernel_without_outcomes_gets_a_sentence(capsys):
    assert "No prediction and no exercise so far.\n" == said(capsys)


def test_predictions_that_came_true_are_counted_and_the_others_are_told(capsys):
    predicted("Which first?", 0, 0)
    predicted(QUESTION, 0, 1)
    told = f'- {QUESTION} You said "half as long"; it was "as long": look again.'
    assert f"Predictions: 1 of 2 came true.\n{told}\n" == said(capsys)


@pytest.mark.parametrize(
    ("choice", "measured", "how"),
    [(None, 1, "not made"), (None, None, "not made"), (1, None, "not judged")],
)
def test_a_prediction_without_choice_or_measurement_did_not_come_true(
    capsys, choice, measured, how
):
    predicted(QUESTION, choice, measured)
    assert f"Predictions: 0 of 1 came true, 1 {how}.\n" == said(capsys)


def test_a_prediction_that_is_made_again_counts_once(capsys):
    predicted(QUESTION, 0, 1)
    predicted(QUESTION, 1, 1)
    assert "Predictions: 1 of 1 came true.\n" == said(capsys)


def test_an_exercise_says_what_is_wrong_or_that_it_is_solved(capsys):
    exercise("find", "two are missing")
    exercise("find", "", "all were found")
    exercise("find", "")
    assert (
        "not solved yet: two are missing\nsolved: all were found\nsolved\n"
        == capsys.readouterr().out
    )


def test_of_several_problems_the_first_that_is_there_is_said(capsys):
    exercise("find", {"too few": 0, "too late": [1], "not sorted": True})
    exercise("find", {"too few": 0, "": ""}, "ten of ten")
    assert "not solved yet: too late\nsolved: ten of ten\n" == capsys.readouterr().out


def test_exercises_that_are_open_are_named_also_if_they_were_not_tried(capsys):
    exercise("find", "")
    exercise("count", "no")
    assert "Exercises: 1 of 3 solved; open: sort, count.\n" == said(capsys, "find", "sort", "count")


def test_an_exercise_that_is_solved_later_is_solved(capsys):
    exercise("find", "no")
    exercise("find", "")
    assert "Exercises: 1 of 1 solved.\n" == said(capsys, "find")


def test_an_exercise_that_breaks_again_is_open(capsys):
    exercise("find", "")
    exercise("find", "no")
    assert "Exercises: 0 of 1 solved; open: find.\n" == said(capsys)
