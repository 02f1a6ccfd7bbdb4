"""Set-up is done once, done again when it must be, and says what is missing."""

import importlib.util
import json
import platform
import shutil
import sys

import pytest
import set_up


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose set-up writes down what it would do, in `checkout.done`."""
    monkeypatch.setattr(set_up, "CHECKOUT", tmp_path)
    monkeypatch.setattr(set_up, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(set_up, "PYTHON", tmp_path / ".venv" / "python")
    monkeypatch.setattr(set_up, "STAMP", tmp_path / ".venv" / "set-up.json")
    (tmp_path / "pyproject.toml").write_text("[project]")
    done = []

    def make_venv():
        set_up.VENV.mkdir(exist_ok=True)
        set_up.PYTHON.touch()
        done.append("venv")

    def install(extras):
        done.append(extras)
        return True

    monkeypatch.setattr(set_up, "make_venv", make_venv)
    monkeypatch.setattr(set_up, "install", install)
    return done


def test_the_first_call_makes_an_environment_and_installs(checkout):
    set_up.main([])
    assert ["venv", []] == checkout


def test_a_second_call_does_nothing(checkout):
    set_up.main(["--extra", "test"])
    checkout.clear()
    set_up.main(["--extra", "test"])
    assert [] == checkout


def test_lab_does_nothing_after_test(checkout):
    set_up.main(["--extra", "test"])
    checkout.clear()
    set_up.main([])
    assert [] == checkout


def test_an_extra_is_added_to_what_is_there(checkout):
    set_up.main([])
    checkout.clear()
    set_up.main(["--extra", "test"])
    assert [["test"]] == checkout


def test_a_changed_pyproject_is_installed_with_the_extras_that_were_there(checkout):
    set_up.main(["--extra", "test"])
    checkout.clear()
    (set_up.CHECKOUT / "pyproject.toml").write_text("[project] # changed")
    set_up.main([])
    assert [["test"]] == checkout


def test_an_interrupted_set_up_is_started_over(checkout, monkeypatch):
    def interrupted(extras):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(set_up, "install", interrupted)
        set_up.main([])
    checkout.clear()
    set_up.main([])
    assert ["venv", []] == checkout


def test_a_failed_update_keeps_the_environment_and_is_tried_again(checkout, monkeypatch):
    set_up.main([])
    (set_up.CHECKOUT / "pyproject.toml").write_text("[project] # changed")
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match="tries again"):
        patch.setattr(set_up, "install", lambda extras: False)
        set_up.main([])
    checkout.clear()
    set_up.main([])
    assert [[]] == checkout


def test_a_checkout_that_has_moved_gets_a_new_environment(checkout):
    set_up.main([])
    stamp = json.loads(set_up.STAMP.read_text())
    set_up.STAMP.write_text(json.dumps(stamp | {"checkout": "elsewhere"}))
    checkout.clear()
    set_up.main([])
    assert ["venv", []] == checkout


def test_an_environment_of_another_python_is_good_enough(checkout):
    set_up.main([])
    stamp = json.loads(set_up.STAMP.read_text())
    set_up.STAMP.write_text(json.dumps(stamp | {"python": "3.99.0"}))
    checkout.clear()
    set_up.main([])
    assert [] == checkout


def test_a_python_that_was_named_replaces_another_one(checkout):
    set_up.main([])
    stamp = json.loads(set_up.STAMP.read_text())
    set_up.STAMP.write_text(json.dumps(stamp | {"python": "3.99.0"}))
    checkout.clear()
    set_up.main(["--exactly"])
    assert ["venv", []] == checkout


@pytest.mark.usefixtures("checkout")
def test_too_old_a_python_is_named_with_a_remedy(monkeypatch):
    monkeypatch.setattr(set_up, "OLDEST", (99, 0))
    expected = rf"Python 99\.0 or newer, and .*{platform.python_version()}.*\n.*PYTHON=python3"
    with pytest.raises(SystemExit, match=expected):
        set_up.main([])


def test_missing_parts_of_python_are_named_with_their_package(tmp_path, monkeypatch):
    monkeypatch.setattr(set_up, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(set_up, "STAMP", tmp_path / ".venv" / "set-up.json")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    with pytest.raises(SystemExit, match=rf"apt install python{version}-venv .*python3-venv"):
        set_up.make_venv()
