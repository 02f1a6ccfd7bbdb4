"""Births and deaths, as the processes themselves write them down."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from manybrains.lens.lifetimes import Life, Lives
from manybrains.workers.events import Journal, open_to_append, open_to_read


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


APPEND = """
import os, sys
from manybrains.workers.events import open_to_append
target = open_to_append(sys.argv[1])
for number in range(2_000):
    os.write(target, f"{sys.argv[2]} {number} {'x' * (number % 90)}\\n".encode())
"""


def test_what_several_processes_append_at_once_stays_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    writers = [
        subprocess.Popen([sys.executable, "-c", APPEND, path, str(writer)]) for writer in range(4)
    ]
    assert [0] * 4 == [writer.wait(60) for writer in writers]
    with os.fdopen(open_to_read(path), "rb") as file:
        lines = file.read().decode("ascii").splitlines()
    wanted = [f"{w} {n} {'x' * (n % 90)}" for w in range(4) for n in range(2_000)]
    assert sorted(wanted) == sorted(lines)


def test_every_byte_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path, written = str(tmp_path / "file"), bytes(range(256)) + b"\r\n\n\r\x1a\n"
    target, source = open_to_append(path), open_to_read(path)
    os.write(target, written)
    os.write(target, written)
    assert 2 * written == os.read(source, 10_000)
    os.close(target)
    os.close(source)


def test_on_windows_a_handle_that_may_only_append_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []
    winapi = SimpleNamespace(CreateFile=lambda *words: asked.append(words) or 77)
    msvcrt = SimpleNamespace(open_osfhandle=lambda handle, _: handle + 1)
    monkeypatch.setitem(sys.modules, "_winapi", winapi)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "O_NOINHERIT", 0x80, raising=False)
    assert 78 == open_to_append(str(tmp_path / "file"))
    [(path, access, shared, _, how, *_)] = asked
    may_write_anywhere = 0x0002
    assert (str(tmp_path / "file"), 7, 4) == (path, shared, how)
    assert access & 0x0004
    assert not access & may_write_anywhere
