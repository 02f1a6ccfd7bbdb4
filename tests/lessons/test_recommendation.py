"""recommend(): what to begin with, and why, for programs of every kind."""

import dataclasses

import pytest

from manybrains.lessons.recommendation import MANY_WAITS, Recommendation, recommend

WAITS = {"spends": "waiting", "cores": 4, "at_once": 20}
COMPUTES = {"spends": "computing", "cores": 4, "at_once": 100}


# The worked cases of notebook 11, in its order.
@pytest.mark.parametrize(
    ("way", "answers"),
    [
        ("threads", WAITS),
        ("asyncio", WAITS | {"at_once": 5_000, "can_await": True}),
        ("processes", COMPUTES | {"task_seconds": 2}),
        ("threads", COMPUTES | {"at_once": 500, "releases_gil": True}),
        ("leave it serial", COMPUTES | {"at_once": 10**6, "task_seconds": 1e-7}),
        ("leave it serial", COMPUTES | {"at_once": 1}),
    ],
)
def test_a_worked_case_is_recommended_as_the_notebook_says(way, answers):
    assert way == recommend(**answers).way


def test_thousands_of_waits_need_threads_where_something_cannot_await():
    assert "threads" == recommend(**WAITS | {"at_once": 5_000}).way


def test_fewer_waits_need_no_event_loop():
    assert "threads" == recommend(**WAITS | {"at_once": MANY_WAITS - 1, "can_await": True}).way


def test_waiting_does_not_need_cores():
    assert "threads" == recommend(**WAITS | {"cores": 1}).way


def test_on_one_core_computing_is_left_serial():
    assert "leave it serial" == recommend(**COMPUTES | {"cores": 1, "releases_gil": True}).way


def test_under_a_quota_below_two_cores_computing_is_left_serial():
    assert "leave it serial" == recommend(**COMPUTES | {"cores": 1.5}).way


@pytest.mark.parametrize(("message", "way"), [(0.49, "processes"), (0.51, "leave it serial")])
def test_two_workers_save_half_a_task_and_a_message_may_not_take_longer(message, way):
    answers = COMPUTES | {"cores": 2, "task_seconds": 1.0, "message_seconds": message}
    assert way == recommend(**answers).way


def test_two_tasks_use_two_of_many_cores():
    answers = {"cores": 64, "at_once": 2, "task_seconds": 1.0, "message_seconds": 0.6}
    assert "leave it serial" == recommend(**COMPUTES | answers).way


def test_what_releases_the_gil_sends_no_messages():
    answers = COMPUTES | {"releases_gil": True, "message_seconds": 100}
    assert "threads" == recommend(**answers).way


def test_shared_state_changes_the_reason_and_not_the_way():
    plain, sharing = recommend(**COMPUTES), recommend(**COMPUTES | {"shares_state": True})
    assert plain.way == sharing.way == "processes"
    assert plain.because != sharing.because


def test_its_text_is_the_way_and_the_reason():
    assert "threads: they wait" == repr(Recommendation("threads", "they wait"))


def test_it_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        recommend(**WAITS).way = "processes"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"spends": "both"}, "spends is 'both': answer 'waiting' or 'computing'"),
        ({"at_once": 0}, "at_once is 0: give a number from 1 on, such as 8"),
        ({"at_once": "many"}, "at_once is 'many'"),
        ({"at_once": True}, "at_once is True"),
        ({"cores": 0}, "cores is 0: .* this_machine"),
        ({"cores": float("nan")}, "cores is nan"),
        ({"task_seconds": -1}, "task_seconds is -1"),
        ({"message_seconds": None}, "message_seconds is None"),
        ({"can_await": "yes"}, "can_await is 'yes': answer True or False"),
        ({"releases_gil": 1}, "releases_gil is 1"),
        ({"shares_state": None}, "shares_state is None"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        recommend(**WAITS | wrong)


def test_answers_are_given_by_name():
    with pytest.raises(TypeError):
        recommend("waiting", 20, 4)
