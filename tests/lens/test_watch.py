"""watch(): every worker of a block becomes a lane, and nothing is invented or missed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import connection
from pathlib import Path
from typing import Any

import psutil
import pytest
from worker_functions import (
    burn,
    burn_thread,
    fill,
    give_birth,
    raise_value_error,
    worker,
)

from manybrains import Run, count, watch
from manybrains.lens import installation
from manybrains.workers.platform import LINUX

pytestmark = pytest.mark.usefixtures("nobody_left")


@pytest.fixture
def hooked() -> Iterator[None]:
    """The hooks stay between the blocks, as in a notebook."""
    installation.install()
    yield
    installation.release()


def test_each_process_is_a_lane_after_the_watched_one(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        workers = [context.Process(target=burn, args=(0.05,), name=name) for name in "ab"]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert [("main", "MainProcess"), ("process", "a"), ("process", "b")] == [
        (lane.kind, lane.name) for lane in run.lanes
    ]


def test_a_lane_was_requested_then_started_then_ended(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        worker = context.Process(target=burn, args=(0.02,))
        worker.start()
        worker.join()
    [lane] = run.workers
    assert 0 <= lane.requested <= lane.started <= lane.ended <= run.wall_seconds


def test_a_lane_has_at_least_the_cpu_time_that_was_burnt(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        worker = context.Process(target=burn, args=(0.1,))
        worker.start()
        worker.join()
    assert run.workers[0].cpu_seconds >= 0.1


def test_a_function_called_worker_is_nothing_special(start_method: str) -> None:
    with watch() as run:
        process = multiprocessing.get_context(start_method).Process(target=worker)
        process.start()
        process.join()
    assert [7] == [lane.exit_code for lane in run.workers]


@pytest.mark.parametrize(
    ("target", "arguments", "code"), [(raise_value_error, (), 1), (sys.exit, (3,), 3)]
)
def test_a_lane_tells_the_exit_code(
    start_method: str, target: object, arguments: tuple[int, ...], code: int
) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        worker = context.Process(target=target, args=arguments)
        worker.start()
        worker.join()
    assert [code] == [lane.exit_code for lane in run.workers]


def test_several_threads_that_ask_how_a_worker_ended_are_told_the_same(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    for _ in range(10):
        told: list[int | None] = []
        with watch():
            process = context.Process(target=worker)
            process.start()
            threads = [threading.Thread(target=ask, args=(process, told)) for _ in range(8)]
            connection.wait([process.sentinel])
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            process.join()
        assert 7 == process.exitcode
        assert {7} >= set(told) - {None}


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="elsewhere nobody is reaped")
@pytest.mark.parametrize(
    "method", [m for m in multiprocessing.get_all_start_methods() if m != "forkserver"]
)
def test_who_asks_while_another_thread_is_being_told_is_told_as_well(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, reaped = "waitpid" if LINUX else "wait4", threading.Event()
    wait = getattr(os, name)

    def late(pid: int, flag: int) -> tuple[Any, ...]:
        told: tuple[Any, ...] = wait(pid, flag)
        if told[0] == process.pid:
            reaped.set()
            time.sleep(0.05)
        return told

    process = multiprocessing.get_context(method).Process(target=worker)
    with watch() as run:
        process.start()
        joining = threading.Thread(target=process.join)
        monkeypatch.setattr(os, name, late)
        joining.start()
        assert reaped.wait(30)
        assert 7 == process.exitcode
        joining.join()
    assert [7] == [lane.exit_code for lane in run.workers if lane.kind == "process"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="who waits for it elsewhere, is told")
def test_of_a_worker_that_somebody_else_has_waited_for_nobody_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installation.install()
    process = multiprocessing.get_context("fork").Process(target=worker)
    process.start()
    os.waitpid(process.pid, 0)
    assert process.exitcode is None
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited again"))
    assert process.exitcode is None
    multiprocessing.process._children.discard(process)
    installation.release()


def ask(process: multiprocessing.process.BaseProcess, told: list[int | None]) -> None:
    told.append(process._popen.poll())


def test_a_killed_worker_is_a_lane_with_its_signal(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        worker = context.Process(target=time.sleep, args=(60,))
        worker.start()
        time.sleep(0.1)
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    assert [-signal.SIGKILL] == [lane.exit_code for lane in run.workers]


def test_32_workers_of_five_milliseconds_are_all_lanes(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        workers = [context.Process(target=burn, args=(0.005,)) for _ in range(32)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert 32 == sum(lane.ended is not None for lane in run.workers)


def test_the_workers_of_a_pool_are_lanes(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run, context.Pool(2) as pool:
        pool.map(burn, [0.01] * 4)
    assert 2 == len(run.workers)


def test_the_workers_of_an_executor_are_lanes(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run, ProcessPoolExecutor(2, mp_context=context) as executor:
        list(executor.map(burn, [0.05] * 4))
    assert {"process"} == {lane.kind for lane in run.workers}


def test_each_thread_is_a_lane_and_not_counted_twice() -> None:
    with watch() as run:
        threads = [threading.Thread(target=burn_thread, args=(0.1,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ["main", "thread", "thread"] == [lane.kind for lane in run.lanes]
    assert run.lanes[0].cpu_seconds < 0.1


def test_a_thread_that_runs_a_function_of_the_library_is_a_lane_too() -> None:
    with watch() as run:
        thread = threading.Thread(target=count, args=(1_000,))
        thread.start()
        thread.join()
    assert ["main", "thread"] == [lane.kind for lane in run.lanes]


def test_threads_of_an_executor_are_lanes() -> None:
    with watch() as run, ThreadPoolExecutor(2) as executor:
        list(executor.map(burn_thread, [0.02] * 2))
    assert {"thread"} == {lane.kind for lane in run.workers}


def test_the_threads_of_the_machinery_are_no_lanes(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        queue = context.Queue()
        queue.put("starts a feeder thread")
        queue.get()
        queue.close()
        queue.join_thread()
    assert () == run.workers


def test_helper_processes_are_named_and_are_no_lanes() -> None:
    context = multiprocessing.get_context("spawn")
    with watch() as run:
        worker = context.Process(target=burn, args=(0.01,))
        worker.start()
        worker.join()
    assert 1 == len(run.workers)
    assert {"sampler", "resource tracker"} <= {helper.name for helper in run.helpers}


def test_children_of_workers_are_lanes_with_their_parent() -> None:
    context = multiprocessing.get_context("fork")
    with watch() as run:
        worker = context.Process(target=give_birth, args=(0.05,), name="mother")
        worker.start()
        worker.join()
    lanes = {lane.name: lane for lane in run.workers}
    assert lanes["mother"].pid == lanes["child"].parent_pid


def test_the_cpu_time_of_a_child_is_not_its_mothers() -> None:
    context = multiprocessing.get_context("fork")
    with watch() as run:
        worker = context.Process(target=give_birth, args=(0.2,), name="mother")
        worker.start()
        worker.join()
    lanes = {lane.name: lane for lane in run.workers}
    assert lanes["mother"].cpu_seconds < 0.1 <= lanes["child"].cpu_seconds


def test_a_program_that_was_started_is_a_lane() -> None:
    with watch() as run:
        subprocess.run([sys.executable, "-S", "-c", "raise SystemExit(3)"], check=False)
    assert [3] == [lane.exit_code for lane in run.workers]


@pytest.mark.skipif(not LINUX, reason="only there it is looked for")
def test_a_bare_fork_is_a_lane() -> None:
    with watch() as run:
        pid = os.fork()
        if pid == 0:
            time.sleep(2)
            os._exit(0)
        os.waitpid(pid, 0)
    assert [pid] == [lane.pid for lane in run.workers]


@pytest.mark.skipif(not LINUX, reason="only there it is looked for")
def test_a_bare_fork_from_before_the_block_is_no_lane() -> None:
    with watch():
        pass
    pid = os.fork()
    if pid == 0:
        time.sleep(30)
        os._exit(0)
    time.sleep(0.1)  # longer than a tick
    with watch() as run:
        time.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert () == run.workers


def test_a_pool_of_an_earlier_block_is_a_lane_where_it_works(
    start_method: str, hooked: None
) -> None:
    context = multiprocessing.get_context(start_method)
    pool = context.Pool(1)
    with pool:
        pool.apply(burn, (0.1,))
        with watch() as run:
            pool.apply(burn, (0.1,))
        with watch() as idle:
            pass
    assert 1 == len(run.workers)
    assert () == idle.workers
    assert 0.05 < run.workers[0].cpu_seconds < 0.19


def test_samples_lie_in_the_block_and_never_fall(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        worker = context.Process(target=burn, args=(0.3,))
        worker.start()
        worker.join()
    for lane in range(len(run.lanes)):
        seen = [sample for sample in run.samples if sample.lane == lane]
        assert all(0 <= sample.time <= run.wall_seconds for sample in seen)
        assert sorted(s.cpu_seconds for s in seen) == [s.cpu_seconds for s in seen]


def test_a_working_lane_was_looked_at(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch() as run:
        worker = context.Process(target=burn, args=(0.5,))
        worker.start()
        worker.join()
    assert len([sample for sample in run.samples if sample.lane == 1]) >= 3


STRANGER = """
import os, time
if os.fork() == 0:  # an orphan: nobody of ours
    print(os.getpid(), flush=True)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        pass
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork makes the orphan")
def test_what_others_used_meanwhile_is_told() -> None:
    command = [sys.executable, "-c", STRANGER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        stranger = psutil.Process(int(program.stdout.readline()))
        program.wait(10)
        with watch() as run:
            time.sleep(0.6)
        stranger.kill()
    assert 1 == len(run.lanes)
    assert run.used_by_others is not None
    assert run.used_by_others > 0.2
    assert run.used_by_others == run.cores_in_use.used_by_others == run.peak_cores.used_by_others


def test_what_the_block_used_is_not_counted_as_others() -> None:
    with watch() as run:
        burn_thread(0.3)
        worker = multiprocessing.Process(target=burn, args=(0.3,))
        worker.start()
        worker.join()
    assert run.used_by_others is not None
    assert 0 <= run.used_by_others <= psutil.cpu_count() - run.cores_in_use + 0.3  # ticks


def test_a_run_is_equal_after_json(tmp_path: Path) -> None:
    with watch() as run:
        burn(0.1)
    run.save(tmp_path / "run.json")
    assert run == Run.load(tmp_path / "run.json")


def test_an_exception_passes_and_the_run_tells_of_it() -> None:
    with pytest.raises(ZeroDivisionError), watch() as run:
        _ = 1 / 0
    assert (False, "stopped by ZeroDivisionError") == (run.finished, run.note)


def test_a_run_cannot_be_asked_before_its_end() -> None:
    with watch() as run, pytest.raises(AttributeError, match="still being watched"):
        _ = run.wall_seconds


def test_a_run_is_equal_to_itself_also_before_its_end() -> None:
    with watch() as run:
        same = run == run
        other = run == 1
    assert (True, False, True) == (same, other, run == run.run)


def test_blocks_may_be_nested() -> None:
    with watch("outer") as outer:
        with watch("inner") as inner:
            burn(0.05)
        burn(0.05)
    assert outer.cpu_seconds > inner.cpu_seconds >= 0.05


def test_many_blocks_leave_no_descriptors_and_threads() -> None:
    with watch():
        pass
    process = psutil.Process()
    before = process.num_fds(), threading.active_count()
    for _ in range(50):
        with watch():
            pass
    assert before == (process.num_fds(), threading.active_count())


@pytest.mark.parametrize("interval", [0, 0.001, "often", None])
def test_an_interval_that_makes_no_sense_is_refused(interval: object) -> None:
    with pytest.raises(ValueError, match=r"the interval should be .* not "):
        watch(interval=interval)  # type: ignore[arg-type]


def test_a_block_in_a_thread_can_be_watched() -> None:
    runs = []

    def work() -> None:
        with watch("in a thread") as run:
            burn_thread(0.05)
        runs.append(run)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert runs[0].finished


# --- tasks that a worker cannot read ------------------------------------------------------


class Unreadable:
    """Can be sent, but not be put together again."""

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (str, "no_such_attribute")


def test_a_pools_task_that_cannot_be_unpickled_is_an_error_of_that_task(start_method: str) -> None:
    with watch(), multiprocessing.get_context(start_method).Pool(1) as pool:
        answer = pool.apply_async(len, (Unreadable(),))
        with pytest.raises(AttributeError, match="no_such_attribute"):
            answer.get(30)
        assert 4 == pool.apply_async(abs, (-4,)).get(30)


def test_an_executors_task_that_cannot_be_found_is_an_error_of_that_task(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch(), ProcessPoolExecutor(1, mp_context=context) as executor:
        answer = executor.submit(len, Unreadable())
        with pytest.raises(AttributeError, match="no_such_attribute"):
            answer.result(30)
        assert 4 == executor.submit(abs, -4).result(30)


# --- memory -------------------------------------------------------------------------------


def test_what_a_worker_fills_is_in_its_own_memory_and_not_in_that_of_main(
    start_method: str,
) -> None:
    context = multiprocessing.get_context(start_method)
    filled, enough = context.Event(), context.Event()
    with watch(memory=True) as run:
        filler = context.Process(target=fill, args=(60_000_000, filled, enough), name="filler")
        filler.start()
        assert filled.wait(60)
        time.sleep(0.5)
        enough.set()
        filler.join()
    most = {lane.name: 0 for lane in run.lanes}
    for look in run.memory:
        name = run.lanes[look.lane].name
        assert look.private_bytes is None or look.private_bytes <= look.resident_bytes
        most[name] = max(most[name], look.private_bytes or look.resident_bytes)
    assert most["filler"] > 60_000_000
    assert Run.from_json(run.run.to_json()) == run.run


def test_no_memory_is_looked_at_unless_it_is_asked_for() -> None:
    with watch() as run:
        burn(0.05)
    assert () == run.memory
