"""What we rely on of the standard library's internals; each test is a contract with Python.

Where one fails after a change of Python, its name says what `workers.stdlib_internals` may no
longer take for granted.
"""

import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, process
from multiprocessing import (
    pool,
    popen_fork,
    queues,
    reduction,
    shared_memory,
    spawn,
    synchronize,
)
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import contract_workers as w
import pytest

from manybrains.hooks.task_errors import read_tasks_safely
from manybrains.workers import stdlib_internals as door

pytestmark = [
    pytest.mark.usefixtures("nobody_left"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # forks with threads
]
LINUX = sys.platform.startswith("linux")
POSIX = os.name == "posix"
AFTER_THE_BODY = sys.version_info >= (3, 13)  # gh-83856
RUN_AT_EXIT = AFTER_THE_BODY or None  # 3.11, 3.12: of forked workers nobody runs them
NOT_FORKED = [method for method in w.METHODS if method != "fork"]


@pytest.fixture
def log(tmp_path: Path) -> str:
    """The file to which workers write what was done to them."""
    return str(tmp_path / "log")


def lines_of(log: str) -> list[str]:
    return Path(log).read_text(encoding="utf-8").splitlines() if Path(log).exists() else []


def noted(log: str, start_method: str, kind: str = "plain", **keywords: Any) -> list[str]:
    """Run a worker of this kind to its end; return what it has noted."""
    multiprocessing.set_start_method(start_method, force=True)  # for its own child
    try:
        worker = w.WORKERS[start_method](log, kind, **{"target": w.nothing, **keywords})
        worker.start()
        worker.join(60)
    finally:
        multiprocessing.set_start_method(None, force=True)
    assert worker.exitcode is not None
    return lines_of(log)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Put a wrapper around a name; the list grows by what `of` makes of each call's arguments."""

    def watch(owner: Any, name: str, of: Callable[..., Any] = lambda *a, **k: a) -> list[Any]:
        seen: list[Any] = []
        before = getattr(owner, name)

        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            seen.append(of(*arguments, **keywords))
            return before(*arguments, **keywords)

        monkeypatch.setattr(owner, name, wrapper)
        return seen

    return watch


def in_fresh_python(source: str, folder: Path, *arguments: str) -> str:
    """What a script prints, with its workers; it runs in a Python of its own."""
    path = folder / "script.py"
    path.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


# --- the body of a worker


def test_the_body_is_called_once_and_in_the_worker(log: str, start_method: str) -> None:
    said = noted(log, start_method)
    [begins] = [line for line in said if line.startswith("body begins")]
    assert str(os.getpid()) not in begins
    assert 1 == said.count("body returned 0")


def test_the_body_gets_the_pipe_that_closes_with_the_parent(log: str, start_method: str) -> None:
    assert "sentinel is a pipe" in noted(log, start_method)


def test_run_is_called_inside_the_body(log: str, start_method: str) -> None:
    said = noted(log, start_method)
    assert 2 == said.index("run begins") < said.index("body returned 0")


@pytest.mark.parametrize(("code", "exit_code"), [(None, 0), (3, 3), ("why", 1)])
def test_the_body_returns_the_exit_code_whatever_run_raises(
    log: str, start_method: str, code: Any, exit_code: int
) -> None:
    said = noted(log, start_method, target=w.leave, args=(code,))
    assert f"body returned {exit_code}" in said


def test_threads_of_a_worker_are_joined_inside_its_body(log: str, start_method: str) -> None:
    said = noted(log, start_method, "thread")
    assert said.index("thread ended") < said.index("body returned 0")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("finalizers", "finalized early"),
        ("finalizers", "finalized late"),
        ("feeder", "fed"),
        ("child", "child ended"),
    ],
)
def test_what_multiprocessing_does_at_a_workers_end_comes_after_its_body_from_3_13_on(
    log: str, start_method: str, kind: str, word: str
) -> None:
    said = noted(log, start_method, kind)
    assert AFTER_THE_BODY is (said.index(word) > said.index("body returned 0"))


def test_exit_functions_run_after_the_body_and_before_3_13_only_where_python_itself_ends(
    log: str, start_method: str
) -> None:
    said = noted(log, start_method, "exit functions")
    if AFTER_THE_BODY or start_method == "spawn":
        assert said.index("atexit") > said.index("body returned 0")
    else:
        assert "atexit" not in said


@pytest.mark.parametrize("kind", ["plain", *w.ENDS])
def test_the_very_end_is_the_last_that_a_worker_does_unless_its_body_is(
    log: str, start_method: str, kind: str
) -> None:
    ends = AFTER_THE_BODY or start_method == "spawn"
    assert ("very end" if ends else "body returned 0") == noted(log, start_method, kind)[-1]


def test_exit_handlers_are_said_to_run_after_the_body_where_they_do() -> None:
    assert AFTER_THE_BODY is door.exit_handlers_run_after_the_body()


# --- a process object


def test_a_worker_knows_its_requester_target_and_arguments(log: str, start_method: str) -> None:
    keywords = {"target": w.note_own_attributes, "args": (log, 1), "kwargs": {"two": 2}}
    said = noted(log, start_method, **keywords)
    assert f"{os.getpid()} note_own_attributes 2 two" in said


def test_the_requester_is_who_made_the_process_object() -> None:
    assert os.getpid() == door.requester_of(multiprocessing.Process())


def test_target_and_arguments_can_be_asked_for_before_the_start() -> None:
    worker = multiprocessing.Process(target=w.nothing, args=(1,), kwargs={"two": 2})
    assert (w.nothing, (1, 2)) == (door.target_of(worker), door.arguments_of(worker))


def test_target_and_arguments_are_gone_when_start_has_returned(start_method: str) -> None:
    worker = multiprocessing.get_context(start_method).Process(target=w.nothing, args=())
    worker.start()
    worker.join(60)
    assert (None, ()) == (door.target_of(worker), door.arguments_of(worker))


def test_a_known_child_has_been_started_and_stays_known_until_it_is_asked(
    start_method: str,
) -> None:
    worker = multiprocessing.get_context(start_method).Process(target=w.nothing)
    assert worker not in door.known_children()
    worker.start()
    multiprocessing.connection.wait([worker.sentinel], 60)
    assert worker in door.known_children()
    worker.join(60)
    assert worker not in door.known_children()


def test_asking_for_the_known_children_polls_none(start_method: str, calls: Any) -> None:
    worker = multiprocessing.get_context(start_method).Process(target=w.nothing)
    worker.start()
    polled = calls(type(worker._popen), door.WORKER_ENDED)  # type: ignore[attr-defined]
    door.known_children()
    assert [] == polled
    worker.join(60)
    assert [] != polled


# --- how a worker ended


def ended_by(start_method: str, calls: Any, ask: Callable[[Any], Any]) -> list[Any]:
    """Polls of the worker while it is asked for its end in this way."""
    worker = multiprocessing.get_context(start_method).Process(target=w.leave, args=(3,))
    worker.start()
    polled = calls(type(worker._popen), door.WORKER_ENDED, lambda self, *_: self.returncode)  # type: ignore[attr-defined]
    multiprocessing.connection.wait([worker.sentinel], 60)
    ask(worker)
    worker.join(60)
    assert 3 == worker.exitcode
    return polled


@pytest.mark.skipif(not POSIX, reason="Windows has another Popen")
@pytest.mark.parametrize(
    "ask",
    [lambda p: p.join(), lambda p: p.exitcode, lambda _: multiprocessing.active_children()],
    ids=["join", "exitcode", "active_children"],
)
def test_every_way_to_learn_of_a_workers_end_is_a_poll(
    start_method: str, calls: Any, ask: Callable[[Any], Any]
) -> None:
    assert None is ended_by(start_method, calls, ask)[0]


@pytest.mark.skipif(not POSIX, reason="Windows has another Popen")
def test_a_spawned_worker_is_polled_like_a_forked_one() -> None:
    from multiprocessing import popen_spawn_posix

    assert popen_fork.Popen.poll is popen_spawn_posix.Popen.poll


@pytest.mark.skipif("forkserver" not in w.METHODS, reason="no fork server here")
def test_a_worker_of_the_fork_server_has_a_poll_of_its_own() -> None:
    from multiprocessing import popen_forkserver

    assert door.WORKER_ENDED in vars(popen_forkserver.Popen)


def test_a_popen_says_pid_sentinel_and_exit_code(start_method: str) -> None:
    worker = multiprocessing.get_context(start_method).Process(target=w.nothing)
    worker.start()
    popen = worker._popen  # type: ignore[attr-defined]
    assert (worker.pid, worker.sentinel, None) == (popen.pid, popen.sentinel, popen.returncode)
    worker.join(60)
    assert 0 == popen.returncode


@pytest.mark.skipif(not POSIX, reason="Windows ends processes in another way")
@pytest.mark.parametrize("name", ["terminate", "kill", "interrupt"])
def test_each_signal_that_a_process_object_sends_goes_through_one_function(
    start_method: str, calls: Any, name: str
) -> None:
    worker = multiprocessing.get_context(start_method).Process(target=w.sleep_long)
    if not hasattr(worker, name):
        pytest.skip("Process.interrupt came with Python 3.14")
    sent = calls(popen_fork.Popen, door.SEND_SIGNAL, lambda self, number: number)
    worker.start()
    getattr(worker, name)()
    words = {"terminate": "SIGTERM", "kill": "SIGKILL", "interrupt": "SIGINT"}
    assert [getattr(signal, words[name])] == sent
    worker.kill()
    worker.join(60)


@pytest.mark.skipif(not POSIX, reason="Windows tells in another way")
@pytest.mark.parametrize(("code", "expected"), [("3", 3), ("import os; os.abort()", -6)])
def test_a_program_that_ended_is_told_once_with_its_exit_code_set(
    calls: Any, code: str, expected: int
) -> None:
    told = calls(subprocess.Popen, door.PROGRAM_ENDED, lambda self, *_, **__: self.returncode)
    source = code if "import" in code else f"raise SystemExit({code})"
    with subprocess.Popen([sys.executable, "-c", source]) as program:
        program.wait(60)
        program.poll()
    assert [None] == told
    assert expected == program.returncode


# --- helpers


@pytest.mark.skipif("forkserver" not in w.METHODS, reason="no fork server here")
def test_the_helpers_are_the_processes_whose_commands_we_know(tmp_path: Path) -> None:
    source = """
import multiprocessing, psutil
from manybrains.sampler.program_names import helper_name
from manybrains.workers.stdlib_internals import helper_pids
if __name__ == "__main__":
    worker = multiprocessing.get_context("forkserver").Process(target=int)
    worker.start()
    worker.join()
    children = {c.pid: helper_name(c.cmdline()) for c in psutil.Process().children()}
    print(children == helper_pids(), sorted(children.values()))
"""
    said = in_fresh_python(source, tmp_path)
    assert "True ['fork server', 'resource tracker']\n" == said


def test_a_process_without_helpers_has_none(tmp_path: Path) -> None:
    source = "from manybrains.workers.stdlib_internals import helper_pids\nprint(helper_pids())"
    assert "{}\n" == in_fresh_python(source, tmp_path)


PRELOAD = """
import multiprocessing, sys
from multiprocessing import forkserver
from manybrains.workers.stdlib_internals import preload_in_fork_server
context = multiprocessing.get_context("forkserver")
def told():
    print("colorsys" in sys.modules)
if __name__ == "__main__":
    {}
    preload_in_fork_server(["colorsys"])
    worker = context.Process(target=told)
    worker.start()
    worker.join()
"""


@pytest.mark.skipif("forkserver" not in w.METHODS, reason="no fork server here")
@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "True\n"),
        ("forkserver.set_forkserver_preload(['keyword'])", "False\n"),
        ("forkserver.ensure_running()", "False\n"),
    ],
    ids=["untouched", "chosen", "running"],
)
def test_a_fork_server_imports_what_it_is_told_unless_it_runs_or_the_reader_has_chosen(
    before: str, expected: str, tmp_path: Path
) -> None:
    said = in_fresh_python(PRELOAD.format(before), tmp_path)
    assert said.endswith(expected)


@pytest.mark.skipif(not POSIX, reason="on Windows nothing listens in a folder")
def test_the_temporary_folder_is_known_once_somebody_has_asked_the_module_for_it(
    tmp_path: Path,
) -> None:
    source = """
from multiprocessing import connection, util
from manybrains.workers.stdlib_internals import TEMPORARY_FOLDER, temporary_folder
make, made = getattr(util, TEMPORARY_FOLDER), []
setattr(util, TEMPORARY_FOLDER, lambda: made.append(make()) or made[-1])
print(temporary_folder())
with connection.Listener(family="AF_UNIX"):
    print(temporary_folder() == made[0], "pymp-" in made[0])
"""
    assert "None\nTrue True\n" == in_fresh_python(source, tmp_path)


# --- threads


def test_a_bare_thread_starts_although_a_lock_of_threading_is_held() -> None:
    told = threading.Event()
    with threading._active_limbo_lock:  # type: ignore[attr-defined]
        door.start_bare_thread(told.set)
        is_started = told.wait(30)
    assert is_started


def test_the_body_of_a_thread_is_called_once_in_the_thread_which_still_has_its_target(
    calls: Any,
) -> None:
    body = calls(
        threading.Thread,
        door.THREAD_BODY,
        lambda self: (threading.get_ident(), door.thread_target(self)),
    )
    thread = threading.Thread(target=w.nothing)
    thread.start()
    thread.join()
    assert [(thread.ident, w.nothing)] == body


def test_what_comes_after_the_body_of_a_thread_is_done_when_it_is_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = []
    before = getattr(threading.Thread, door.THREAD_BODY)

    def body(self: Any) -> None:
        before(self)
        time.sleep(w.PAUSE)
        done.append(self)

    monkeypatch.setattr(threading.Thread, door.THREAD_BODY, body)
    thread = threading.Thread(target=w.nothing)
    thread.start()
    thread.join()
    assert [thread] == done


def test_a_thread_of_a_thread_pool_runs_the_loop_of_a_pool() -> None:
    with pool.ThreadPool(1) as threads:
        [worker] = threads._pool  # type: ignore[attr-defined]
        assert door.POOL_LOOP == place_of(door.target_of(worker))


# --- pools


def place_of(function: Any) -> tuple[str, str]:
    return function.__module__, function.__name__


def test_a_pools_worker_runs_the_loop_whose_first_argument_is_where_it_gets_its_tasks(
    start_method: str, calls: Any
) -> None:
    started = calls(BaseProcess, "start", lambda p: (door.target_of(p), door.arguments_of(p)))
    with multiprocessing.get_context(start_method).Pool(1) as workers:
        [(target, arguments), *_] = started
        assert door.POOL_LOOP == place_of(target)
        assert workers._inqueue is arguments[0]  # type: ignore[attr-defined]


def test_an_executors_worker_runs_the_loop_whose_first_argument_is_where_it_gets_its_tasks(
    start_method: str, calls: Any
) -> None:
    started = calls(BaseProcess, "start", lambda p: (door.target_of(p), door.arguments_of(p)))
    with ProcessPoolExecutor(1, multiprocessing.get_context(start_method)) as executor:
        assert 4 == executor.submit(w.double, 2).result(60)
        [(target, arguments), *_] = started
        assert door.EXECUTOR_LOOP == place_of(target)
        assert executor._call_queue is arguments[0]  # type: ignore[attr-defined]


class PoolWithoutWorkers(pool.Pool):
    """Its tasks stay in their queue."""

    def _repopulate_pool(self) -> None:
        pass


def test_a_pools_task_is_job_number_function_arguments_and_keywords() -> None:
    workers = PoolWithoutWorkers(1)
    workers.apply_async(w.double, (2,), {"x": 3})
    sealed = door.receive_from_pool(workers._inqueue)  # type: ignore[attr-defined]
    workers.terminate()
    job, number, function, arguments, keywords = pickle.loads(sealed)
    assert (int, 0, w.double, (2,), {"x": 3}) == (type(job), number, function, arguments, keywords)


def test_a_task_of_a_pool_is_received_as_get_does_only_not_unpickled(start_method: str) -> None:
    queue = multiprocessing.get_context(start_method).SimpleQueue()
    for number in (1, 2, 3):
        queue.put(["task", number])
    assert ["task", 1] == queue.get()
    assert ["task", 2] == pickle.loads(door.receive_from_pool(queue))
    assert ["task", 3] == queue.get()
    queue.close()


def test_a_task_of_an_executor_is_received_as_get_does_and_makes_room_for_another(
    start_method: str,
) -> None:
    queue = multiprocessing.get_context(start_method).Queue(1)
    for number in (1, 2, 3):
        queue.put(["task", number], timeout=10)  # waits for room
        assert ["task", number] == pickle.loads(door.receive_from_executor(queue))
    queue.close()
    queue.join_thread()


def test_the_loop_of_a_pool_takes_tasks_from_get_until_there_is_none() -> None:
    tasks = [(7, 0, w.double, (2,), {}), None]
    answers: list[Any] = []
    tasks_queue = SimpleNamespace(get=lambda: tasks.pop(0))
    pool.worker(tasks_queue, SimpleNamespace(put=answers.append, _reader=None))
    assert [(7, 0, (True, 4))] == answers


def test_the_loop_of_an_executor_takes_tasks_from_get_until_there_is_none() -> None:
    tasks = [door.executor_task(7, w.double, (2,)), None]
    answers: list[Any] = []
    tasks_queue = SimpleNamespace(get=lambda **_: tasks.pop(0))
    results = SimpleNamespace(put=answers.append)
    process._process_worker(tasks_queue, results, None, ())  # type: ignore[attr-defined]
    assert [7, 4] == [answers[0].work_id, answers[0].result]


def test_an_executors_task_has_a_number_a_function_arguments_and_keywords() -> None:
    task = door.executor_task(7, w.double, (2,))
    assert (7, w.double, (2,), {}) == (task.work_id, task.fn, task.args, task.kwargs)


def unreadable(thing: Any) -> bytes:
    """The pickle of something whose function nobody finds."""
    return reduction.ForkingPickler.dumps(thing).tobytes().replace(b"double", b"dooble")  # type: ignore[attr-defined]


@pytest.mark.parametrize("loop", [door.POOL_LOOP, door.EXECUTOR_LOOP], ids=["pool", "executor"])
def test_the_numbers_of_a_task_that_cannot_be_read_come_first_in_its_pickle(
    loop: tuple[str, str],
) -> None:
    of_pool = loop == door.POOL_LOOP
    task: Any = (70_000, 5, w.double, (2,), {})
    if not of_pool:
        task = door.executor_task(70_000, w.double, (2,))
    queue: Any = multiprocessing.SimpleQueue() if of_pool else multiprocessing.Queue(1)
    queue._writer.send_bytes(unreadable(task))
    if not of_pool:
        queue._sem.acquire()  # as `put` does
    read_tasks_safely(pool.worker if of_pool else process._process_worker, queue)  # type: ignore[attr-defined]
    got = queue.get(block=True) if not of_pool else queue.get()
    assert (got[:2] if of_pool else got.work_id) == ((70_000, 5) if of_pool else 70_000)
    queue.close()


def test_the_workers_of_a_pool_are_known(start_method: str) -> None:
    with multiprocessing.get_context(start_method).Pool(2) as workers:
        known = door.pool_workers(workers)
        assert {p.pid for p in known} == {p.pid for p in door.known_children()}
        assert 2 == len(known)


def pool_that_ends(start_method: str) -> tuple[Any, set[int]]:
    """A pool whose two workers end after the task that they have; and their pids."""
    workers = multiprocessing.get_context(start_method).Pool(2, maxtasksperchild=1)
    for _ in range(2):
        workers.apply_async(time.sleep, (0.3,))
    return workers, {worker.pid or 0 for worker in door.pool_workers(workers)}


def test_a_pool_replaces_workers_that_have_ended(start_method: str) -> None:
    workers, before = pool_that_ends(start_method)
    until = time.monotonic() + 60
    with workers:
        while len({p.pid for p in door.pool_workers(workers)} - before) < 2:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_pool_that_is_told_to_stop_refilling_replaces_no_worker(start_method: str) -> None:
    workers, before = pool_that_ends(start_method)
    with workers:
        door.stop_refilling(workers)
        for worker in door.pool_workers(workers):
            worker.join(60)
        time.sleep(0.3)  # the thread that replaces them looks ten times a second
        assert {p.pid for p in door.pool_workers(workers)} <= before
        assert set() == door.known_children()


def test_a_pool_that_is_told_to_stop_refilling_is_not_terminated_at_exit(start_method: str) -> None:
    workers, _ = pool_that_ends(start_method)
    finalizer = workers._terminate
    assert finalizer.still_active()
    door.stop_refilling(workers)
    assert not finalizer.still_active()
    for worker in door.pool_workers(workers):
        worker.join(60)


def test_queues_of_a_pool_are_set_up_once_while_it_has_no_worker(
    start_method: str, calls: Any
) -> None:
    made = calls(
        pool.Pool,
        door.POOL_QUEUES,
        lambda self: (door.pool_workers(self), hasattr(self, "_worker_handler")),
    )
    with multiprocessing.get_context(start_method).Pool(1):
        assert [([], False)] == made


def test_a_pool_whose_making_was_interrupted_can_be_told_to_stop_refilling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half_made: list[Any] = []
    setup = getattr(pool.Pool, door.POOL_QUEUES)

    def interrupted(self: Any) -> None:
        half_made.append(self)
        setup(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(pool.Pool, door.POOL_QUEUES, interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.Pool(1)
    door.stop_refilling(half_made[0])
    assert [] == door.pool_workers(half_made[0])


@pytest.mark.parametrize("start_method", w.METHODS[:1])
def test_the_text_of_a_workers_traceback_is_given_to_the_error_that_carries_it(
    start_method: str, calls: Any
) -> None:
    method = multiprocessing.get_context(start_method)
    of_pools = calls(getattr(pool, door.POOL_TRACEBACK), "__init__", lambda _, text: text)
    of_executors = calls(
        getattr(process, door.EXECUTOR_TRACEBACK), "__init__", lambda _, text: text
    )
    with method.Pool(1) as workers, pytest.raises(ValueError, match="why"):
        workers.apply(w.fail, ("why",))
    with ProcessPoolExecutor(1, method) as executor, pytest.raises(ValueError, match="why"):
        executor.submit(w.fail, "why").result(60)
    for texts in (of_pools, of_executors):
        [text] = texts
        assert 'contract_workers.py", line ' in text
        assert "ValueError: why" in text


# --- pickling, and what a worker is told of the main module


@pytest.mark.parametrize("start_method", NOT_FORKED)
def test_the_preparation_of_a_worker_is_made_in_its_parent_with_its_name(
    start_method: str, calls: Any
) -> None:
    names = calls(spawn, door.SPAWN_DATA, lambda name: name)
    for name in ("anna", "berta"):
        worker = multiprocessing.get_context(start_method).Process(target=w.nothing, name=name)
        worker.start()
        worker.join(60)
    assert ["anna", "berta"] == [name for name in names if name != door.SERVER_NAME]


@pytest.mark.skipif("forkserver" not in w.METHODS, reason="no fork server here")
def test_the_fork_server_asks_once_for_itself_and_by_a_name_of_its_own(tmp_path: Path) -> None:
    source = """
import multiprocessing
from multiprocessing import spawn
prepare, names = spawn.get_preparation_data, []
def noted(name):
    names.append(name)
    return prepare(name)
if __name__ == "__main__":
    spawn.get_preparation_data = noted
    for name in ("anna", "berta"):
        worker = multiprocessing.get_context("forkserver").Process(target=int, name=name)
        worker.start()
        worker.join()
    print(*sorted(names))
"""
    assert f"anna berta {door.SERVER_NAME}\n" == in_fresh_python(source, tmp_path)


def test_the_preparation_has_the_keys_by_which_a_worker_finds_its_main_module() -> None:
    data = {"init_main_from_name": "a", "init_main_from_path": "b", "dir": "c"}
    assert {"dir": "c"} == door.main_of(data, None)
    assert {"dir": "c", "init_main_from_path": "d"} == door.main_of(data, "d")


@pytest.mark.parametrize("start_method", NOT_FORKED)
def test_a_worker_imports_the_main_module_that_its_preparation_names(
    start_method: str, tmp_path: Path
) -> None:
    (tmp_path / "other.py").write_text("print('other.py is', __name__)", encoding="utf-8")
    source = """
import multiprocessing, sys
from multiprocessing import spawn
from manybrains.workers.stdlib_internals import SERVER_NAME, main_of
method, path = sys.argv[1:]
if __name__ == "__main__":
    prepare = spawn.get_preparation_data
    spawn.get_preparation_data = lambda name: main_of(
        prepare(name), None if name == SERVER_NAME else path
    )
    worker = multiprocessing.get_context(method).Process(target=print, args=("done",))
    worker.start()
    worker.join()
"""
    said = in_fresh_python(source, tmp_path, start_method, str(tmp_path / "other.py"))
    assert "other.py is __mp_main__\ndone\n" == said


def test_a_worker_is_pickled_only_where_it_is_not_forked_and_that_can_be_asked(
    log: str, start_method: str
) -> None:
    thing = w.NotedWhilePickled(log, door.is_pickled_for_a_worker)
    noted(log, start_method, target=w.note_own_attributes, args=(log, thing))
    pickled = [line for line in lines_of(log) if line.startswith("pickled")]
    assert ([] if start_method == "fork" else ["pickled True"]) == pickled
    assert not door.is_pickled_for_a_worker()


@pytest.mark.skipif(len(w.METHODS) == 1, reason="the pickler of Windows pickles in another place")
@pytest.mark.parametrize("start_method", NOT_FORKED)
def test_a_worker_is_written_after_its_preparation_with_target_and_arguments(
    start_method: str, calls: Any
) -> None:
    worker = multiprocessing.get_context(start_method).Process(target=w.leave, args=(0,))
    written = calls(
        reduction,
        door.PICKLE_WORKER,
        lambda thing, *_: (door.target_of(thing), door.arguments_of(thing)),
    )
    worker.start()
    worker.join(60)
    assert [(None, ()), (w.leave, (0,))] == written


@pytest.mark.parametrize("way", ["SimpleQueue", "Queue", "Pipe"])
def test_whatever_is_sent_is_written_by_one_classmethod(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    pickler: Any = reduction.ForkingPickler
    before, written = vars(pickler)[door.PICKLE_TASK].__func__, []

    def dumps(cls: Any, thing: Any, *more: Any) -> Any:
        written.append(thing)
        return before(cls, thing, *more)

    monkeypatch.setattr(pickler, door.PICKLE_TASK, classmethod(dumps))
    if way == "Pipe":
        receiver, sender = multiprocessing.Pipe()
        sender.send("sent")
        assert "sent" == receiver.recv()
    else:
        queue = getattr(multiprocessing, way)()
        queue.put("sent")
        assert "sent" == queue.get()
        queue.close()
        if isinstance(queue, queues.Queue):
            queue.join_thread()
    assert ["sent"] == written


def test_what_is_pickled_for_a_worker_may_hold_a_pipe() -> None:
    receiver, sender = multiprocessing.Pipe()
    again = pickle.loads(door.pickle_for_a_worker(sender))
    again.send(3)
    assert 3 == receiver.recv()


# --- texts of errors


@pytest.mark.parametrize("start_method", w.METHODS)
def test_a_name_that_is_not_in_the_main_module_is_named_by_the_error(
    start_method: str, tmp_path: Path
) -> None:
    source = """
import multiprocessing, pickle, sys
def load(sealed):
    try:
        pickle.loads(sealed)
    except AttributeError as error:
        return str(error)
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.apply(load, (b"c__main__\\nno_such_name\\n.",)))
"""
    found = re.match(door.NOT_IN_MAIN, in_fresh_python(source, tmp_path, start_method))
    assert found is not None
    assert "no_such_name" == (found[1] or found[2])


def nested() -> Any:
    def inner() -> None:
        pass

    return inner


@pytest.mark.parametrize(
    ("function", "name"),
    [(lambda: None, "<lambda>"), (nested(), "nested.<locals>.inner")],
    ids=["lambda", "nested"],
)
def test_a_function_without_a_name_in_a_module_is_named_by_the_error(
    function: Any, name: str
) -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
        door.pickle_for_a_worker(function)
    found = re.search(door.NAMELESS, str(caught.value))
    assert found is not None
    assert name in found[1]


@pytest.mark.skipif(not LINUX, reason="the limit of memory is one of Linux")
def test_a_thread_that_cannot_be_started_is_a_runtime_error_with_a_known_text(
    tmp_path: Path,
) -> None:
    source = """
import resource, threading
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
threading.stack_size(2 << 30)
try:
    threading.Thread(target=int).start()
except RuntimeError as error:
    print(error)
"""
    assert door.NO_THREAD in in_fresh_python(source, tmp_path)


@pytest.mark.skipif("forkserver" not in w.METHODS, reason="no fork server here")
def test_a_fork_server_that_is_gone_is_a_closed_pipe_to_its_client(tmp_path: Path) -> None:
    source = """
import errno, multiprocessing, os, signal, sys
from multiprocessing import forkserver, resource_tracker
from manybrains.workers.stdlib_internals import PIPE_CLOSED
if __name__ == "__main__":
    forkserver.ensure_running()
    server = forkserver._forkserver
    os.kill(server._forkserver_pid, signal.SIGSTOP)
    server.ensure_running = lambda: os.kill(server._forkserver_pid, signal.SIGKILL)
    try:
        multiprocessing.get_context("forkserver").Process(target=int).start()
    except PIPE_CLOSED as error:
        print("closed")
"""
    assert "closed\n" == in_fresh_python(source, tmp_path)


# --- locks and memory


@pytest.mark.parametrize(
    "make",
    [
        "Lock",
        "RLock",
        "Semaphore",
        "BoundedSemaphore",
        "Condition",
        "Event",
        "Queue",
        "SimpleQueue",
    ],
)
def test_whatever_has_a_lock_makes_it_by_one_class(calls: Any, make: str) -> None:
    made = calls(getattr(synchronize, door.SEMAPHORE), "__init__")
    thing = getattr(multiprocessing, make)()
    assert [] != made
    if hasattr(thing, "close"):
        thing.close()


@pytest.mark.skipif(not POSIX, reason="there is no such descriptor on Windows")
def test_shared_memory_has_a_descriptor_of_a_file_of_its_size() -> None:
    block = shared_memory.SharedMemory(create=True, size=10_000)
    try:
        assert os.fstat(door.descriptor_of(block)).st_size >= 10_000
    finally:
        block.close()
        block.unlink()


# --- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_handler_is_the_one_that_the_public_module_has(number: int) -> None:
    assert signal.getsignal(number) == door.get_handler(number)


def test_a_handler_that_is_set_is_the_one_that_the_public_module_has() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def mine(*_: Any) -> None:
        pass

    try:
        door.set_handler(signal.SIGTERM, mine)
        assert mine is signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_cannot_be_set_outside_of_the_main_thread() -> None:
    errors: list[BaseException] = []

    def try_it() -> None:
        try:
            door.set_handler(signal.SIGTERM, signal.SIG_DFL)
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    assert 1 == len(errors)


@pytest.mark.skipif(not POSIX, reason="a wakeup descriptor of Windows is a socket")
def test_a_signal_wakes_by_its_number_as_a_byte(tmp_path: Path) -> None:
    source = """
import os, select, signal
from manybrains.workers.stdlib_internals import wake_by_signal
reading, writing = os.pipe()
os.set_blocking(writing, False)
wake_by_signal("SIGUSR1", writing)
os.kill(os.getpid(), signal.SIGUSR1)
select.select([reading], [], [], 30)
print(os.read(reading, 9) == bytes([signal.SIGUSR1]))
"""
    assert "True\n" == in_fresh_python(source, tmp_path)


# --- places on stacks


KNOWN = [place for place, _ in door.KNOWN_CALLS if not place[0].startswith("manybrains")]


@pytest.mark.parametrize("place", [*KNOWN, door.FORK_CALL], ids=" ".join)
def test_a_function_whose_place_on_a_stack_we_know_is_in_that_file(place: tuple[str, str]) -> None:
    file, function = place
    source = Path(sysconfig.get_path("stdlib"), file).read_text(encoding="utf-8")
    assert re.search(rf"^ *def {function}\(", source, re.MULTILINE)


@pytest.mark.skipif("fork" not in w.METHODS, reason="there is no fork on Windows")
def test_a_forked_worker_stands_on_the_calls_of_its_parent_below_one_call(log: str) -> None:
    said = noted(log, "fork", target=w.note_own_stack, args=(log,))
    calls = [line.split(" ") for line in said if ".py " in line]
    file, function = door.FORK_CALL
    fork = next(n for n, call in enumerate(calls) if call[0].endswith(file) and call[1] == function)
    here = [Path(call[0]).name == "test_stdlib_internals.py" for call in calls]
    assert (False, True) == (any(here[:fork]), any(here[fork:]))


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("feeder", ("multiprocessing/queues.py", "_finalize_join")),
        ("child", ("multiprocessing/util.py", "_exit_function")),
        ("thread", ("threading.py", "_shutdown")),
    ],
)
def test_a_worker_that_waits_at_its_end_stands_where_we_know_it(
    log: str, start_method: str, kind: str, place: tuple[str, str]
) -> None:
    assert place in dict(door.KNOWN_CALLS)
    said = noted(log, start_method, kind, target=w.watch_main_thread, args=(log,))
    assert any(line.endswith(f"{place[0]} {place[1]}") for line in said)


def test_pickling_tells_that_a_name_stands_for_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec("def f(): pass\nold = f\ndef f(): pass", vars(module))
    with pytest.raises(pickle.PicklingError) as caught:
        pickle.dumps(vars(module)["old"])
    found = re.search(door.OTHER_OBJECT, str(caught.value))
    assert found is not None
    assert "f" == found[1]


def test_pickling_tells_that_a_name_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec("class A: pass\nB = A\ndel A", vars(module))
    with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
        pickle.dumps(vars(module)["B"])
    found = re.search(door.NOT_FOUND, str(caught.value))
    assert found is not None
    assert "A" == (found[1] or found[2])
