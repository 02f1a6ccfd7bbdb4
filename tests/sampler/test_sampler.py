"""The process that looks: whom it sees, what it tells, and when it ends."""

import marshal
import math
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from worker_functions import burn, burn_thread

from manybrains import watch
from manybrains.lens import installation
from manybrains.sampler import procfs
from manybrains.sampler import record as records
from manybrains.sampler.process import Sampler
from manybrains.sampler.waiter import Bell
from manybrains.workers.events import EventLog
from manybrains.workers.platform import LINUX
from manybrains.workers.session import Session

pytestmark = pytest.mark.usefixtures("nobody_left")
linux = pytest.mark.skipif(not LINUX, reason="only there it is looked for")


@pytest.fixture
def session() -> Iterator[Session]:
    """The hooks, which stay while the test runs, as they do in a notebook."""
    yield installation.install()
    installation.release()


@pytest.fixture
def log(tmp_path: Path) -> str:
    """An empty log of events."""
    path = tmp_path / "log"
    path.touch()
    return str(path)


@linux
def test_who_was_forked_before_the_sampler_woke_was_not_there_before(log: str) -> None:
    """The block does not wait for the sampler, which may be late on a busy machine."""
    looking_on = Sampler(log, os.getpid())
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
    os.close(looking_on._log)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="else it is read at every look")
def test_who_did_nothing_is_not_read_again_and_the_clock_of_who_died_is_read_once_more() -> None:
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    worker.start()
    seen = procfs.LinuxProbe(worker.pid)
    until = time.monotonic() + 30
    while seen.look() and seen.has_moved and time.monotonic() < until:
        time.sleep(0.05)
    assert not seen.has_moved
    _, *before = seen.look()
    worker.kill()
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(OSError, match=str(worker.pid)):
        seen._fields()
    assert before[0] <= seen.last_cpu_seconds()
    worker.join()
    with pytest.raises(OSError, match=r"."):
        seen.last_cpu_seconds()
    seen.close()


@pytest.fixture
def looking_on(log: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sampler]:
    """A sampler in this process, which takes itself for another and looks at this one."""
    parent = os.getpid()
    monkeypatch.setattr("manybrains.sampler.process.os.getpid", lambda: 0)
    sampler = Sampler(log, parent)
    sampler._records[b"0"] = records.Record(0.05)
    yield sampler
    os.close(sampler._log)


@pytest.fixture
def ended_worker() -> Iterator[Callable[[Sampler | None], int]]:
    """Starts a worker, lets a sampler see it, and kills it; nobody is told until the end."""
    workers = []

    def make(seen_by: Sampler | None) -> int:
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()
        workers.append(worker)
        if seen_by is not None:
            seen_by._add(worker.pid)
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        return worker.pid

    yield make
    for worker in workers:
        worker.join()


@linux
def test_who_has_ended_is_not_found_again_while_its_parent_has_not_asked(
    looking_on: Sampler, ended_worker: Callable[[Sampler | None], int]
) -> None:
    pid = ended_worker(looking_on)
    record = looking_on._records[b"0"]
    assert [] == [look for look in looking_on._look(time.perf_counter()) if look[1] == pid]
    [(seen, _, cpu, is_exact)] = record.exits
    assert (pid, True, True) == (seen, is_exact, cpu is not None)
    looking_on._scan(time.perf_counter())
    assert 1 == len(record.exits)
    assert (pid, 0) not in looking_on._seen


@linux
def test_of_one_that_had_ended_before_it_was_seen_the_moment_is_not_exact(
    looking_on: Sampler, ended_worker: Callable[[Sampler | None], int]
) -> None:
    pid = ended_worker(None)
    looking_on._add(pid)
    assert [(pid, False)] == [(one[0], one[3]) for one in looking_on._records[b"0"].exits]


@linux
def test_the_sampler_wakes_up_when_somebody_writes_to_the_log(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path / "log"))
    code = "from test_sampler import ring; ring()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, text=True
    ) as program:
        assert program.stdout is not None
        rings = 0
        for line in program.stdout:  # it is armed: once for each line
            assert "armed" == line.strip()
            log.note("born", 7)
            rings += 1
    assert (0, 3) == (program.returncode, rings)


def ring() -> None:
    """Wait three times for the bell, in a process of its own: a signal is the process's."""
    bell = Bell(sys.argv[1])
    for _ in range(3):
        while (pause := bell.arm()) is not None:
            time.sleep(pause)
        print("armed", flush=True)
        assert select.select([bell.descriptor], [], [], 30)[0]
        bell.rang()


@linux
@pytest.mark.parametrize("text", [None, "", "cpu\n", "cpu 1 2 3\n", "cpu a b c d e f g h\n"])
def test_where_the_system_keeps_it_to_itself_nothing_is_told_of_others(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stat"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(procfs, "open", lambda *_: Path.open(path, "rb"), raising=False)
    assert (None, 0) == (procfs.busy_seconds(), procfs.kills_for_memory())
    monkeypatch.setattr(records, "SHORTEST", 0.0)
    record = records.Record(0.05)
    record.look_at_the_machine()
    assert ([], [], [], [], None, 0, []) == marshal.loads(record.report())


@pytest.mark.parametrize(("shortest", "told"), [(0.0, True), (1e9, False)])
def test_in_a_block_that_is_very_short_others_cannot_be_told(
    shortest: float, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "SHORTEST", shortest)
    record = records.Record(0.05)
    record.look_at_the_machine()
    assert told is (marshal.loads(record.report())[4] is not None)


def test_the_longer_a_look_at_the_memory_takes_the_later_comes_the_next() -> None:
    record = records.Record(0.05, with_memory=True)
    now = time.perf_counter()
    assert record.next_memory <= now
    record.keep_memory([(now, 7, 9, 5)], now - 1)
    assert record.next_memory >= now + records.MEMORY_PAUSE
    assert [(now, 7, 9, 5)] == marshal.loads(record.report())[6]


def test_where_nobody_asked_the_memory_is_not_looked_at() -> None:
    assert math.inf == records.Record(0.05).next_memory


# --- what is told while the block runs


def rounds_of(times: Iterable[float], lanes: int = 2) -> list[list[records.Look]]:
    return [[(time, 1, lane, time / 2, 0, None) for lane in range(lanes)] for time in times]


def told_by(record: records.Record, since: float, *counts: int) -> tuple[list[float], list[int]]:
    """The times of the looks that are told, and how many of the others."""
    looks, *others = marshal.loads(record.news(since, *(counts or (0, 0, 0))))
    return [look[0] for look in looks], [len(other) for other in others]


def test_news_are_what_is_not_known_yet_and_the_report_has_all() -> None:
    record = records.Record(0.05)
    for looks in rounds_of([1.0, 2.0, 3.0]):
        record.keep(looks)
    record.exits += [(5, 1.5, None, True), (6, 2.5, None, True)]
    assert ([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], [2, 0, 0]) == told_by(record, -math.inf)
    assert ([3.0, 3.0], [1, 0, 0]) == told_by(record, 2.0, 1, 0, 0)
    assert ([], [0, 0, 0]) == told_by(record, 3.0, 2, 0, 0)
    assert 6 == len(marshal.loads(record.report())[0])


def test_the_newest_look_is_told_although_it_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_LOOKS", 10)
    record = records.Record(0.05)
    for looks in rounds_of(range(1, 42)):
        record.keep(looks)
        assert looks[0][0] == told_by(record, looks[0][0] - 1)[0][-1]


def test_so_many_looks_at_once_are_thinned_out_and_the_newest_stays() -> None:
    record = records.Record(0.05)
    for looks in rounds_of(range(1, 1_000)):
        record.keep(looks)
    times, _ = told_by(record, -math.inf)
    assert len(times) <= records.MOST_NEWS + 2
    assert ([*sorted(times)], 999) == (times, times[-1])


def test_there_are_no_news_before_the_first_look() -> None:
    assert ([], [0, 0, 0]) == told_by(records.Record(0.05), -math.inf)


@linux
def test_a_kernel_that_does_not_tell_the_parts_of_a_memory_tells_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(procfs, "open", missing, raising=False)
    seen = procfs.LinuxProbe(os.getpid())
    resident, private = seen.memory()
    seen.close()
    assert (True, None) == (resident > 10**6, private)


@pytest.mark.parametrize("probe", [procfs.PortableProbe, procfs.probe])
def test_what_is_private_is_a_part_of_what_is_resident(probe: Callable[..., procfs.Probe]) -> None:
    seen = probe(os.getpid())
    resident, private = seen.memory()
    seen.close()
    assert private is None or 0 < private < resident


def test_a_system_that_keeps_the_parts_of_a_memory_to_itself_tells_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(_: psutil.Process) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "memory_full_info", denied)
    resident, private = procfs.PortableProbe(os.getpid()).memory()
    assert (True, None) == (resident > 10**6, private)


def test_a_block_that_ends_forgets_nobody_of_one_that_is_being_closed(
    start_method: str, session: Session
) -> None:
    with watch():
        pass
    sampler = session.sampler
    closing = sampler.begin(0.05)
    process = multiprocessing.get_context(start_method).Process(target=burn, args=(0.0,))
    process.start()
    process.join()
    other = sampler.begin(0.05)
    sampler.end(closing)
    sampler.end(other)
    sampler.forget(other)
    assert process.pid in [life.pid for life in sampler.lifetimes.read()]
    sampler.forget(closing)


def test_the_sampler_ends_by_itself_while_forked_workers_live_on(session: Session) -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    with watch():
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()
    sampler = session.sampler._program
    installation.uninstall()
    worker.kill()
    worker.join()
    assert 0 == sampler.returncode


@linux
def test_a_sampler_that_is_late_takes_nothing_from_main_and_its_threads(session: Session) -> None:
    """What they used before its first look, and after its last, their own clocks tell."""
    with ThreadPoolExecutor(1) as pool:
        with watch():
            pool.submit(burn_thread, 0.05).result()
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


OWNER = """
import multiprocessing, time
from multiprocessing import util
from manybrains import watch
with watch():
    print(util.get_temp_dir(), flush=True)
    time.sleep(60)
"""


@linux
def test_the_folder_of_multiprocessing_goes_with_a_process_that_is_killed() -> None:
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        assert folder.name.startswith("pymp-")
        assert folder.is_dir()
        owner.kill()
    until = time.monotonic() + 20
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not folder.exists()
