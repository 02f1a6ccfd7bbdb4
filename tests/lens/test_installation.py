"""What is hooked comes with the first who wants it, and goes with the last."""

import functools
import importlib
import os
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from multiprocessing import Process
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import psutil
import pytest

from manybrains import count, watch
from manybrains.hooks.start_hooks import HOOKS_OF_EVERY_PROCESS
from manybrains.lens import installation
from manybrains.notebook.spawn_hooks import HOOKS_OF_A_NOTEBOOK
from manybrains.workers.session import Session, current_session

pytestmark = pytest.mark.usefixtures("nobody_left")


def test_uninstalling_restores_everything() -> None:
    installation.uninstall()
    owners = {(owner, name) for owner, name, _ in _table()}
    before = {key: vars(key[0]).get(key[1]) for key in owners}
    installation.install()
    installation.uninstall()
    assert before == {key: vars(key[0]).get(key[1]) for key in owners}


def test_what_is_imported_later_is_hooked_then_and_restored_as_well() -> None:
    code = (
        "import sys; from manybrains.lens import installation; installation.install(); "
        "assert 'multiprocessing.pool' not in sys.modules; import importlib.util; "
        "importlib.util.find_spec('multiprocessing.pool'); from multiprocessing import pool; "
        "print(hasattr(pool.Pool._setup_queues, '__wrapped__')); finders = len(sys.meta_path); "
        "installation.uninstall(); print(hasattr(pool.Pool._setup_queues, '__wrapped__')); "
        "print(finders - len(sys.meta_path))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ["True", "False", "1"] == done.stdout.split()


def _table() -> list[tuple[object, str, object]]:
    tables = [*HOOKS_OF_EVERY_PROCESS.items(), *installation.HOOKS_OF_THE_PARENT.items()]
    tables += HOOKS_OF_A_NOTEBOOK.items()
    return [hook for name, table in tables for hook in table(importlib.import_module(name))]


@pytest.fixture
def session() -> Iterator[Session]:
    """The hooks, which stay while the test runs, as they do in a notebook."""
    yield installation.install()
    installation.release()


def test_with_the_last_watched_block_of_a_script_everything_goes() -> None:
    before = list(sys.meta_path)
    with watch():
        with watch():
            session = current_session()
            assert session is not None
            helpers = list(session.helpers)
        assert session is current_session()
    assert current_session() is None
    assert before == sys.meta_path
    assert not hasattr(BaseProcess.start, "__wrapped__")
    assert not Path(session.folder).exists()
    assert [False] == [psutil.pid_exists(pid) for pid in helpers]


def test_what_somebody_wants_stays_until_nobody_does(session: Session) -> None:
    with watch():
        pass
    assert session is current_session()
    assert [True] == [psutil.pid_exists(pid) for pid in session.helpers]


def test_a_wrapper_that_another_tool_has_put_around_ours_stays() -> None:
    plain, calls = BaseProcess.start, []
    with watch():
        ours = BaseProcess.start

        @functools.wraps(ours)
        def theirs(self: BaseProcess) -> None:
            calls.append(self.name)
            ours(self)

        BaseProcess.start = theirs  # type: ignore[method-assign]
    try:
        assert BaseProcess.start is theirs
        with watch() as run:  # ours is inside of theirs: not once more around it
            worker = Process(target=int, name="worker")
            worker.start()
            worker.join()
        assert BaseProcess.start is theirs
    finally:
        BaseProcess.start = plain  # type: ignore[method-assign]
    assert (["worker"], ["worker"]) == (calls, [lane.name for lane in run.workers])


def test_a_program_that_nobody_named_is_started_and_no_error_follows(session: Session) -> None:
    assert 0 == subprocess.run("", shell=True, check=False).returncode


def test_a_thread_of_a_module_whose_name_begins_like_the_machinery_is_a_lane() -> None:
    work = types.FunctionType(count.__code__, {**count.__globals__})
    work.__module__ = "multiprocessing_exercise"
    with watch() as run:
        thread = threading.Thread(target=work, args=(1_000,), name="reader's")
        thread.start()
        thread.join()
    assert ["reader's"] == [lane.name for lane in run.workers]


def test_small_shared_memory_is_not_taken_page_by_page(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: pytest.fail("taken"), raising=False)
    block = SharedMemory(create=True, size=1_000)
    block.close()
    block.unlink()


def test_the_temporary_folder_is_private(session: Session) -> None:
    folder = Path(session.folder)
    assert {"0o700"} == {mode_of(path) for path in (folder, folder / "events")}
    assert {"0o600"} == {mode_of(path) for path in folder.rglob("*") if path.is_file()}


def mode_of(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)
