"""What the workers of the tests do; a module of its own, so that spawned ones start quickly."""

import multiprocessing
import signal
import time


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def burn_thread(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def raise_value_error() -> None:
    raise ValueError("on purpose")


def give_birth(seconds: float) -> None:
    child = multiprocessing.get_context("fork").Process(target=burn, args=(seconds,), name="child")
    child.start()
    child.join()


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
