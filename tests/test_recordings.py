"""What other machines did: recordings that the notebooks show beside the reader's own runs."""

import datetime
import platform
import re
import runpy
from pathlib import Path

import pytest

from manybrains import Scaling

FOLDER = Path(__file__).resolve().parent.parent / "notebooks" / "recordings"
RECORDINGS = sorted(FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def recorder():
    return runpy.run_path(str(FOLDER / "record.py"))


def test_there_is_a_recording():
    assert RECORDINGS


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_says_when_and_how_it_was_made(path):
    note = r"recorded on (\d{4}-\d\d-\d\d) by `make recordings`, \d+ tasks count to [\d,]+"
    told = re.fullmatch(note, Scaling.load(path).note)
    assert told
    assert datetime.date.fromisoformat(told[1])


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_is_named_after_its_machine(path):
    assert f"scaling-{Scaling.load(path).machine.cores_yours:g}-cores" == path.stem


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_names_no_host_and_no_place(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/\w|[A-Z]:\\", text)
    assert not re.search(rf"\b{re.escape(platform.node() or '-')}\b", text)


@pytest.mark.usefixtures("nobody_left")
def test_a_scaling_is_recorded_as_it_was_measured(recorder, tmp_path):
    scaling = Scaling.load(recorder["record"](tmp_path, [1_000] * 4, (1, 2), 1))
    assert [(1, 1), (2, 1)] == [(point.workers, len(point.runs)) for point in scaling.points]


@pytest.mark.parametrize(
    ("cores", "numbers"),
    [
        (1, [1, 2, 4]),
        (1.5, [1, 2, 4]),
        (6, [1, 2, 4, 6, 12]),
        (16, [1, 2, 4, 8, 16, 32]),
        (96, [1, 2, 4, 8, 16, 30, 60]),
    ],
)
def test_up_to_twice_as_many_workers_as_cores_are_tried(recorder, cores, numbers):
    assert numbers == recorder["numbers_of_workers"](cores)
