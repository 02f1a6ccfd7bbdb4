"""Workers that keep an account of their own, to hold the lens's against."""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["KINDS", "logged", "migrate", "read_logs"]

SWITCH = 0.2  # seconds on one core, before the worker moves to the next


def logged(kind: str, folder: str) -> None:
    """Do a kind of work, and write down the clock and the CPU time of its first and last line."""
    begin, name = time.perf_counter(), multiprocessing.current_process().name
    path = Path(folder) / name
    path.write_text(json.dumps({"begin": begin}))
    KINDS[kind]()
    log = {"begin": begin, "cpu": time.process_time(), "end": time.perf_counter()}
    path.write_text(json.dumps(log))


def read_logs(folder: str) -> dict[str, dict[str, float]]:
    """Return what the workers wrote down, by name."""
    return {path.name: json.loads(path.read_text()) for path in Path(folder).iterdir()}


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def _burn_50_ms() -> None:
    burn(0.05)


def _burn_200_ms() -> None:
    burn(0.2)


def _half_idle() -> None:
    for _ in range(10):
        burn(0.01)
        time.sleep(0.01)


def _kernel_work() -> None:
    until = time.process_time() + 0.1
    while time.process_time() < until:
        os.urandom(1 << 20)


def _two_threads() -> None:
    threads = [threading.Thread(target=burn, args=(0.1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _a_child() -> None:
    child = multiprocessing.Process(target=burn, args=(0.1,), name="grandchild")
    child.start()
    child.join()
    burn(0.05)


def _leave_at_once() -> None:
    burn(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def _until_killed() -> None:
    while True:
        pass


KINDS: dict[str, Callable[[], None]] = {
    "CPU-bound, 50 ms": _burn_50_ms,
    "CPU-bound, 200 ms": _burn_200_ms,
    "half idle": _half_idle,
    "in the kernel": _kernel_work,
    "two threads": _two_threads,
    "with a child": _a_child,
    "kills itself": _leave_at_once,
    "killed by kill()": _until_killed,
    "killed from outside": _until_killed,
}


def migrate(cores: list[int], rounds: int, path: str) -> None:
    """Compute on one core after the other, and write down from when to when on which."""
    stays = []
    for number in range(rounds):
        core = cores[number % len(cores)]
        os.sched_setaffinity(0, {core})
        begin = time.perf_counter()
        while time.perf_counter() < begin + SWITCH:
            pass
        stays.append((core, begin, time.perf_counter()))
    Path(path).write_text(json.dumps(stays))
