"""Programs are called by what they run; those that serve multiprocessing are no workers."""

import asyncio
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import pytest
from worker_functions import burn

from manybrains import Run, watch
from manybrains.lens import installation
from manybrains.sampler.program_names import helper_name, program_name
from manybrains.workers.platform import LINUX

pytestmark = pytest.mark.usefixtures("nobody_left")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("python -u work/fit.py 3", "fit.py"),
        ("/usr/bin/python3.14t fit.py", "fit.py"),
        (r"C:\Python\python.exe fit.py", "fit.py"),
        ("python -W ignore -X dev fit.py", "fit.py"),
        ("python -Wignore fit.py --name x", "fit.py"),
        ("python -m http.server 8000", "http.server"),
        ("python -Im pkg", "pkg"),
        ("python -c pass", "python -c"),
        ("python -Ic pass", "python -Ic"),
        ("python", "python"),
        ("python -", "python"),
        ("env A=1 B=2 python fit.py", "fit.py"),
        ("env -i sleep 5", "sleep"),
        ("/usr/bin/env", "env"),
        ("bash job.sh", "job.sh"),
        ("sh -c sleep", "sh -c"),
        ("node --sync a.js", "a.js"),
        ("ssh host", "ssh"),
        ("/opt/bin/finish all", "finish"),
        ("docker run --name web nginx", "docker"),
        ("python -m joblib.loky --process-name LokyProcess-1 --pipe 12", "LokyProcess-1"),
        ("sleep 5", "sleep"),
        ("", "program"),
    ],
)
def test_a_program_is_called_by_what_it_runs(line: str, name: str) -> None:
    assert name == program_name(line.split())


@pytest.mark.parametrize("words", [[], [""], [" "], ["/"], ["python", ""]])
def test_what_has_no_name_is_a_program_all_the_same(words: list[str]) -> None:
    assert program_name(words)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["python", "-c", "from multiprocessing.forkserver import main; main(1)"], "fork server"),
        (
            ["python", "-c", "import sys; from multiprocessing.forkserver import main; main(1)"],
            "fork server",
        ),
        (
            ["python", "-c", "from multiprocessing.resource_tracker import main;main(5)"],
            "resource tracker",
        ),
        (
            ["python", "-c", "from joblib.externals.loky.backend.resource_tracker import main; m"],
            "resource tracker",
        ),
        (["python", "-c", "import multiprocessing.forkserver"], ""),
        (["grep", "multiprocessing.forkserver", "a.py"], ""),
        (["python", "-m", "pytest", "tests/test_manybrains.sampler.process.py"], ""),
    ],
)
def test_a_helper_is_known_by_what_it_was_started_with(words: list[str], name: str) -> None:
    assert name == helper_name(words)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A program that takes long enough to be found by looking."""
    path = tmp_path / "simulate.py"
    path.write_text("import time; time.sleep(1.0)")
    return path


def names(run: Run) -> list[str]:
    return [lane.name for lane in run.workers]


def test_the_lane_of_a_program_is_called_by_what_it_runs(code: Path) -> None:
    with watch() as run:
        subprocess.run([sys.executable, "-S", str(code)], check=True)
        subprocess.run(f'"{sys.executable}" -c pass', shell=True, check=True)
    assert "simulate.py" == names(run.run)[0]


def run_program(path: str) -> None:
    subprocess.run([sys.executable, "-S", path], check=True)


@pytest.mark.skipif(not LINUX, reason="only there it is looked for")
def test_a_program_of_a_worker_is_found_and_called_by_what_it_runs(
    start_method: str, code: Path
) -> None:
    with watch() as run:
        worker = multiprocessing.get_context(start_method).Process(
            target=run_program, args=(str(code),), name="worker"
        )
        worker.start()
        worker.join()
    assert ["worker", "simulate.py"] == names(run.run)


def test_asyncio_waits_for_a_program_in_a_thread_that_is_no_lane() -> None:
    async def wait() -> Run:
        with watch() as run:
            program = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "pass")
            await program.wait()
        return run.run

    [name] = names(asyncio.run(wait()))
    assert name.startswith("python")
    assert name.endswith(" -c")


def serve_a_child() -> None:
    """Use a fork server of its own, in a worker."""
    child = multiprocessing.get_context("forkserver").Process(target=burn, args=(0.05,), name="in")
    child.start()
    child.join()
    time.sleep(0.6)  # the fork server is there when somebody looks


@pytest.mark.skipif(not LINUX, reason="only there it is looked for")
def test_a_fork_server_of_a_worker_is_a_helper_and_no_lane() -> None:
    with watch() as run:
        worker = multiprocessing.get_context("spawn").Process(target=serve_a_child, name="out")
        worker.start()
        worker.join()
    assert ["out", "in"] == names(run.run)
    nested = [one for one in run.helpers if one.parent_pid == run.workers[0].pid]
    assert "fork server" in {helper.name for helper in nested}


def square(number: int) -> int:
    return number * number


def test_workers_of_joblib_are_lanes_and_its_helpers_are_none() -> None:
    joblib = pytest.importorskip("joblib")
    installation.install()
    try:
        with watch() as run:
            parallel = joblib.Parallel(n_jobs=2)
            assert [0, 1, 4, 9] == parallel(joblib.delayed(square)(k) for k in range(4))
            time.sleep(0.6)
    finally:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)
        installation.release()
    processes = [lane.name for lane in run.workers if lane.kind == "process"]
    assert ["LokyProcess"] * 2 == [name.partition("-")[0] for name in processes]
    assert () == tuple(lane.name for lane in run.workers if lane.kind == "thread")
