"""Births and deaths, as the processes themselves write them down."""

from pathlib import Path

import pytest

from manybrains.journal import Journal
from manybrains.lives import Life, Lives


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal"))


def lives_of(journal: Journal) -> list[Life]:
    return Lives(journal.path).read()


def test_a_whole_life_is_read_back(journal: Journal) -> None:
    journal.note("asked", 7, 1, 0.5, name="Process-1")
    journal.note("born", 7, 1, 0.6, name="Process-1")
    journal.note("died", 7, 2.0, 1.25, 0.0, 0)
    [life] = lives_of(journal)
    assert (7, 1, "Process-1", 0.5, 0.6, 2.0, 1.25, 0) == (
        life.pid,
        life.parent_pid,
        life.name,
        life.requested,
        life.started,
        life.ended,
        life.cpu_seconds,
        life.exit_code,
    )


def test_a_worker_may_speak_before_its_parent_does(journal: Journal) -> None:
    journal.note("born", 7, 1, 0.6, name="Process-1")
    journal.note("died", 7, 0.9, 0.1, 0.0, 0)
    journal.note("asked", 7, 1, 0.5, name="Process-1")
    assert [0.5] == [life.requested for life in lives_of(journal)]


def test_a_pid_that_is_used_again_is_another_life(journal: Journal) -> None:
    for begin in (0.0, 10.0):
        journal.note("asked", 7, 1, begin, name="worker")
        journal.note("born", 7, 1, begin + 1, name="worker")
        journal.note("died", 7, begin + 2, 0.1, 0.0, 0)
    assert [0.0, 10.0] == [life.requested for life in lives_of(journal)]


def test_threads_of_one_process_are_lives_of_their_own(journal: Journal) -> None:
    journal.note("thread_born", 7, 70, 0.1, 0.2, name="a")
    journal.note("thread_born", 7, 71, None, 0.3, name="b")
    journal.note("thread_died", 7, 70, 0.9, 0.4)
    assert [(70, 0.9), (71, None)] == [(one.thread_id, one.ended) for one in lives_of(journal)]


def test_the_kernels_account_counts_before_the_workers_own(journal: Journal) -> None:
    journal.note("died", 7, 2.0, 1.0, 0.0, 0)
    journal.note("reaped", 7, 2.1, 0, 1.001)
    assert 1.001 == lives_of(journal)[0].cpu_seconds


def test_the_cpu_time_of_a_workers_own_children_is_not_its_own(journal: Journal) -> None:
    journal.note("died", 7, 2.0, 1.0, 0.5, 0)
    journal.note("reaped", 7, 2.1, 0, 1.501)
    assert pytest.approx(1.001) == lives_of(journal)[0].cpu_seconds


def test_a_name_may_hold_tabs_line_breaks_and_any_script(journal: Journal) -> None:
    journal.note("asked", 7, 1, 0.5, name="zwei\tWörter\nλ")
    assert "zwei\tWörter\nλ" == lives_of(journal)[0].name


def test_reading_goes_on_where_it_stopped(journal: Journal) -> None:
    lives = Lives(journal.path)
    journal.note("asked", 7, 1, 0.5, name="a")
    first = len(lives.read())
    journal.note("asked", 8, 1, 0.6, name="b")
    assert (1, 2) == (first, len(lives.read()))


def test_those_long_gone_can_be_forgotten(journal: Journal) -> None:
    lives = Lives(journal.path)
    journal.note("died", 7, 2.0, 1.0, 0.0, 0)
    journal.note("asked", 8, 1, 0.5, name="b")
    lives.read()
    lives.forget_before(3.0)
    assert [8] == [life.pid for life in lives.all]
