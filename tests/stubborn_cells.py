"""Cells that do what they can to outlast a deadline; the tests run each, and this file counts.

    python tests/stubborn_cells.py [TRIALS] [START_METHOD] [NAME ...]

It tells for each cell how often it ended within 0.5 s of its deadline, and how late at worst.
"""

import os
import sys
import textwrap
import uuid
from dataclasses import dataclass

import psutil
from kernels import Kernel, kernel

__all__ = ["CELLS", "MARK", "SET_UP", "Outcome", "try_cell"]

MARK = "MANYBRAINS_STUBBORN"
SECONDS = 0.5  # the deadline of each cell
IN_TIME = 0.5  # seconds after it
SET_UP = """
import asyncio, contextlib, multiprocessing, os, queue, re, signal, subprocess, sys, threading, time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import Pool, Process
from manybrains import watch
theirs = signal.getsignal(signal.SIGINT)

def work():
    for _ in range(10_000):
        pass

def loop(*_):
    while True:
        pass

def swallow():
    while True:
        try:
            work()
        except BaseException:
            pass

def run_a_program(*_):
    subprocess.run(["sleep", "600"])

def run_a_shell(*_):
    os.system("sleep 600; sleep 601")

async def loop_in_a_task():
    while True:
        pass

async def swallow_in_a_task():
    while True:
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            pass

async def swallow_everything_in_a_task():
    while True:
        with suppress(BaseException):
            await asyncio.sleep(30)
"""
CELLS = {
    "own handler": """
        signal.signal(signal.SIGINT, lambda *_: None)
        while True:
            time.sleep(0.2)
        """,
    "SIGINT ignored": """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(600)
        """,
    "every signal blocked": """
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            time.sleep(0.1)
        """,
    "os.system": "os.system('sleep 600; sleep 601')",
    "os.system, with children": "os.system('(sleep 600 & sleep 601) | cat; sleep 602')",
    "os.system, in the background": """
        os.system("sleep 600 &")
        time.sleep(600)
        """,
    "a program": "subprocess.run(['sleep', '600'])",
    "a program in its own session": "subprocess.run(['sleep', '600'], start_new_session=True)",
    "a program in a worker": """
        ps = [Process(target=f) for f in (run_a_program, run_a_shell)]
        for p in ps: p.start()
        for p in ps: p.join()
        """,
    "a program in a pool": """
        with Pool(2) as pool:
            pool.map(run_a_shell, range(2))
        """,
    "a bare fork": """
        pid = os.fork()
        if pid == 0:
            loop()
        os.waitpid(pid, 0)
        """,
    "GIL held by re": "re.match(r'(a+)+$', 'a' * 60 + 'b')",
    "swallows everything": "swallow()",
    "swallows in one loop": """
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                continue
        """,
    "swallows while it sleeps": """
        while True:
            with suppress(BaseException):
                time.sleep(600)
        """,
    "swallows in swallowing loops": """
        while True:
            try:
                with suppress(BaseException):
                    while True:
                        try: swallow()
                        except BaseException: pass
            except BaseException: pass
        """,
    "swallows once": """
        with suppress(BaseException):
            time.sleep(600)
        time.sleep(601)
        """,
    "swallows in C's loop": """
        def once(_):
            with suppress(BaseException):
                work()
        for _ in range(2):
            all(map(lambda n: not once(n), iter(int, 1)))
        """,
    "hangs while it cleans up": """
        try:
            time.sleep(600)
        finally:
            while True:
                pass
        """,
    "hangs in its handler": """
        while True:
            try:
                time.sleep(600)
            except BaseException:
                time.sleep(601)
        """,
    "a thread": """
        def until_told():
            while not over:
                pass
        over = []
        t = threading.Thread(target=until_told, daemon=True)
        t.start()
        try:
            t.join()
        finally:
            over.append(True)
        """,
    "an executor of threads": """
        over = []
        def until_told():
            while not over:
                time.sleep(0.01)
        with ThreadPoolExecutor(1) as executor:
            try:
                executor.submit(until_told).result()
            finally:
                over.append(True)
        """,
    "a second event loop": """
        async def until_told():
            while not over:
                await asyncio.sleep(0.01)
        over = []
        t = threading.Thread(target=asyncio.run, args=(until_told(),), daemon=True)
        t.start()
        try:
            t.join()
        finally:
            over.append(True)
        """,
    "await": "await asyncio.sleep(600)",
    "await swallows": "await swallow_everything_in_a_task()",
    "await loops": "await loop_in_a_task()",
    "await swallows in loops": """
        async def both():
            while True:
                with suppress(BaseException):
                    await swallow_everything_in_a_task()
        await both()
        """,
    "a task that loops": "await asyncio.create_task(loop_in_a_task())",
    "a task that swallows": "await asyncio.create_task(swallow_in_a_task())",
    "a task that swallows everything": """
        await asyncio.gather(*[swallow_everything_in_a_task() for _ in range(3)])
        """,
    "a group of tasks": """
        async with asyncio.TaskGroup() as group:
            group.create_task(swallow_in_a_task())
            group.create_task(loop_in_a_task())
        """,
    "a callback that loops": """
        asyncio.get_running_loop().call_soon(loop)
        await asyncio.sleep(600)
        """,
    "await in a thread": "await asyncio.to_thread(time.sleep, 5)",
    "a program of asyncio": """
        p = await asyncio.create_subprocess_exec("sleep", "600")
        await p.wait()
        """,
    "a worker": """
        p = Process(target=loop)
        p.start()
        p.join()
        """,
    "an executor": """
        with ProcessPoolExecutor(2) as executor:
            list(executor.map(loop, range(2)))
        """,
}
IN_A_THREAD = {
    "loops": "loop()",
    "sleeps": "while True: time.sleep(0.1)",
    "swallows": "swallow()",
    "waits for an event": "threading.Event().wait()",
    "waits for a queue": "queue.Queue().get()",
    "waits for an answer": "Future().result()",
    "waits for a worker": "p = Process(target=loop); p.start(); p.join()",
    "waits for a program": "run_a_program()",
    "waits for a shell": "run_a_shell()",
    "runs a loop of its own": "asyncio.run(asyncio.sleep(600))",
    "runs a task that loops": "asyncio.run(loop_in_a_task())",
}
CELLS |= {
    f"in a thread: {name}": f"""
        runs = []
        def in_a_thread():
            with watch("thread", deadline={SECONDS}, quiet=True) as inner:
                {code}
            runs.append(inner.run)
        t = threading.Thread(target=in_a_thread)
        t.start()
        t.join()
        slow = runs[0]
        """
    for name, code in IN_A_THREAD.items()
}
ASK = """
signal.signal(signal.SIGINT, theirs)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
print(slow.finished, slow.wall_seconds, slow.note)
"""


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes:
        error: that the cell showed, or empty text.
        finished, wall_seconds, note: of its run.
        left: the processes that were there after the cell, and not before.
    """

    error: str
    finished: bool
    wall_seconds: float
    note: str
    left: tuple[str, ...]


def source_of(name: str) -> str:
    head = "" if name.startswith("in a thread") else f"%%watch slow --deadline {SECONDS}\n"
    return head + textwrap.dedent(CELLS[name]).strip("\n")


def try_cell(one: Kernel, name: str, mark: str) -> Outcome:
    """Run a cell in a kernel whose environment has MARK=mark, and ask in the next one."""
    before = marked(mark).keys()
    shown = one.run(source_of(name))
    after = one.run(ASK)
    told = after.stdout.split(maxsplit=2)
    assert len(told) == 3, (name, shown.error, after)
    left = tuple(command for pid, command in marked(mark).items() if pid not in before)
    return Outcome(shown.error, told[0] == "True", float(told[1]), told[2], left)


def marked(mark: str) -> dict[int, str]:
    """Return the command lines of all processes of a trial, but for helpers, by pid."""
    found = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != "zombie":
                command = " ".join(process.cmdline())
                if not any(word in command for word in ("resource_tracker", "forkserver")):
                    found[process.pid] = command
        except psutil.Error:
            continue
    return found


def main(trials: int, method: str, *names: str) -> None:
    mark = uuid.uuid4().hex
    with kernel(method, env={MARK: mark}) as one:
        one.run(SET_UP)
        for name in names or CELLS:
            late, wrong = [], []
            for _ in range(trials):
                outcome = try_cell(one, name, mark)
                late.append(outcome.wall_seconds - SECONDS)
                if outcome.error or outcome.finished or outcome.left or late[-1] > IN_TIME:
                    wrong.append(outcome)
            told = f"{len(late) - len(wrong)} of {trials}, at most {max(late):.2f} s late"
            print(f"{name:38} {method:10} {told}", *wrong[:2], sep="\n    ", flush=True)


if __name__ == "__main__":
    trials, method, *names = [*sys.argv[1:], *["1", "fork"][len(sys.argv) - 1 :]]
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    main(int(trials), method, *names)
