"""What we rely on of pools, executors, managers and spawned workers; see test_stdlib_internals."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, process
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import managers, pool, spawn
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import contract_workers as w
import failing_births
import pytest
from conftest import START_METHODS

from manybrains.hooks import worker_internals as door
from manybrains.workers.stdlib_internals import (
    EXECUTOR_LOOP,
    POOL_LOOP,
    arguments_of,
    pickle_for_a_worker,
    pool_workers,
    target_of,
)

pytestmark = [
    pytest.mark.usefixtures("nobody_left"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # forks with threads
]
NOT_FORKED = [method for method in w.METHODS if method != "fork"]
SECONDS = 30


# What goes the same way under every start method is tried under the default alone.
any_method = pytest.mark.parametrize("start_method", START_METHODS[:1])


def pool_of(method: str, workers: int = 1, **keywords: Any) -> Any:
    return multiprocessing.get_context(method).Pool(workers, **keywords)


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Put a wrapper around a name; the list grows by what `note` makes of arguments and result."""

    def watch(owner: Any, name: str, note: Callable[..., Any]) -> list[Any]:
        seen: list[Any] = []
        before = getattr(owner, name)

        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            result = before(*arguments, **keywords)
            seen.append(note(result, *arguments, **keywords))
            return result

        monkeypatch.setattr(owner, name, wrapper)
        return seen

    return watch


# --- workers that are not forked

SCRIPT = """
import multiprocessing, sys
from multiprocessing import spawn
from manybrains.hooks.worker_internals import WORKER_PREPARES

class Code:
    def __init__(self, code): self.code = code
    def __reduce__(self): return exec, (self.code, {})

FIRST = '''
import sys
from multiprocessing import spawn
prepare = spawn.{name}
def noted(data):
    print("before", hasattr(sys.modules["__main__"], "Unreadable"))
    prepare(data)
    print("after", hasattr(sys.modules["__main__"], "Unreadable"))
    sys.excepthook = lambda kind, error, trace: print("hook", error)
spawn.{name} = noted
print("first")
'''.format(name=WORKER_PREPARES)

class Unreadable:
    def __init__(self): self.state = 1
    def __setstate__(self, state): raise ValueError("unreadable")

def work(_): print("work")

if __name__ == "__main__":
    get = spawn.get_preparation_data
    spawn.get_preparation_data = lambda name: {**get(name), "manybrains": Code(FIRST)}
    context = multiprocessing.get_context(sys.argv[1])
    for argument in (1, Unreadable()):
        worker = context.Process(target=work, args=(argument,))
        worker.start()
        worker.join()
        print(worker.exitcode, flush=True)
"""


@pytest.mark.parametrize("start_method", NOT_FORKED)
def test_a_worker_prepares_before_it_reads_its_process_whose_errors_go_to_the_excepthook(
    start_method: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-u", "-W", "ignore", str(script), start_method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "" == done.stderr
    said = done.stdout.replace("before True", "before False").splitlines()  # of 3.14's fork server
    prepared = ["first", "before False", "after True"]
    assert [*prepared, "work", "0", *prepared, "hook unreadable", "1"] == said


@pytest.mark.parametrize("start_method", NOT_FORKED)
def test_the_preparation_has_the_path_of_modules(start_method: str, wrapped: Any) -> None:
    paths = wrapped(spawn, "get_preparation_data", lambda data, _: data["sys_path"])
    worker = multiprocessing.get_context(start_method).Process(target=w.nothing)
    worker.start()
    worker.join()
    assert [] != paths
    assert all(isinstance(path, list) for path in paths)


# --- pools


@pytest.fixture
def ended(start_method: str) -> Iterator[Any]:
    """A pool of two workers, both idle."""
    with pool_of(start_method, 2) as workers:
        door.remember_pool(workers)
        workers.map(w.double, range(8), chunksize=1)
        yield workers


def test_a_pool_is_found_by_the_list_that_it_shows_to_what_loses_workers(
    start_method: str, wrapped: Any
) -> None:
    seen = wrapped(
        pool.Pool,
        door.POOL_LOSES_WORKERS,
        lambda lost, workers: (lost, workers, threading.current_thread().daemon),
    )
    with pool_of(start_method, 1, maxtasksperchild=1) as one:
        door.remember_pool(one)
        for _ in range(3):
            one.apply(w.nothing)
        until = time.monotonic() + SECONDS
        while not any(lost for lost, _, _ in seen) and time.monotonic() < until:
            time.sleep(0.01)
        assert {True, False} == {lost for lost, _, _ in seen}
        assert {id(seen[0][1])} == {id(workers) for _, workers, _ in seen}
        assert one is door.pool_with(seen[0][1])
        assert all(is_daemon for _, _, is_daemon in seen)  # a thread of the pool
    assert door.pool_with([]) is None


def test_workers_that_were_not_lost_are_not_replaced(
    start_method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool.Pool, door.POOL_LOSES_WORKERS, lambda _: False)
    with pool_of(start_method, 1, maxtasksperchild=1) as one:
        first = pool_workers(one)
        one.apply(w.nothing)
        first[0].join(SECONDS)
        time.sleep(0.2)
        assert first == pool_workers(one)


@any_method
def test_a_pool_asks_whether_it_runs_before_it_takes_work(start_method: str, wrapped: Any) -> None:
    asked = wrapped(pool.Pool, door.POOL_IS_RUNNING, lambda _, self: self)
    ways: list[Callable[[Any], object]] = [
        lambda one: one.apply(w.double, (1,)),
        lambda one: one.map(w.double, [1]),
        lambda one: one.starmap(w.double, [(1,)]),
        lambda one: next(one.imap(w.double, [1])),
        lambda one: next(one.imap_unordered(w.double, [1])),
        lambda one: one.map_async(w.double, [1]).get(),
        lambda one: one.__enter__(),
    ]
    with pool_of(start_method, 1) as one:
        del asked[:]
        for number, way in enumerate(ways):
            way(one)
            assert number + 1 == len(asked)


@any_method
@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100])
def test_a_pool_makes_chunks_from_the_number_of_its_workers(
    start_method: str, wrapped: Any, length: int
) -> None:
    sizes = wrapped(pool.Pool, door.POOL_MAPS, lambda answer, *_, **__: answer._chunksize)
    with pool_of(start_method, 2) as one:
        assert 2 == door.size_of(one)
        for way in (one.map, one.starmap):
            way(max, [(1, 2)] * length)
        one.map_async(max, [(1, 2)] * length).get(SECONDS)
    assert [-(-length // (2 * 4))] * 3 == sizes


@any_method
def test_a_pool_is_being_made_until_it_is_there(start_method: str, wrapped: Any) -> None:
    made = wrapped(pool.Pool, "_setup_queues", lambda _, self: door.is_being_made(self))
    with pool_of(start_method) as one:
        assert [True] == made
        assert (False, False) == (door.is_being_made(one), door.is_ended(one))
    assert door.is_ended(one)


def test_the_arguments_of_a_worker_are_known_with_their_places() -> None:
    worker = multiprocessing.Process(target=dict, args=((),), kwargs={"two": 2})
    assert [("`args[0]`", ()), ("`kwargs['two']`", 2)] == door.arguments_by_name(worker)
    worker.start()
    worker.join(SECONDS)
    assert [] == door.arguments_by_name(worker)


def test_a_pool_that_is_not_made_ends_without_an_error(recwarn: Any) -> None:
    unmade = pool.Pool.__new__(pool.Pool)
    door.pool_is_not_made(unmade)
    unmade.__del__()
    assert [] == recwarn.list


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "apply": lambda pool: pool.apply_async(time.sleep, (60,)),
    "map": lambda pool: pool.map_async(time.sleep, [60] * 9, chunksize=2),
    "imap": lambda pool: pool.imap(time.sleep, [60] * 9),
    "imap_unordered": lambda pool: pool.imap_unordered(time.sleep, [60] * 9),
}


@any_method
@pytest.mark.parametrize("way", ANSWERS)
def test_an_answer_that_is_failed_gives_the_error_and_the_pool_forgets_it(
    ended: Any, way: str
) -> None:
    answer = ANSWERS[way](ended)
    assert [answer] == door.answers_of(ended)
    threading.Timer(0.1, door.fail_answer, (answer, ValueError("failed"))).start()
    for _ in range(3):
        with pytest.raises(ValueError, match="failed"):
            answer.next(SECONDS) if hasattr(answer, "next") else answer.get(SECONDS)
    assert [] == door.answers_of(ended)
    door.fail_answer(answer, ValueError("again"))


@any_method
def test_what_an_iterator_had_comes_before_the_error(ended: Any) -> None:
    answers = ended.imap(time.sleep, [0, 60])
    while not answers._items:
        time.sleep(0.01)
    door.fail_answer(answers, ValueError("failed"))
    assert next(answers) is None
    with pytest.raises(ValueError, match="failed"):
        next(answers)


@any_method
def test_an_answer_knows_whether_it_calls_back(ended: Any) -> None:
    assert door.has_callback(ended.apply_async(w.nothing, error_callback=print))
    assert not door.has_callback(ended.apply_async(w.nothing))
    assert not door.has_callback(ended.imap(w.double, [1]))


def test_the_thread_that_replaces_workers_can_end_its_pool(
    start_method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while tasks fill the pipe, which no worker reads."""
    done = threading.Event()

    def end(workers: Any) -> bool:
        one = door.pool_with(workers)
        if one is None or not any(worker.exitcode == 5 for worker in workers):
            return False
        if not done.is_set():
            for answer in door.answers_of(one):
                door.fail_answer(answer, ValueError("ended"))
            door.end_pool(one)
            done.set()
        return False

    one = pool_of(start_method, 1)
    door.remember_pool(one)
    monkeypatch.setattr(pool.Pool, door.POOL_LOSES_WORKERS, end)
    answers = [one.apply_async(os._exit, (5,)), one.map_async(len, [bytes(300_000)] * 9)]
    for answer in answers:
        with pytest.raises(ValueError, match="ended"):
            answer.get(SECONDS)
    one.close()
    one.join()
    one.terminate()
    assert done.is_set()
    assert door.is_ended(one)


# --- executors


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, tuple[Any, ...]]]:
    """What each worker runs, with its arguments; noted before its start, which forgets it."""
    seen: list[tuple[Any, tuple[Any, ...]]] = []
    start = BaseProcess.start

    def noted(self: Any) -> None:
        seen.append((target_of(self), arguments_of(self)))
        start(self)

    monkeypatch.setattr(BaseProcess, "start", noted)
    return seen


def test_an_initializer_is_the_third_argument_of_both_loops(
    start_method: str, started: Any
) -> None:
    context = multiprocessing.get_context(start_method)
    initializer = {"initializer": failing_births.nothing, "initargs": (1, 2)}
    with context.Pool(1, **initializer) as one:
        one.apply(w.nothing)
    with ProcessPoolExecutor(1, context, **initializer) as executor:
        executor.submit(w.nothing).result(SECONDS)
    places = [(target.__module__, target.__name__) for target, _ in started]
    assert [POOL_LOOP, EXECUTOR_LOOP] == places
    assert [(failing_births.nothing, (1, 2))] * 2 == [some[2:4] for _, some in started]


def test_the_initializer_of_a_worker_is_known_also_when_it_is_wrapped() -> None:
    worker = multiprocessing.Process(target=print, args=(1, 2, print, ("x",), None))
    door.wrap_initializer(worker, str)
    assert (print, ("x",)) == door.initializer_of(worker)
    of_the_reader = multiprocessing.Process(target=print, args=(1, 2, 3, 4))
    assert (None, ()) == door.initializer_of(of_the_reader)


@pytest.mark.parametrize("make", ["Lock", "Queue", "Event", "Barrier"])
def test_what_a_worker_inherits_is_refused_in_a_message_with_a_known_text(make: str) -> None:
    thing = getattr(multiprocessing, make)(*([2] if make == "Barrier" else []))
    with pytest.raises(RuntimeError, match=door.INHERITED):
        pickle_for_a_worker(thing)


def test_a_shared_value_is_refused_with_the_same_text() -> None:
    with pytest.raises(RuntimeError, match=door.INHERITED):
        pickle_for_a_worker(multiprocessing.Value("i"))


def test_what_cannot_be_pickled_is_refused_with_a_known_text() -> None:
    for thing in (sys.stdout.buffer, (each for each in []), threading.Lock()):
        with pytest.raises(TypeError) as caught:
            pickle_for_a_worker(thing)
        assert str(caught.value).startswith(door.CANNOT_PICKLE)


def test_the_initializer_of_a_worker_can_be_wrapped() -> None:
    got: list[Any] = []
    worker = multiprocessing.Process(target=print, args=(1, 2, got.append, ("x",), None))
    door.wrap_initializer(worker, lambda initializer, *some: initializer(("wrapped", *some)))
    _, _, initializer, arguments, _ = arguments_of(worker)
    initializer(*arguments)
    assert [("wrapped", "x")] == got
    without = multiprocessing.Process(target=print, args=(1, 2, None, (), None))
    door.wrap_initializer(without, print)
    assert (1, 2, None, (), None) == arguments_of(without)


def test_an_executor_that_breaks_calls_one_function_first_and_then_gives_the_futures(
    start_method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = getattr(process, door.EXECUTOR_MANAGER)
    before = getattr(manager, door.EXECUTOR_BREAKS)
    seen = []

    def breaks(self: Any, *arguments: Any, **keywords: Any) -> None:
        workers = door.executor_workers(self)
        futures = door.take_futures(self)
        seen.append((door.executor_of(self), len(workers), futures, [f.done() for f in futures]))
        for future in futures:
            future.set_exception(ValueError("ours"))
        before(self, *arguments, **keywords)

    monkeypatch.setattr(manager, door.EXECUTOR_BREAKS, breaks)
    with ProcessPoolExecutor(1, multiprocessing.get_context(start_method)) as executor:
        future = executor.submit(os._exit, 3)
        with pytest.raises(ValueError, match="ours"):
            future.result(SECONDS)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                executor.submit(w.nothing)
            except BrokenProcessPool:
                break
            time.sleep(0.01)
    [(whose, workers, futures, done)] = seen
    assert (executor, 1, [future], [False]) == (whose, workers, futures, done)


@any_method
def test_an_executor_knows_its_workers_until_it_is_shut_down(start_method: str) -> None:
    executor = ProcessPoolExecutor(1, multiprocessing.get_context(start_method))
    assert [] == door.workers_at_work(executor)
    pid = executor.submit(os.getpid).result(SECONDS)
    assert [pid] == [worker.pid for worker in door.workers_at_work(executor)]
    executor.shutdown()
    assert [] == door.workers_at_work(executor)


# --- managers


def test_the_process_of_a_manager_has_a_body_that_we_know_and_its_end_is_an_eof(
    start_method: str, started: Any
) -> None:
    manager = managers.SyncManager(ctx=multiprocessing.get_context(start_method))
    with pytest.raises(EOFError):
        manager.start(initializer=os._exit, initargs=(3,))
    [(body, _)] = started
    assert door.MANAGER_BODY == (body.__module__, body.__name__)
    door.server_of(manager).join(SECONDS)
    assert 3 == door.server_of(manager).exitcode
