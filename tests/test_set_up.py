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


def test_a_set_up_says_each_step_and_how_long_it_took(checkout, capsys):
    set_up.main(["--extra", "test"])
    lines = capsys.readouterr().out.splitlines()
    assert (4, True) == (len(lines), lines[0].endswith(": once, about a minute."))
    assert "- making the virtual environment" == lines[1]
    assert "- fetching and installing what the notebooks need, and the extra test" == lines[2]
    assert lines[-1].startswith("Set up in ")


def test_an_update_does_not_say_that_it_makes_an_environment(checkout, capsys):
    set_up.main([])
    capsys.readouterr()
    set_up.main(["--extra", "test"])
    assert "virtual environment" not in capsys.readouterr().out


def test_a_set_up_that_fails_says_what_helps(checkout, monkeypatch):
    monkeypatch.setattr(set_up, "install", lambda extras: False)
    with pytest.raises(SystemExit, match="HTTPS_PROXY") as failed:
        set_up.main([])
    assert "PYTHON=python3" in str(failed.value)


PIP = """
for number in range(45):
    print("Collecting package", number)
    print("  Downloading it")
print("Installing collected packages: many")
raise SystemExit({code})
"""


def test_hundreds_of_lines_of_pip_are_a_few(checkout, capfd):
    assert set_up.tell_of_pip([sys.executable, "-c", PIP.format(code=0)])
    expected = ["20 packages found so far", "40 packages found so far"]
    expected.append("45 packages are here: unpacking them")
    assert expected == [line.strip() for line in capfd.readouterr().out.splitlines()]


def test_all_that_pip_said_is_shown_if_it_fails(checkout, capfd):
    assert not set_up.tell_of_pip([sys.executable, "-c", PIP.format(code=1)])
    assert "Collecting package 44\n  Downloading it" in capfd.readouterr().out


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
