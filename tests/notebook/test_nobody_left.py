"""Nobody left behind: whatever befalls the kernel, no worker outlives it.

One kernel runs workers of every kind at once: computing, blocked, deaf to signals, holding
the GIL, with children of their own, under Process, Pool and ProcessPoolExecutor.  Each
fault is tried MANYBRAINS_TRIALS times (once by default) under every start method.
"""

import ast
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager
from kernels import start_kernel

TRIALS = int(os.environ.get("MANYBRAINS_TRIALS", "1"))
MARK = "MANYBRAINS_TRIAL"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 30 * TRIALS)]
MACHINERY = (
    "resource_tracker",
    "forkserver",
    "manybrains.sampler.process",
    "ipykernel_launcher",
)

SET_UP = """
%load_ext manybrains
import multiprocessing, os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool, Process, Queue
multiprocessing.set_start_method({method!r}, force=True)

def compute():
    while True:
        pass

def block(queue):
    queue.get()

def be_deaf():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    compute()

def hold_the_gil():
    sum(range(10**15))

def have_children():
    children = [Process(target=compute), Process(target=be_deaf)]
    for child in children:
        child.start()
    time.sleep(600)

def sleep(seconds):
    time.sleep(seconds)
"""
START = """%%watch everybody
queue = Queue()
kinds = [(compute, ()), (block, (queue,)), (be_deaf, ()), (hold_the_gil, ()), (have_children, ())]
ps = [Process(target=target, args=arguments) for target, arguments in kinds]
for p in ps:
    p.start()
pool = Pool(2)
waiting = pool.map_async(sleep, [600] * 2)
executor = ProcessPoolExecutor(2)
futures = [executor.submit(sleep, 600) for _ in range(2)]
print("all asked for", flush=True)
ps[0].join()
"""
# five processes, two grandchildren, two of the pool, one or two of the executor
LEAST = 10


@contextmanager
def crowded_kernel(method: str) -> Iterator[tuple[KernelManager, Any, str]]:
    """Yield a kernel in whose running cell all kinds of workers are alive, and its mark."""
    mark = uuid.uuid4().hex
    manager, client = start_kernel(env={**os.environ, MARK: mark})
    try:
        reply = client.execute_interactive(SET_UP.format(method=method), timeout=60)
        assert "ok" == reply["content"]["status"]
        client.execute(START)
        wait_until(lambda: len(workers(mark)) >= LEAST, "the workers to be there")
        yield manager, client, mark
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        for process in marked(mark):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def marked(mark: str) -> list[psutil.Process]:
    """Return every living process of this trial, however it was started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found


def workers(mark: str) -> list[psutil.Process]:
    found = []
    for process in marked(mark):
        try:
            if _is_worker(process):
                found.append(process)
        except psutil.Error:  # it has ended meanwhile
            continue
    return found


def _is_worker(process: psutil.Process) -> bool:
    command, parent = " ".join(process.cmdline()), process.parent()
    if "spawn_main" in command:
        return True
    if parent is None:
        return False
    if "forkserver" in command and "forkserver" in " ".join(parent.cmdline()):
        return True
    return MARK in parent.environ() and not any(word in command for word in MACHINERY[:3])


def wait_until(true: Any, what: str, seconds: float = 30) -> float:
    begin = time.monotonic()
    while not true():
        if time.monotonic() > begin + seconds:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)
    return time.monotonic() - begin


@pytest.mark.skipif(sys.platform == "win32", reason="kernels end differently on Windows")
@pytest.mark.parametrize("trial", range(TRIALS))
class TestFaults:
    def test_a_killed_kernel_leaves_nobody(self, start_method: str, trial: int) -> None:
        with crowded_kernel(start_method) as (manager, _, mark):
            psutil.Process(manager.provisioner.pid).kill()
            wait_until(lambda: not marked(mark), f"{marked(mark)} to end", 5)

    def test_a_kernel_that_is_shut_down_leaves_nobody(self, start_method: str, trial: int) -> None:
        with crowded_kernel(start_method) as (manager, _, mark):
            manager.shutdown_kernel(now=False)
            wait_until(lambda: not marked(mark), f"{marked(mark)} to end", 10)

    def test_a_restarted_kernel_leaves_nobody(self, start_method: str, trial: int) -> None:
        with crowded_kernel(start_method) as (manager, _, mark):
            manager.restart_kernel(now=True)
            wait_until(lambda: len(marked(mark)) == 1, "the new kernel to be alone", 5)

    def test_an_interrupted_cell_leaves_nobody_and_the_kernel_answers(
        self, start_method: str, trial: int
    ) -> None:
        with crowded_kernel(start_method) as (manager, client, mark):
            manager.interrupt_kernel()
            wait_until(lambda: not workers(mark), f"{workers(mark)} to end", 5)
            wait_for_idle(client)
            assert "ok" == status_of_next_cell(client)


# --- whoever else is a child of the notebook ----------------------------------------------

OTHERS = """
%load_ext manybrains
import os, subprocess, time
os.system("sh -c 'echo $$ > {folder}/background; exec sleep 600' &")
os.system("setsid sh -c 'echo $$ > {folder}/daemon; exec sleep 600' &")
os.system("nohup sh -c 'echo $$ > {folder}/nohup; exec sleep 600' > /dev/null &")
programs = {{
    "program": subprocess.Popen(["sh", "-c", "sleep 600; true"]),
    "own session": subprocess.Popen(["sleep", "600"], start_new_session=True),
}}
if (pid := os.fork()) == 0:
    time.sleep(600)
    os._exit(0)
pids = {{name: program.pid for name, program in programs.items()}} | {{"fork": pid}}
for name in ("background", "daemon", "nohup"):
    while not os.path.exists(path := f"{folder}/{{name}}") or not open(path).read().strip():
        time.sleep(0.01)
    pids[name] = int(open(path).read())
with open("{folder}/pids", "w") as file:
    file.write(repr(pids))
"""
LOKY = """
from joblib import Parallel, delayed
def busy(_):
    while True:
        pass
Parallel(n_jobs=2)(delayed(busy)(i) for i in range(2))
"""


def killed_kernel(folder: Path, cell: str, ready: Callable[[str], bool]) -> str:
    """Run these cells in a kernel, kill it when all is ready, and return the mark of the trial."""
    mark = uuid.uuid4().hex
    manager, client = start_kernel(env={**os.environ, MARK: mark}, cwd=str(folder))
    try:
        reply = client.execute_interactive(OTHERS.format(folder=folder), timeout=60)
        assert "ok" == reply["content"]["status"]
        client.execute(cell)
        wait_until(lambda: ready(mark), "everybody to be there")
        psutil.Process(manager.provisioner.pid).kill()
    finally:
        client.stop_channels()
        # Not `shutdown_kernel`, which would signal the whole group: that is left to the sampler.
        manager.provisioner.process.wait()
        manager.cleanup_resources()
    return mark


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sampler looks into /proc")
def test_a_killed_kernel_leaves_no_program_but_those_that_have_detached_themselves(
    tmp_path: Path,
) -> None:
    mark = killed_kernel(tmp_path, "pass", lambda _: (tmp_path / "pids").exists())
    pids = ast.literal_eval((tmp_path / "pids").read_text())
    expected = {"own session", "daemon", "nohup"}
    try:
        wait_until(lambda: {p.pid for p in marked(mark)} <= {pids[n] for n in expected}, "ends", 5)
        time.sleep(0.3)
        alive = {process.pid for process in marked(mark)}
        assert expected == {name for name, pid in pids.items() if pid in alive}
    finally:
        for process in marked(mark):
            process.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sampler looks into /proc")
def test_a_killed_kernel_leaves_no_worker_of_loky(tmp_path: Path) -> None:
    pytest.importorskip("joblib")

    def loky(mark: str) -> list[psutil.Process]:
        found = []
        for process in marked(mark):
            with suppress(psutil.Error):  # it has ended meanwhile
                if "LokyProcess" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    mark = killed_kernel(tmp_path, LOKY, lambda mark: len(loky(mark)) == 2)
    try:
        wait_until(lambda: not loky(mark), "loky's workers to end", 5)
    finally:
        for process in marked(mark):
            process.kill()


def status_of_next_cell(client: Any) -> str:
    """Run a cell; again where it was asked for while the kernel still drops those that queue.

    After an error it answers "aborted" to whatever had been sent before it told of the error.
    """
    until = time.monotonic() + 20
    while time.monotonic() < until:
        reply = client.execute_interactive("everybody.finished", timeout=20)
        if reply["content"]["status"] != "aborted":
            break
    return str(reply["content"]["status"])


def wait_for_idle(client: Any) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            message = client.get_shell_msg(timeout=1)
        except Empty:
            continue
        if message["content"].get("status") == "error":
            return
    pytest.fail("the interrupted cell never ended")
