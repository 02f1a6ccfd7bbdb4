"""A Python of its own in which workloads run under one condition, so that hooks do not spread.

As a program it obeys one order a line; `Contender` is our end of it, and `duel` lets several
of them run the same workload in turn.  The conditions:

    bare      nothing of the lens was ever imported
    hooked    its hooks are installed and its sampler waits, but nothing is watched
    watched   every workload runs in a watched block
    compared  every workload is the only contestant of compare()
    scaled    measure_scaling() has two workers count, whatever the workload is called
"""

import contextlib
import functools
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import workloads

CONDITIONS = ("bare", "hooked", "watched")
PATIENCE = 120.0  # seconds that a workload may take


class Contender:
    """A program that runs workloads under one condition; a context manager ends it."""

    def __init__(self, condition: str, method: str) -> None:
        command = [sys.executable, str(Path(__file__)), condition, method]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        self._program = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # as a kernel has: Linux shares the cores out by session
        )

    def __enter__(self) -> "Contender":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        try:
            self._program.wait(PATIENCE)
        finally:
            self._program.kill()

    def run(self, workload: str, size: int) -> dict[str, float]:
        """Return the seconds of one run.

        They are wall (of the work alone), whole (with all around it), and cpu (of the program
        and its workers that have ended, which a busy machine changes less).
        """
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(f"{workload} {size}\n")
        self._program.stdin.flush()
        answer = self._program.stdout.readline()
        if not answer:
            raise RuntimeError(f"{workload} ended its program: exit code {self._program.wait()}")
        figures: dict[str, float] = json.loads(answer)
        return figures


Figures = dict[str, list[dict[str, float]]]


def duel(
    conditions: Sequence[str],
    method: str,
    jobs: Sequence[tuple[str, int]],
    repeats: int,
    batches: int = 1,
) -> dict[str, Figures]:
    """Run every job under every condition, in turn; return figures by job and condition.

    The order changes from repeat to repeat, and every batch has new programs: where a program
    lies in memory makes it a little faster or slower for as long as it lives.
    """
    figures: dict[str, Figures] = {job: {c: [] for c in conditions} for job, _ in jobs}
    for _ in range(batches):
        with contextlib.ExitStack() as stack:
            programs = {c: stack.enter_context(Contender(c, method)) for c in conditions}
            for job, size in jobs:
                for program in programs.values():
                    program.run(job, max(1, size // 10))  # not counted: everything is warm now
                for repeat in range(repeats):
                    turn = repeat % len(conditions)
                    for condition in [*conditions[turn:], *conditions[:turn]]:
                        figures[job][condition].append(programs[condition].run(job, size))
    return figures


def ratios(figures: Figures, condition: str, kind: str = "wall", base: str = "bare") -> list[float]:
    """Return a condition's time over the base's, for each pair."""
    pairs = zip(figures[condition], figures[base], strict=True)
    against = "cpu" if kind == "cpu" else "wall"
    return [one[kind] / other[against] for one, other in pairs]


# --- the program --------------------------------------------------------------------------


@contextlib.contextmanager
def nothing_around() -> Iterator[None]:
    yield


def timed(surroundings: Callable[[], Any], work: Callable[[], None]) -> dict[str, float]:
    began, used = time.perf_counter(), _cpu()
    with surroundings():
        inside = time.perf_counter()
        work()
        done = time.perf_counter()
    whole = time.perf_counter() - began
    return {"wall": done - inside, "whole": whole, "cpu": _cpu() - used}


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def _compared(work: Callable[[], None]) -> None:
    from manybrains import compare

    compare({"it": work}, repeats=1)


def _scaled(context: BaseContext, to: int) -> None:
    from manybrains import measure_scaling

    pool = functools.partial(ProcessPoolExecutor, mp_context=context)
    measure_scaling(workloads.count, [to, to], (2,), 1, executor=pool)


def obey(condition: str, method: str) -> None:
    """Run what is asked for on standard input until it is closed."""
    surroundings: Callable[[], Any] = nothing_around
    if condition != "bare":
        from manybrains import watch

        with watch():  # installs the hooks and starts the sampler
            pass
        surroundings = watch if condition == "watched" else nothing_around
    context = multiprocessing.get_context(method)
    for line in sys.stdin:
        name, size = line.split()
        work = functools.partial(workloads.WORKLOADS[name], context, int(size))
        if condition == "compared":
            work = functools.partial(_compared, work)
        elif condition == "scaled":
            work = functools.partial(_scaled, context, int(size))
        print(json.dumps(timed(surroundings, work)), flush=True)


if __name__ == "__main__":
    # Spawned workers import the main module if it has a file, and need nothing of this one.
    del sys.modules["__main__"].__file__
    obey(*sys.argv[1:])
