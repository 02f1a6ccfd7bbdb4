"""A worker that cannot be born: who waits gets the error, and no pool replaces it for ever."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.managers import SyncManager
from pathlib import Path
from typing import Any

import failing_births as w
import pytest
from conftest import START_METHODS

from manybrains.lens import installation
from manybrains.workers.session import current_session

LINE = w.fail.__code__.co_firstlineno + 1
NOT_FORKED = [method for method in multiprocessing.get_all_start_methods() if method != "fork"]
SECONDS = 30  # by which an answer is there, on a busy machine
pytestmark = [pytest.mark.usefixtures("nobody_left"), pytest.mark.timeout(90)]


@pytest.fixture(autouse=True)
def hooked() -> Iterator[None]:
    """The hooks, as in a notebook or a watched block."""
    installation.install()
    yield
    installation.release()


# What goes the same way under every start method is tried under the default alone.
any_method = pytest.mark.parametrize("start_method", START_METHODS[:1])


def pool_of(method: str, workers: int = 2, **keywords: Any) -> Any:
    return multiprocessing.get_context(method).Pool(workers, **keywords)


def started() -> int:
    """How many workers were started by now."""
    session = current_session()
    assert session is not None
    return Path(session.log.path).read_text(encoding="ascii").count("requested")


# How an answer is asked for.
WAYS: dict[str, Callable[[Any], object]] = {
    "apply": lambda pool: pool.apply(w.double, (1,)),
    "map": lambda pool: pool.map(w.double, range(100), chunksize=3),
    "starmap": lambda pool: pool.starmap(w.double, [(1,), (2,)]),
    "imap": lambda pool: next(pool.imap(w.double, range(100))),
    "imap in chunks": lambda pool: next(pool.imap(w.double, range(100), chunksize=7)),
    "imap_unordered": lambda pool: next(pool.imap_unordered(w.double, range(100))),
    "apply_async": lambda pool: pool.apply_async(w.double, (1,)).get(SECONDS),
    "map_async": lambda pool: pool.map_async(w.double, range(9)).get(SECONDS),
    "a task that fills the pipe": lambda pool: pool.map(len, [bytes(300_000)] * 9, chunksize=1),
}


@any_method
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_of_a_pool_is_the_error_of_its_initializer(start_method: str, way: str) -> None:
    with (
        pool_of(start_method, initializer=w.fail) as pool,
        pytest.raises(ValueError, match="no such table") as caught,
    ):
        WAYS[way](pool)
    assert f'failing_births.py", line {LINE}, in fail' in str(caught.value.__cause__)
    [note] = caught.value.__notes__
    assert note.startswith("The initializer failed in 3 workers in the same way (")
    assert (
        f"failing_births.py, line {LINE}), so no more are started. To try it, call it here" in note
    )


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_a_pool_starts_no_storm(start_method: str, tmp_path: Path, workers: int) -> None:
    with (
        pool_of(start_method, workers, initializer=w.count, initargs=(str(tmp_path),)) as pool,
        pytest.raises(ValueError, match="no such table"),
    ):
        pool.map(w.double, [1])
    pool.join()
    assert 3 <= len(list(tmp_path.iterdir())) <= workers + 3


@pytest.mark.parametrize("start_method", NOT_FORKED)
@pytest.mark.parametrize(
    ("argument", "kind", "remedy"),
    [
        (w.Unreadable(), LookupError, "try `pickle.loads(pickle.dumps(argument))`"),
        (w.OnlyHere(), ImportError, "A worker imports modules anew: install what is missing"),
    ],
)
def test_what_no_worker_can_read_is_the_answer_of_a_pool_at_once(
    start_method: str, argument: Any, kind: type[Exception], remedy: str
) -> None:
    before = started()
    with (
        pool_of(start_method, 1, initializer=w.nothing, initargs=(argument,)) as pool,
        pytest.raises(kind) as caught,
    ):
        pool.map(w.double, [1])
    assert before + 1 == started()
    [note] = caught.value.__notes__
    assert note.startswith("A worker cannot start: it cannot read what it is sent at its start")
    assert remedy in note
    assert "multiprocessing" not in str(caught.value.__cause__)


def test_workers_write_nothing_where_the_answer_says_it(
    start_method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        pool_of(start_method, 8, initializer=w.fail) as pool,
        pytest.raises(ValueError, match="table"),
    ):
        pool.map(w.double, [1])
    with (
        ProcessPoolExecutor(
            4, multiprocessing.get_context(start_method), initializer=w.fail
        ) as executor,
        pytest.raises(BrokenProcessPool),
    ):
        executor.submit(w.double, 1).result(SECONDS)
    assert "" == capfd.readouterr().err


ENDS = [
    (w.leave_at_once, (3,), "3 workers ended with exit code 3 each, .*`os._exit`"),
    (w.leave_at_once, (0,), "3 workers ended with exit code 0 each, before the first task"),
    (w.leave, (3,), "SystemExit: 3"),
]
if os.name == "posix":
    ENDS.append((w.be_killed, (), "exit code -9 each, .*SIGKILL.*memory"))


@pytest.mark.parametrize(("end", "arguments", "words"), ENDS)
def test_a_worker_that_ends_at_its_birth_is_told_with_its_exit_code(
    start_method: str, end: Any, arguments: Any, words: str
) -> None:
    with (
        pool_of(start_method, initializer=end, initargs=arguments) as pool,
        pytest.raises(RuntimeError, match=words),
    ):
        pool.map(w.double, [1])


def test_a_pool_that_has_ended_can_be_closed_joined_and_terminated(start_method: str) -> None:
    pool = pool_of(start_method, initializer=w.fail)
    with pytest.raises(ValueError, match="table"):
        pool.map(w.double, [1])
    pool.close()
    pool.join()
    pool.terminate()
    pool.join()
    with pytest.raises(ValueError, match="no such table"):
        pool.map(w.double, [1])
    with pytest.raises(ValueError, match="no such table"), pool:
        pass


@any_method
def test_who_joins_a_pool_without_asking_for_its_answers_gets_the_error(start_method: str) -> None:
    pool = pool_of(start_method, initializer=w.fail)
    answer = pool.apply_async(w.double, (1,))
    pool.close()
    with pytest.raises(ValueError, match="no such table"):
        pool.join()
    with pytest.raises(ValueError, match="no such table"):
        answer.get(SECONDS)
    pool.join()


@any_method
def test_who_leaves_a_pool_without_asking_gets_the_error(start_method: str) -> None:
    with pytest.raises(ValueError, match="no such table"), pool_of(start_method) as pool:
        broken = pool_of(start_method, initializer=w.fail)
        with broken:
            answer = broken.apply_async(w.double, (1,))
            answer.wait(SECONDS)
        pool.map(w.double, [1])


@any_method
def test_a_pool_takes_tasks_while_its_only_worker_is_replaced(
    start_method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool_of(start_method, 1, maxtasksperchild=1) as one:
        monkeypatch.setattr(one, "_pool", [])
        assert [0, 2, 4] == one.map(w.double, (number for number in range(3)))
        monkeypatch.undo()


@any_method
def test_an_error_callback_gets_the_error_and_nobody_else(start_method: str) -> None:
    got: list[BaseException] = []
    pool = pool_of(start_method, initializer=w.fail)
    pool.map_async(w.double, [1, 2], error_callback=got.append)
    pool.close()
    pool.join()
    assert [ValueError] == [type(error) for error in got]


def test_an_error_that_nobody_asks_for_is_printed_once(
    start_method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pool = pool_of(start_method, 4, initializer=w.fail)
    until = time.monotonic() + SECONDS
    said = ""
    while "To try it" not in said and time.monotonic() < until:
        time.sleep(0.05)
        said += capfd.readouterr().err
    pool.terminate()
    assert 1 == said.count("Traceback") == said.count("ValueError: no such table")
    assert "The initializer failed in 3 workers in the same way" in said


@any_method
def test_an_iterator_gives_the_error_again_and_does_not_hang(start_method: str) -> None:
    with pool_of(start_method, initializer=w.fail) as pool:
        answers = pool.imap(w.double, range(3))
        for _ in range(5):
            with pytest.raises(ValueError, match="no such table"):
                next(answers)


@any_method
def test_two_pools_in_two_threads_each_get_their_own_error(start_method: str) -> None:
    got: dict[str, str] = {}

    def ask(words: str) -> None:
        with pool_of(start_method, 1, initializer=w.fail, initargs=(words,)) as pool:
            try:
                pool.map(w.double, [1])
            except ValueError as error:
                got[words] = str(error)

    threads = [threading.Thread(target=ask, args=(words,)) for words in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert {"first": "first", "second": "second"} == got


def test_a_pool_in_a_worker_gives_its_error_to_that_worker(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with ProcessPoolExecutor(1, context) as executor:
        future = executor.submit(w.pool_in_a_worker, start_method)
        with pytest.raises(ValueError, match="no such table"):
            future.result(SECONDS)


# --- pools that go on ---------------------------------------------------------------------


def test_workers_that_are_born_between_others_that_are_not_do_the_work(
    start_method: str, tmp_path: Path
) -> None:
    some = {"initializer": w.fail_in, "initargs": (str(tmp_path), {0, 1, 3, 4})}
    with pool_of(start_method, 1, maxtasksperchild=1, **some) as pool:
        assert [2, 4] == pool.map(w.double, [1, 2], chunksize=1)


def test_workers_that_were_born_go_on_where_no_others_can_be(
    start_method: str, tmp_path: Path
) -> None:
    with pool_of(start_method, 3, initializer=w.fail_later, initargs=(str(tmp_path),)) as pool:
        assert [0, 2, 4] == pool.map(w.double, range(3), chunksize=1)
        until = time.monotonic() + SECONDS
        while len(pool._pool) > 1 and time.monotonic() < until:
            time.sleep(0.01)
        assert [0, 2, 4] == pool.map(w.double, range(3), chunksize=1)
    assert 4 <= len(list(tmp_path.iterdir())) <= 6


def test_workers_that_end_after_their_work_are_replaced_as_ever(start_method: str) -> None:
    with pool_of(start_method, 2, maxtasksperchild=1) as pool:
        assert 8 == len(set(pool.map(w.pid, range(8), chunksize=1)))


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_workers_that_are_killed_at_their_work_are_replaced_as_ever(start_method: str) -> None:
    with pool_of(start_method, 1) as pool:
        for _ in range(5):
            pool.apply_async(os.kill, (pool.apply(w.pid, (0,)), signal.SIGKILL))
            pool.apply_async(w.be_killed)
            assert 2 == pool.apply(w.double, (1,))


# --- executors and managers ---------------------------------------------------------------


def test_the_future_of_an_executor_names_the_error_of_the_initializer(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with ProcessPoolExecutor(4, context, initializer=w.fail) as executor:
        futures = [executor.submit(w.double, 1)]
        with pytest.raises(BrokenProcessPool, match="The initializer failed in a worker") as caught:
            futures[0].result(SECONDS)
        with pytest.raises(BrokenProcessPool, match=f"failing_births.py, line {LINE}"):
            executor.submit(w.double, 1)
    cause = caught.value.__cause__
    assert "ValueError('no such table')" == repr(cause)
    assert cause is not None
    assert f'failing_births.py", line {LINE}, in fail' in str(cause.__cause__)


def test_the_future_of_an_executor_names_the_exit_code(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with (
        ProcessPoolExecutor(1, context, initializer=w.leave_at_once, initargs=(3,)) as executor,
        pytest.raises(BrokenProcessPool, match="ended with exit code 3, before"),
    ):
        executor.submit(w.double, 1).result(SECONDS)


@pytest.mark.parametrize("start_method", NOT_FORKED)
def test_the_future_of_an_executor_names_what_no_worker_can_read(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with (
        ProcessPoolExecutor(
            1, context, initializer=w.nothing, initargs=(w.Unreadable(),)
        ) as executor,
        pytest.raises(BrokenProcessPool, match="LookupError: cannot be read"),
    ):
        executor.submit(w.double, 1).result(SECONDS)


@pytest.mark.parametrize("start_method", NOT_FORKED)
def test_workers_of_an_executor_that_end_after_their_tasks_are_replaced(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as executor:
        assert 3 == len(set(executor.map(w.pid, range(3))))


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_an_executor_whose_worker_is_killed_at_work_says_what_python_says(
    start_method: str,
) -> None:
    context = multiprocessing.get_context(start_method)
    with (
        ProcessPoolExecutor(1, context) as executor,
        pytest.raises(BrokenProcessPool, match="terminated abruptly while the future was running"),
    ):
        executor.submit(w.be_killed).result(SECONDS)


def test_a_manager_whose_process_cannot_begin_says_why(start_method: str) -> None:
    manager = SyncManager(ctx=multiprocessing.get_context(start_method))
    with pytest.raises(EOFError, match="initializer failed in the manager's process") as caught:
        manager.start(initializer=w.fail)
    assert "ValueError('no such table')" == repr(caught.value.__cause__)


def test_a_manager_that_serves_and_ends_leaves_nothing_behind(start_method: str) -> None:
    session = installation.install()
    with SyncManager(ctx=multiprocessing.get_context(start_method)) as manager:
        assert [1] == list(manager.list([1]))
    assert [] == list(Path(session.folder).glob("birth-*"))
    installation.release()


# --- scripts ------------------------------------------------------------------------------

SCRIPT = """
import multiprocessing, sys
from manybrains import watch

{top}

def double(x):
    return 2 * x

if __name__ {guard} "__main__":
    with watch(quiet=True):
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            print(pool.map(double, [1, 2]))
"""


@pytest.mark.parametrize("start_method", NOT_FORKED)
@pytest.mark.parametrize(
    ("top", "guard", "words"),
    [
        ("if __name__ != '__main__': raise LookupError('not here')", "==", "LookupError: not here"),
        ("", "!=  'x' + ", "start a new process before"),
    ],
    ids=["main raises", "no guard"],
)
def test_a_script_whose_main_module_fails_in_workers_ends_with_one_traceback(
    start_method: str, tmp_path: Path, top: str, guard: str, words: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(top=top, guard=guard), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), start_method], capture_output=True, text=True, timeout=60
    )
    assert (1, "") == (done.returncode, done.stdout)
    assert words in done.stderr
    assert 2 == done.stderr.count("Traceback (most recent call last)")  # of worker and of main
    if "The fork server" in done.stderr:  # Python 3.14: it imports main itself, and ends
        assert "If a traceback of it stands above, repair that" in done.stderr
        return
    assert "A worker cannot start: its first step, to get the main module, failed" in done.stderr
    assert f"failed ({script}, line " in done.stderr
    assert "runpy" not in done.stderr
