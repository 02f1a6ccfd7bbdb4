"""The sales are the same everywhere, and a folder without room is named."""

import errno
from pathlib import Path

import pytest

from manybrains import write_sales


def test_each_file_has_a_header_and_the_lines_asked_for(tmp_path):
    paths = write_sales(tmp_path, files=2, lines=30)
    for path in paths:
        header, *lines = path.read_text().splitlines()
        assert "shop,item,cents" == header
        assert [[2, 4, 3]] * 30 == [[len(part) for part in line.split(",")] for line in lines]


def test_the_seed_of_a_file_is_its_number(tmp_path):
    (tmp_path / "again").mkdir()
    first, second = (path.read_bytes() for path in write_sales(tmp_path, 2, 9))
    assert first != second
    assert [first, second] == [path.read_bytes() for path in write_sales(tmp_path / "again", 2, 9)]


def test_a_folder_without_room_is_named_with_advice(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: the files need 43 MB in .*TMPDIR"):
        write_sales(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match="No such file or directory: the files need"):
        write_sales(tmp_path / "nowhere", 1, 1)
