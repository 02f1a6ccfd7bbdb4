"""Workers that are stuck, each in its own way; a module of its own, so that they can be spawned."""

import contextlib
import multiprocessing
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any


def say_there(folder: str, name: str) -> None:
    """Write down that a worker is about to hang."""
    (Path(folder) / name).touch()


def take(folder: str, name: str, first: Any, second: Any, both: Any) -> None:
    with first:
        both.wait()
        say_there(folder, name)
        with second:
            pass


def feed(folder: str, name: str, queue: Any) -> None:
    queue.put(b"x" * 1_000_000)
    say_there(folder, name)


def get(folder: str, name: str, queue: Any) -> None:
    say_there(folder, name)
    queue.get()


def match(folder: str, name: str) -> None:
    say_there(folder, name)
    re.fullmatch("(a+)+b", "a" * 60)  # holds the GIL, in C


def loop(folder: str, name: str) -> None:
    say_there(folder, name)
    while True:
        pass


def be_deaf(folder: str, name: str) -> None:
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):  # SIGKILL, SIGSTOP
            signal.signal(number, signal.SIG_IGN)
    say_there(folder, name)
    time.sleep(600)


def block(folder: str, name: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    say_there(folder, name)
    time.sleep(600)


def block_beside_a_thread(folder: str, name: str) -> None:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    block(folder, name)


def stop(folder: str, name: str) -> None:
    say_there(folder, name)
    os.kill(os.getpid(), signal.SIGSTOP)


def join_a_child(folder: str, name: str) -> None:
    child = multiprocessing.Process(target=loop, args=(folder, "grandchild"), name="grandchild")
    child.start()
    say_there(folder, name)
    child.join()


def wait_in_a_thread(folder: str, name: str) -> None:
    thread = threading.Thread(target=loop, args=(folder, name))
    thread.start()
    thread.join()
