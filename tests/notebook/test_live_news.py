"""The messages about a growing run: small, however long it is and however many workers it has."""

import json

import pytest

from manybrains.lens.growing_run import News
from manybrains.notebook.live_news import MOST_LOOKS, MOST_ROWS, YOUNG, LiveNews
from manybrains.records.run import Lane, Sample

MAIN = Lane("main", "MainProcess", 1, started=0.0)


def worker(number: int, **fields) -> Lane:
    moment = {"requested": number / 100, "started": number / 100 + 0.001}
    return Lane("process", f"Process-{number}", 100 + number, 1, **{**moment, **fields})


def looks(*moments: float, lane: int = 0) -> list[Sample]:
    return [Sample(time, lane, time / 2, 1) for time in moments]


def ids(message: LiveNews) -> list[int]:
    return [row["id"] for row in message.rows]


def test_a_message_is_json_with_a_row_for_each_lane_and_the_looks() -> None:
    message = LiveNews(3, "duel")
    lanes = {0: MAIN, 1: worker(1, ended=0.5, cpu_seconds=0.25, exit_code=-9)}
    message.take(News(0.6, lanes, looks(0.2, lane=1)))
    main, other = json.loads(json.dumps(message.rows))
    assert {"id": 0, "kind": "main", "name": "MainProcess", "ended": None}.items() <= main.items()
    assert {
        "id": 1, "kind": "process", "name": "Process-1", "requested": 0.01, "started": 0.011,
        "ended": 0.5, "cpu": 0.25, "failed": True, "ending": "SIGKILL",
    } == other  # fmt: skip
    assert {
        "run": 3, "name": "duel", "now": 0.6, "workers": 1, "over": False,
        "looks": [[1, 0.2, 0.1, 1]],
    } == json.loads(json.dumps(message.content(is_over=False)))  # fmt: skip


def test_each_message_has_all_looks_while_the_browser_may_still_be_loading() -> None:
    message = LiveNews(1, "run")
    message.take(News(0.3, {0: MAIN}, looks(0.1, 0.2)))
    message.take(News(0.6, {}, looks(0.4)))
    assert [0.1, 0.2, 0.4] == [look[1] for look in message.content(False)["looks"]]


def test_later_a_message_has_only_what_is_new() -> None:
    message = LiveNews(1, "run")
    message.take(News(0.3, {0: MAIN}, looks(0.1)))
    for moment in (YOUNG + 1, YOUNG + 2):
        message.take(News(moment, {}, looks(moment - 0.1)))
        assert [moment - 0.1] == pytest.approx(
            [look[1] for look in message.content(False)["looks"]]
        )


def test_a_message_has_at_most_so_many_looks_the_newest() -> None:
    message = LiveNews(1, "run")
    message.take(News(90.0, {0: MAIN}, looks(*(n / 100 for n in range(2 * MOST_LOOKS)))))
    sent = message.content(False)["looks"]
    assert (MOST_LOOKS, (2 * MOST_LOOKS - 1) / 100) == (len(sent), sent[-1][1])


def test_of_many_workers_those_that_ended_first_are_left_out() -> None:
    message = LiveNews(1, "run")
    message.take(News(0.0, {0: MAIN}, ()))
    for number in range(1, 1001):
        ended = None if number in (5, 6) else number / 100 + 0.005
        message.take(News(number / 100, {number: worker(number, ended=ended)}, ()))
    assert MOST_ROWS == len(message.rows)
    assert [0, 5, 6, *range(1001 - MOST_ROWS + 3, 1001)] == ids(message)
    assert 1000 == message.content(False)["workers"]


def test_of_many_workers_at_once_the_first_are_shown() -> None:
    message = LiveNews(1, "run")
    message.take(News(9.0, {0: MAIN} | {n: worker(n) for n in range(1, 101)}, looks(8, lane=99)))
    assert [*range(MOST_ROWS)] == ids(message)
    assert [] == message.content(False)["looks"]
    again = {99: worker(99, ended=9.5)}
    message.take(News(9.6, again, looks(9.1, lane=99)))
    assert [*range(MOST_ROWS)] == ids(message)


def test_an_hour_of_messages_stays_small() -> None:
    message, most = LiveNews(1, "run"), 0
    for tick in range(3600 * 3):
        now = tick / 3
        message.take(News(now, {0: MAIN} if not tick else {}, looks(now - 0.1, now - 0.2)))
        if not tick % 100:
            most = max(most, len(json.dumps([message.rows, message.content(False)])))
    assert most < 4_000
