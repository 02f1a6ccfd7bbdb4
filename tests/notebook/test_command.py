"""The command `manybrains`: the course beside the reader, and nothing of theirs lost."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from manybrains.notebook import command

CHECKOUT = Path(__file__).resolve().parents[2]
FIRST = "notebooks/00-start-here.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course as an installed package has it; the test may change it."""
    root = tmp_path / "package"
    shutil.copytree(CHECKOUT / "notebooks", root / "course" / "notebooks")
    shutil.copytree(CHECKOUT / "docs", root / "course" / "docs", ignore=lambda *_: {"_build"})
    monkeypatch.setattr(command, "_PACKAGE", root)
    return root / "course"


def test_the_course_of_a_clone_is_copied_whole(tmp_path):
    new, kept = command.copy_course(tmp_path / "mine")
    notebooks = {f"notebooks/{path.name}" for path in (CHECKOUT / "notebooks").glob("*.ipynb")}
    assert ([], set()) == (kept, notebooks - set(new))
    for name in new:
        assert (tmp_path / "mine" / name).read_bytes() == (CHECKOUT / name).read_bytes()
    assert not any("_build" in name or "checkpoint" in name for name in new)


def test_links_of_the_copied_notebooks_lead_to_copied_files(tmp_path):
    import re

    command.copy_course(tmp_path)
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        text = "".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])
        for target in re.findall(r"\]\((?!http|#)([^)#]+)[^)]*\)", text):
            assert (path.parent / target).exists(), (path.name, target)


def test_a_second_call_copies_nothing(tmp_path):
    command.copy_course(tmp_path)
    assert ([], []) == command.copy_course(tmp_path)


def test_what_the_reader_has_changed_is_kept_and_only_told_if_there_is_a_new_version(
    course, tmp_path
):
    mine = tmp_path / "mine"
    command.copy_course(mine)
    (mine / FIRST).write_text("solved")
    assert ([], []) == command.copy_course(mine)
    (course / FIRST).write_text("a new version")
    assert ([], [FIRST]) == command.copy_course(mine)
    assert "solved" == (mine / FIRST).read_text()


def test_a_file_that_the_reader_has_not_changed_gets_its_new_version(course, tmp_path):
    mine = tmp_path / "mine"
    command.copy_course(mine)
    (course / FIRST).write_text("a new version")
    assert ([FIRST], []) == command.copy_course(mine)
    assert "a new version" == (mine / FIRST).read_text()


def test_a_file_that_was_removed_or_renamed_comes_again(course, tmp_path):
    mine = tmp_path / "mine"
    command.copy_course(mine)
    (mine / FIRST).rename(mine / "notebooks" / "mine.ipynb")
    assert ([FIRST], []) == command.copy_course(mine)
    assert (mine / "notebooks" / "mine.ipynb").exists()


def test_a_folder_of_the_readers_own_loses_nothing(course, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / FIRST).write_text("not of this course")
    new, kept = command.copy_course(tmp_path)
    assert ([FIRST], False) == (kept, FIRST in new)
    assert "not of this course" == (tmp_path / FIRST).read_text()


def test_a_note_that_cannot_be_read_counts_as_none(course, tmp_path):
    command.copy_course(tmp_path)
    (tmp_path / ".manybrains.json").write_text("{")
    assert ([], []) == command.copy_course(tmp_path)


def test_a_folder_that_is_a_file_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=r"cannot be copied to .*Name another folder"):
        command.main([str(tmp_path / "file"), "--no-lab"])


def test_the_command_copies_says_so_and_opens_the_first_notebook(tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(
        subprocess, "call", lambda line, cwd, env: called.append((line, cwd, env)) or 0
    )
    with pytest.raises(SystemExit) as left:
        command.main([str(tmp_path / "mine")])
    [(line, folder, environment)] = called
    assert (0, tmp_path / "mine", "1") == (
        left.value.code, folder, environment["JUPYTER_PREFER_ENV_PATH"]
    )  # fmt: skip
    assert [sys.executable, "-m", "jupyterlab"] == line[:3]
    assert f"--LabApp.default_url=/lab/tree/{FIRST}" in line
    assert " files copied." in capsys.readouterr().out
