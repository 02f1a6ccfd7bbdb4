"""Nobody left: how long after a fault the last worker is gone, counted many times.

The kernel and its crowd of workers are those of tests/notebook/test_nobody_left.py: computing,
blocked, deaf to signals, holding the GIL, with children of their own, in Processes, Pools,
executors.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
from report import CHECKOUT, Aim, Options, Report, Table, main, spread

sys.path.insert(0, str(CHECKOUT / "tests" / "notebook"))
from test_nobody_left import crowded_kernel, marked, workers

WANTED = 1.0  # seconds
PATIENCE = 10.0  # seconds until those who are there count as left over
Fault = Callable[[Any], object]


def kill(manager: Any) -> None:
    os.kill(manager.provisioner.pid, signal.SIGKILL)


def in_background(fault: Fault) -> Fault:
    """Return the fault begun in a thread: it waits for the kernel, and the clock shall not."""

    def begun(manager: Any) -> threading.Thread:
        thread = threading.Thread(target=fault, args=(manager,))
        thread.start()
        return thread

    return begun


FAULTS: dict[str, Fault] = {
    "kernel killed": kill,
    "kernel shut down": in_background(lambda manager: manager.shutdown_kernel(now=False)),
    "kernel restarted": in_background(lambda manager: manager.restart_kernel(now=True)),
    "cell interrupted": lambda manager: manager.interrupt_kernel(),
}


def seconds_until_gone(method: str, fault: str) -> tuple[float, int, int]:
    """Return how long the last one lived on, how many there were, how many are left.

    The clock begins when the kernel has ended, or is interrupted: before it kills a busy
    kernel that it was asked to shut down, Jupyter itself waits for some seconds.
    """
    with crowded_kernel(method) as (manager, _, mark):
        kernel = manager.provisioner.pid
        crowd = {process.pid for process in marked(mark)} - {kernel}
        many = len(crowd)
        if fault == "cell interrupted":
            crowd = {process.pid for process in workers(mark)}
        begun = FAULTS[fault](manager)
        began = time.perf_counter() if fault == "cell interrupted" else _end_of(kernel)
        gone = began
        until = began + PATIENCE
        while (crowd := set(filter(_is_alive, crowd))) and time.perf_counter() < until:
            time.sleep(0.002)
            gone = time.perf_counter()
        if isinstance(begun, threading.Thread):
            begun.join(PATIENCE)
        while (left := _left(manager, mark)) and time.perf_counter() < until:
            gone = time.perf_counter()  # born at the very moment of the fault
        return gone - began, many, len(left)


def _end_of(pid: int) -> float:
    until = time.perf_counter() + PATIENCE
    while _is_alive(pid) and time.perf_counter() < until:
        time.sleep(0.001)
    return time.perf_counter()


def _left(manager: Any, mark: str) -> list[psutil.Process]:
    """Return those of the crowd that are there: not the kernel, whose pid is another by now."""
    if manager.has_kernel and _is_alive(manager.provisioner.pid):
        return [process for process in workers(mark) if _is_alive(process.pid)]
    return [process for process in marked(mark) if _is_alive(process.pid)]


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def measure(options: Options) -> Report:
    """Try every fault under every start method."""
    trials = options.times(1, 50)
    found: dict[str, list[tuple[float, int, int]]] = {}
    rows, aims = [], []
    for fault in FAULTS:
        for method in options.methods:
            each = [seconds_until_gone(method, fault) for _ in range(trials)]
            found[f"{fault}, {method}"] = each
            took, left = [one[0] for one in each], sum(one[2] for one in each)
            clean = sum(one[0] <= WANTED and not one[2] for one in each)
            rows.append([fault, method, str(trials), spread([float(one[1]) for one in each], 1, 0)])
            rows[-1] += [spread(took), f"{max(took):.3f}", str(left), f"{clean} of {trials}"]
            says = f"{fault}, {method}: nobody left within {WANTED:g} s, every time"
            aims.append(
                Aim(says, f"{clean} of {trials}, {max(took):.2f} s at most", clean == trials)
            )
    head = ["fault", "start method", "trials", "processes", "until the last is gone [s]"]
    head += ["at most [s]", f"left after {PATIENCE:g} s", f"none left within {WANTED:g} s"]
    return Report("Nobody left", [Table("Faults", head, rows)], aims, (), found)


if __name__ == "__main__":
    main(measure, __doc__ or "")
