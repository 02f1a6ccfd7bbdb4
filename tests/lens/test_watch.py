"""watch(): every worker of a block becomes a lane, and nothing is invented or missed."""

import asyncio
import importlib
import marshal
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import connection
from pathlib import Path

import psutil
import pytest
from worker_functions import (
    burn,
    burn_thread,
    give_birth,
    ignore_sigterm,
    raise_value_error,
    worker,
)

from manybrains import Run, count, watch
from manybrains.lens import hooks
from manybrains.lens import procfs as looking
from manybrains.lens import sampler_process as sampler
from manybrains.lens.deadline import Deadline, DeadlinePassed
from manybrains.workers.session import current
from manybrains.workers.start_hooks import HOOKS_OF_EVERY_PROCESS

pytestmark = pytest.mark.usefixtures("nobody_left")


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere it is wait4")
@pytest.mark.parametrize(
    "method", [m for m in multiprocessing.get_all_start_methods() if m != "forkserver"]
)
def test_who_asks_while_another_thread_is_being_told_is_told_as_well(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waitpid, reaped = os.waitpid, threading.Event()

    def late(pid: int, flag: int) -> tuple[int, int]:
        told = waitpid(pid, flag)
        if told[0] == process.pid:
            reaped.set()
            time.sleep(0.05)
        return told

    process = multiprocessing.get_context(method).Process(target=worker)
    with watch() as run:
        process.start()
        joining = threading.Thread(target=process.join)
        monkeypatch.setattr(os, "waitpid", late)
        joining.start()
        assert reaped.wait(30)
        assert 7 == process.exitcode
        joining.join()
    assert [7] == [lane.exit_code for lane in run.workers if lane.kind == "process"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="who waits for it elsewhere, is told")
def test_of_a_worker_that_somebody_else_has_waited_for_nobody_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooks.install()
    process = multiprocessing.get_context("fork").Process(target=worker)
    process.start()
    os.waitpid(process.pid, 0)
    assert process.exitcode is None
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited again"))
    assert process.exitcode is None
    multiprocessing.process._children.discard(process)


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there it is looked for")
def test_a_bare_fork_is_a_lane() -> None:
    with watch() as run:
        pid = os.fork()
        if pid == 0:
            time.sleep(2)
            os._exit(0)
        os.waitpid(pid, 0)
    assert [pid] == [lane.pid for lane in run.workers]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there it is looked for")
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there it is looked for")
def test_who_was_forked_before_the_sampler_woke_was_not_there_before() -> None:
    """The block does not wait for the sampler, which may be late on a busy machine."""
    looking_on = sampler.Sampler(os.devnull, os.getpid())
    begin = time.perf_counter()
    time.sleep(0.1)
    pid = os.fork()
    if pid == 0:
        time.sleep(30)
        os._exit(0)
    looking_on._know_who_was_there(begin)
    assert pid not in looking_on._known
    looking_on._know_who_was_there(time.perf_counter() + 0.1)
    assert pid in looking_on._known
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    looking_on._know_who_was_there(time.perf_counter())
    assert pid not in looking_on._known
    os.close(looking_on._journal)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="else it is read at every look")
def test_who_did_nothing_is_not_read_again_and_who_died_is_looked_at_once_more() -> None:
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    worker.start()
    seen = looking.LinuxProcess(worker.pid)
    until = time.monotonic() + 30
    while seen.look() and seen.stirred and time.monotonic() < until:
        time.sleep(0.05)
    assert not seen.stirred
    _, *before = seen.look()
    worker.kill()
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(OSError, match=str(worker.pid)):
        seen._fields()
    _, cpu, *after = seen.last_look()
    assert before[1:] == after
    assert before[0] <= cpu
    worker.join()
    with pytest.raises(OSError, match=r"."):
        seen.last_look()
    seen.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there it is looked for")
def test_who_has_ended_is_not_found_again_while_its_parent_has_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = os.getpid()
    with monkeypatch.context() as another_process:  # a sampler leaves itself out
        another_process.setattr(os, "getpid", lambda: 0)
        looking_on = sampler.Sampler(os.devnull, parent)
    record = looking_on._records[b"0"] = sampler.Record(0.05)
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    worker.start()
    looking_on._add(worker.pid)
    worker.kill()
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    looking_on._see_off(worker.pid)
    ended, last = dict(record.gone), list(record.last)
    with monkeypatch.context() as another_process:
        another_process.setattr(os, "getpid", lambda: 0)
        looking_on._scan(time.perf_counter())
    assert ([worker.pid], [worker.pid]) == ([*ended], [look[1] for look in last])
    assert (ended, last) == (record.gone, record.last)
    assert (worker.pid, 0) not in looking_on._seen
    worker.join()
    os.close(looking_on._journal)


def test_a_pool_of_an_earlier_block_is_a_lane_where_it_works(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch():  # from here on births are noted
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="its CPU clock is Linux's")
def test_a_sampler_that_is_late_takes_nothing_from_main_and_its_threads() -> None:
    """What they used before its first look, and after its last, their own clocks tell."""
    with ThreadPoolExecutor(1) as pool:
        with watch():
            pool.submit(burn_thread, 0.05).result()
        session = current()
        assert session is not None
        late = session.sampler._program.pid
        os.kill(late, signal.SIGSTOP)
        with watch() as run:
            pool.submit(burn_thread, 0.1).result()
            burn(0.1)
            os.kill(late, signal.SIGCONT)
            time.sleep(0.3)
    main, thread = run.lanes
    assert 0.1 <= thread.cpu_seconds < 0.15
    assert all(0.1 <= sample.cpu_seconds for sample in run.samples if sample.lane == 0)
    assert 0.1 <= main.cpu_seconds < 0.15


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc elsewhere")
@pytest.mark.parametrize("text", [None, "", "cpu\n", "cpu 1 2 3\n", "cpu a b c d e f g h\n"])
def test_where_the_system_keeps_it_to_itself_nothing_is_told_of_others(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stat"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(looking, "open", lambda *_: Path.open(path, "rb"), raising=False)
    assert (None, 0) == (looking.busy_seconds(), looking.kills_for_memory())
    monkeypatch.setattr(sampler, "SHORTEST", 0.0)
    record = sampler.Record(0.05)
    record.look_at_the_machine()
    assert ([], {}, [], None, 0) == marshal.loads(record.report())


@pytest.mark.parametrize(("shortest", "told"), [(0.0, True), (1e9, False)])
def test_in_a_block_that_is_very_short_others_cannot_be_told(
    shortest: float, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "SHORTEST", shortest)
    record = sampler.Record(0.05)
    record.look_at_the_machine()
    assert told is (marshal.loads(record.report())[3] is not None)


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


@pytest.mark.parametrize("deadline", [0, -1, "soon", float("nan"), float("inf"), True])
def test_a_deadline_that_makes_no_sense_is_refused(deadline: object) -> None:
    with pytest.raises(ValueError, match=r"the deadline should be .* not "):
        watch(deadline=deadline)  # type: ignore[arg-type]


@pytest.mark.parametrize("interval", [0, 0.001, "often", None])
def test_an_interval_that_makes_no_sense_is_refused(interval: object) -> None:
    with pytest.raises(ValueError, match=r"the interval should be .* not "):
        watch(interval=interval)  # type: ignore[arg-type]


# --- deadlines ----------------------------------------------------------------------------


def test_a_deadline_ends_a_queue_that_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    with watch("waiting", deadline=0.2) as run:
        multiprocessing.Queue().get()
    assert not run.finished
    assert "waiting: stopped at its deadline of 0.2 s" in capsys.readouterr().out


def test_a_deadline_ends_a_loop_in_the_main_thread() -> None:
    with watch(deadline=0.2, quiet=True) as run:
        while True:
            pass
    assert not run.finished


def test_a_deadline_ends_workers_that_ignore_sigterm(start_method: str) -> None:
    context = multiprocessing.get_context(start_method)
    with watch(deadline=1.5, quiet=True) as run:
        worker = context.Process(target=ignore_sigterm)
        worker.start()
        worker.join()
    assert (False, -signal.SIGKILL) == (run.finished, run.workers[0].exit_code)


def test_a_deadline_ends_a_hanging_await() -> None:
    async def wait() -> Run:
        with watch(deadline=0.2, quiet=True) as run:
            await asyncio.sleep(60)
        return run

    assert not asyncio.run(wait()).finished


def test_a_deadline_that_is_being_called_off_interrupts_nobody() -> None:
    """Its thread may have asked for an interrupt just before."""

    class Interrupted(threading.Event):
        def set(self) -> None:
            signal.raise_signal(signal.SIGINT)
            super().set()

    deadline = Deadline(0.01, lambda: None)
    deadline._over = Interrupted()
    deadline.start()
    with pytest.raises(DeadlinePassed):
        while True:
            time.sleep(0.01)
    deadline.stop()
    assert deadline.passed


def test_a_deadline_that_is_not_reached_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    with watch(deadline=30) as run:
        burn(0.01)
    assert (True, before) == (run.finished, signal.getsignal(signal.SIGINT))


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


def test_a_block_that_ends_forgets_nobody_of_one_that_is_being_closed(start_method: str) -> None:
    with watch():
        pass
    session = current()
    assert session is not None
    sampler = session.sampler
    closing = sampler.begin(0.05)
    process = multiprocessing.get_context(start_method).Process(target=burn, args=(0.0,))
    process.start()
    process.join()
    other = sampler.begin(0.05)
    sampler.end(closing)
    sampler.end(other)
    sampler.forget(other)
    assert process.pid in [life.pid for life in sampler.lives.read()]
    sampler.forget(closing)


# --- what is hooked -----------------------------------------------------------------------


def test_uninstalling_restores_everything() -> None:
    hooks.uninstall()
    owners = {(owner, name) for owner, name, _ in _table()}
    before = {key: vars(key[0]).get(key[1]) for key in owners}
    hooks.install()
    hooks.uninstall()
    assert before == {key: vars(key[0]).get(key[1]) for key in owners}


def test_what_is_imported_later_is_hooked_then_and_restored_as_well() -> None:
    code = (
        "import sys; from manybrains.lens import hooks; hooks.install(); "
        "assert 'multiprocessing.pool' not in sys.modules; import importlib.util; "
        "importlib.util.find_spec('multiprocessing.pool'); from multiprocessing import pool; "
        "print(hasattr(pool.Pool._setup_queues, '__wrapped__')); finders = len(sys.meta_path); "
        "hooks.uninstall(); print(hasattr(pool.Pool._setup_queues, '__wrapped__')); "
        "print(finders - len(sys.meta_path))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ["True", "False", "1"] == done.stdout.split()


def _table() -> list[tuple[object, str, object]]:
    tables = [*HOOKS_OF_EVERY_PROCESS.items(), *hooks.HOOKS_OF_THE_PARENT.items()]
    tables += hooks.HOOKS_OF_A_NOTEBOOK.items()
    return [hook for name, table in tables for hook in table(importlib.import_module(name))]


def test_uninstalling_removes_the_temporary_folder_and_the_sampler() -> None:
    with watch():
        pass
    session = current()
    assert session is not None
    [sampler] = [pid for pid, name in session.helpers.items() if name == "sampler"]
    hooks.uninstall()
    assert (False, False) == (Path(session.folder).exists(), psutil.pid_exists(sampler))


def test_the_temporary_folder_is_private() -> None:
    session = hooks.install()
    modes = {oct(path.stat().st_mode & 0o777) for path in [Path(session.folder)]}
    modes |= {oct(path.stat().st_mode & 0o777) for path in Path(session.folder).iterdir()}
    assert {"0o700", "0o600"} == modes


def test_the_sampler_ends_by_itself_while_forked_workers_live_on() -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    with watch():
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()
    session = current()
    assert session is not None
    sampler = session.sampler._program
    hooks.uninstall()
    worker.kill()
    worker.join()
    assert 0 == sampler.returncode


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
