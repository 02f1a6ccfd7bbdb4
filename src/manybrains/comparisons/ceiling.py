"""What this machine can do now: the ceiling, and how much of it other programs use.

Bare Python processes that do not communicate measure the ceiling.  A lesson judges its own
measurements against it.
"""

import contextlib
import statistics
import subprocess
import sys
import time

__all__ = ["ceiling", "cores_used_by_others"]

COUNTER = """
import sys, time
start, seconds = map(float, sys.argv[1:])
time.sleep(max(0.0, start - time.perf_counter()))
n, over = 0, time.perf_counter() + seconds
while not n or time.perf_counter() < over:
    m = 0
    while m < 10_000:
        m += 1
    n += m
print(n)
"""
HEAD_START = 0.1  # seconds: until counting begins, all processes have started
PATIENCE = 30.0  # seconds that a process may take to start and to end, besides its counting
WINDOW = 0.2  # seconds over which the load by other programs is measured


def ceiling(workers: int = 2, seconds: float = 0.4) -> float:
    """Return how many times as much `workers` processes do side by side as one does alone.

    Sharing CPU-bound work among so many workers cannot gain more on this machine at this
    moment, apart from noise.  The processes do not communicate; they only count, for `seconds`.
    The default is longer than the 0.1 s over which the system enforces a CPU quota.  The
    function measures one process alone and all together, in turn, three times, and returns the
    median of the three ratios, at most `workers`.

    Raises:
        ValueError: if `workers` or `seconds` makes no sense; the message names the value.
        TimeoutError: if a process has not answered half a minute after it should have.
        RuntimeError: if a process ends before it has counted.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ValueError(f"workers is {workers!r}: give a whole number such as 2")
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= 60:
        raise ValueError(f"seconds is {seconds!r}: give a number up to 60, such as 0.4")
    alone_and_together = [(_counted(1, seconds), _counted(workers, seconds)) for _ in range(3)]
    gains = [together / alone for alone, together in alone_and_together]
    return min(statistics.median(gains), float(workers))  # a higher figure is noise


def _counted(processes: int, seconds: float) -> int:
    """Return how far that many processes count together; all begin at the same moment."""
    start = time.perf_counter() + HEAD_START  # a clock that all processes share
    command = [sys.executable, "-I", "-S", "-c", COUNTER, str(start), str(seconds)]
    with contextlib.ExitStack() as ending:
        started = []
        for _ in range(processes):
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            ending.enter_context(process)  # on exit: waits, after the kill that follows here
            ending.callback(process.kill)
            started.append(process)
        return sum(_answer(process, seconds) for process in started)


def _answer(process: "subprocess.Popen[str]", seconds: float) -> int:
    patience = HEAD_START + seconds + PATIENCE
    try:
        text, _ = process.communicate(timeout=patience)
        return int(text)
    except subprocess.TimeoutExpired:
        raise TimeoutError(
            f"a process should count for {seconds:g} s, but it did not end within {patience:g} s: "
            "the machine is very busy, try again"
        ) from None
    except ValueError:
        raise RuntimeError(
            f"a counting process ended with exit code {process.returncode} before it had counted"
        ) from None


def cores_used_by_others() -> float:
    """Look at the machine for 0.2 s, and return how many cores other programs used.

    Other programs are all processes except this one, its children, their children and so on.
    """
    import psutil

    psutil.cpu_percent()  # a beginning: the next call returns the share since this one
    ours, began = _own_cpu_seconds(), time.perf_counter()
    time.sleep(WINDOW)
    busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    used = (_own_cpu_seconds() - ours) / (time.perf_counter() - began)
    return max(0.0, busy - max(0.0, used))


def _own_cpu_seconds() -> float:
    import psutil

    total, own = 0.0, psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):  # it has ended: now its parent's clock has its time
            total += sum(process.cpu_times()[:4])  # user, system, and both of its ended children
    return total
