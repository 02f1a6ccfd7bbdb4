"""What the workers of the tests do; a module of its own, so that spawned ones start quickly."""

import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def burn_thread(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def fill(size: int, filled: Event, enough: Event) -> None:
    block = b"x" * size
    filled.set()
    enough.wait(60)
    assert block


def raise_value_error() -> None:
    raise ValueError("on purpose")


def worker() -> None:
    sys.exit(7)


def give_birth(seconds: float) -> None:
    child = multiprocessing.get_context("fork").Process(target=burn, args=(seconds,), name="child")
    child.start()
    child.join()


def ignore_sigterm(there: Event) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    there.set()
    time.sleep(60)


def burn_and_tell(task: tuple[float, str]) -> int:
    """Burn some CPU time, then note all that this process has used; return its pid."""
    seconds, path = task
    burn(seconds)
    with Path(path).open("ab", buffering=0) as file:
        file.write(f"{os.getpid()} {time.process_time()}\n".encode())
    return os.getpid()
