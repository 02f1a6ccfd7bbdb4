"""The benchmarks run, as small as can be: what they find is theirs to say, and no test."""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
PROGRAMS = sorted(
    path.stem for path in BENCHMARKS.glob("*.py") if "main(measure, " in path.read_text("utf-8")
)
pytestmark = pytest.mark.slow
# Some look into the tests, where another `course` is.
IMPORTED = f"""
import importlib, json, sys
import run
path = sys.path[:]
for name in {PROGRAMS}:
    assert callable(importlib.import_module(name).measure), name
    sys.path[:] = path
ceiling = sys.modules["ceiling"]
cells = ceiling.cells_of_the_notebook()
print(json.dumps([sorted(run.BENCHMARKS), len(cells)]))
"""
JUDGED = """
import json
from report import at_least, at_most, interval
many = [*range(24)]
verdicts = [at_most(many, limit) for limit in (17, 16.9, 6, 5.9)]
verdicts += [at_least(many, 6), at_most([], 1)]
print(json.dumps([interval(many), interval([3, 1, 2]), verdicts]))
"""
SMALL = """
import json, sys
from contender import duel
from workloads import WORKLOADS
jobs = [(name, 2) for name in WORKLOADS]
found = duel(("bare", "hooked", "watched", "compared", "scaled"), sys.argv[1], jobs, 1)
print(json.dumps(found))
"""


def ran(*arguments: str, first: Path = BENCHMARKS) -> "subprocess.CompletedProcess[str]":
    """What a Python did that looks for modules in this folder first."""
    path = os.pathsep.join([str(first), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture(scope="module")
def imported() -> list[Any]:
    """Names of the whole, and how many cells the race needs, once all are imported."""
    told = ran("-c", IMPORTED)
    assert told.returncode == 0, told.stderr
    return list(json.loads(told.stdout))


def test_every_benchmark_can_be_imported_and_is_part_of_the_whole(imported):
    assert PROGRAMS == imported[0]


def test_the_notebook_of_the_race_has_what_the_ceiling_is_measured_with(imported):
    assert 3 == imported[1]


def test_an_aim_is_judged_by_the_interval_of_the_median():
    """Of 24 values it goes from the seventh to the last but six, as tables of ranks have it."""
    told = ran("-c", JUDGED)
    verdicts = [True, None, None, False, True, None]
    assert [[6, 17], [1, 3], verdicts] == json.loads(told.stdout)


def test_a_name_that_is_no_benchmark_is_refused():
    told = ran(str(BENCHMARKS / "run.py"), "accurate")
    assert "no benchmark is called accurate: see --help" in told.stderr


def test_every_workload_runs_under_every_condition():
    told = ran("-c", SMALL, multiprocessing.get_start_method())
    assert told.returncode == 0, told.stderr
    assert {1} == {
        len(runs) for figures in json.loads(told.stdout).values() for runs in figures.values()
    }


def test_a_benchmark_that_fails_is_named_and_the_others_are_reported(tmp_path):
    broken, results = tmp_path / "broken", tmp_path / "results"
    broken.mkdir()
    (broken / "nbclient.py").write_text("raise ImportError('nothing but a test')")
    options = ["--quick", "--repeats", "1", "--results", str(results)]
    told = ran(str(BENCHMARKS / "run.py"), "startup", "peers", *options, first=broken)
    report = (results / "report.md").read_text("utf-8")
    named = "startup (exit code 1)"
    assert (1, True, True, True) == (
        told.returncode,
        named in told.stderr and "ImportError: nothing but a test" in told.stderr,
        named in report,
        "| manybrains |" in report,
    ), told.stdout + told.stderr
