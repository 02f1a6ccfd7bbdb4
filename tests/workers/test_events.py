"""Births and ends, as the processes themselves write them down."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from manybrains.workers.events import Event, EventLog, open_to_append, open_to_read, parse


def read_back(path: str) -> list[Event | None]:
    return [parse(line) for line in Path(path).read_bytes().splitlines()]


def as_dict(event: Event | None) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__slots__}


def test_an_event_is_read_back_as_it_was_noted(tmp_path: Path) -> None:
    log, noted = EventLog(str(tmp_path / "log")), {
        "kind": "born", "pid": 7, "thread": 70, "asker": 1, "parent": 2, "requested": 0.1,
        "moment": 0.25, "cpu": 1e-05, "children_cpu": 0.5, "code": -9, "name": "zwei\tWörter\nλ",
    }  # fmt: skip
    log.note(**noted)
    log.note("finished", 8)
    log.close()
    first, second = read_back(log.path)
    assert noted == as_dict(first)
    assert {"kind": "finished", "pid": 8, "name": ""} == {
        name: value for name, value in as_dict(second).items() if value is not None
    }


@pytest.mark.parametrize("line", [b"", b"born", b"born\t7\t", b"born\tx" + b"\t" * 9, b"\xff" * 9])
def test_a_line_that_a_full_disk_has_cut_short_is_no_event(line: bytes) -> None:
    assert parse(line) is None


def test_what_cannot_be_written_is_lost_and_never_raised(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path / "log"))
    log.close()
    log.note("born", 7)
    log.close()
    assert b"" == Path(log.path).read_bytes()


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
