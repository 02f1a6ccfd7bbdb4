"""Answers to the exercises of 10-when-it-breaks: answers and errors, and a stream for each."""

GUARDED = """\
def guarded(work, n):
    try:
        return work(n)
    except Exception as error:
        return error


"""
SUBMITTED = """\
def answers_of(work, inputs):
    with ProcessPoolExecutor(2) as executor:
        futures = {n: executor.submit(work, n) for n in inputs}
"""


def caught(answer: str) -> str:
    """Ask each future, and take this expression as the answer where it raises."""
    return (
        SUBMITTED
        + f"""\
    answers = {{}}
    for n, future in futures.items():
        try:
            answers[n] = future.result()
        except Exception as error:
            answers[n] = {answer}
    return answers
"""
    )


def simulated(lines: str) -> str:
    """Run these lines with a pool of two workers."""
    return f"def simulate(seed):\n    with Pool(2) as pool:\n        {lines}\n"


RIGHT = {
    "try-answers": {
        "each future is asked for its exception first": SUBMITTED
        + "    return {n: one.exception() or one.result() for n, one in futures.items()}\n",
        "each result is asked for, and each error caught": caught("error"),
        "the worker catches its own errors": "from functools import partial\n\n"
        + GUARDED
        + """\
def answers_of(work, inputs):
    with ProcessPoolExecutor(2) as executor:
        return dict(zip(inputs, executor.map(partial(guarded, work), inputs)))
""",
        "a pool, asked one by one": """\
from multiprocessing import Pool


def answers_of(work, inputs):
    answers = {}
    with Pool(2) as pool:
        asked = {n: pool.apply_async(work, (n,)) for n in inputs}
        for n, answer in asked.items():
            try:
                answers[n] = answer.get()
            except Exception as error:
                answers[n] = error
    return answers
""",
        "the iterator of imap, which goes on after an error": """\
from multiprocessing import Pool


def answers_of(work, inputs):
    answers = {}
    with Pool(2) as pool:
        results = pool.imap(work, inputs)
        for n in inputs:
            try:
                answers[n] = next(results)
            except Exception as error:
                answers[n] = error
    return answers
""",
        "in the order of their ends": """\
from concurrent.futures import as_completed


def answers_of(work, inputs):
    answers = {}
    with ProcessPoolExecutor(2) as executor:
        futures = {executor.submit(work, n): n for n in inputs}
        for future in as_completed(futures):
            answers[futures[future]] = future.exception() or future.result()
    return answers
""",
        "a process and a pipe for each input": """\
from multiprocessing import Pipe, Process


def tell(work, n, connection):
    try:
        connection.send(work(n))
    except Exception as error:
        connection.send(error)


def answers_of(work, inputs):
    answers = {}
    for n in inputs:
        ours, theirs = Pipe()
        worker = Process(target=tell, args=(work, n, theirs))
        worker.start()
        answers[n] = ours.recv()
        worker.join()
    return answers
""",
    },
    "try-streams": {
        "a list of seed and task": simulated(
            "return pool.map(draw, [[seed, task] for task in range(4)])"
        ),
        "seeds that a SeedSequence spawns": simulated(
            "return pool.map(draw, np.random.SeedSequence(seed).spawn(4))"
        ),
        "seeds that a generator in main draws": simulated(
            "return pool.map(draw, np.random.default_rng(seed).integers(2**60, size=4).tolist())"
        ),
        "a text of seed and task, hashed": "import hashlib\n\n"
        + simulated(
            "return pool.map(draw, [int(hashlib.sha256(f'{seed} {task}'.encode()).hexdigest(), 16) "
            "for task in range(4)])"
        ),
        "one stream, on which each task jumps ahead": """\
def draw_far(seed, task):
    return int(np.random.Generator(np.random.PCG64(seed).jumped(task)).integers(10**9))


def simulate(seed):
    with Pool(2) as pool:
        return pool.starmap(draw_far, [(seed, task) for task in range(4)])
""",
        "an executor, and Python's own random": """\
import random
from concurrent.futures import ProcessPoolExecutor


def draw_text(text):
    return random.Random(text).randrange(10**9)


def simulate(seed):
    with ProcessPoolExecutor(2) as executor:
        return tuple(executor.map(draw_text, [f"{seed}, {task}" for task in range(4)]))
""",
    },
}
WRONG = {
    "try-answers": {
        "all answers as a list": """\
def answers_of(work, inputs):
    with ProcessPoolExecutor(2) as executor:
        return list(executor.map(work, inputs))
""",
        "map, consumed": """\
def answers_of(work, inputs):
    with ProcessPoolExecutor(2) as executor:
        return dict(zip(inputs, executor.map(work, inputs)))
""",
        "one try around all of them": """\
def answers_of(work, inputs):
    answers = {}
    try:
        with ProcessPoolExecutor(2) as executor:
            for n, answer in zip(inputs, executor.map(work, inputs)):
                answers[n] = answer
    except Exception as error:
        answers[n] = error
    return answers
""",
        "the iterator of map, which ends with an error": """\
def answers_of(work, inputs):
    answers = {}
    with ProcessPoolExecutor(2) as executor:
        results = executor.map(work, inputs)
        for n in inputs:
            try:
                answers[n] = next(results)
            except Exception as error:
                answers[n] = error
    return answers
""",
        "the text of the error": caught("str(error)"),
        "the class of the error": caught("type(error)"),
        "None for an error": caught("None"),
        "the error in a list": caught("[error]"),
        "another error": caught("RuntimeError(str(error))"),
        "inputs that fail are left out": SUBMITTED
        + "    return {n: one.result() for n, one in futures.items() if not one.exception()}\n",
        "main does it": GUARDED
        + """\
def answers_of(work, inputs):
    return {n: guarded(work, n) for n in inputs}
""",
        "threads do it": "from concurrent.futures import ThreadPoolExecutor\n\n"
        + caught("error").replace("Process", "Thread"),
        "only what comes back through error_callback": """\
from multiprocessing import Pool


def answers_of(work, inputs):
    errors = []
    with Pool(2) as pool:
        asked = {n: pool.apply_async(work, (n,), error_callback=errors.append) for n in inputs}
        pool.close()
        pool.join()
    return dict(zip(inputs, errors))
""",
        "nothing is returned": SUBMITTED,
    },
    "try-streams": {
        "seed plus task": simulated("return pool.map(draw, [seed + task for task in range(4)])"),
        "seed times task": simulated("return pool.map(draw, [seed * task for task in range(4)])"),
        "seed and task, bit by bit": simulated(
            "return pool.map(draw, [seed ^ task for task in range(4)])"
        ),
        "the number of the task alone": simulated("return pool.map(draw, range(4))"),
        "no seed": simulated("return pool.map(draw, [None] * 4)"),
        "the pid of the worker": """\
import os


def draw_there(seed):
    return draw([seed, os.getpid()])


def simulate(seed):
    with Pool(2) as pool:
        return pool.map(draw_there, [seed] * 4)
""",
        "the time": """\
import time


def draw_now(seed):
    return draw([seed, time.time_ns()])


def simulate(seed):
    with Pool(2) as pool:
        return pool.map(draw_now, [seed] * 4)
""",
        "main draws": """\
def simulate(seed):
    return [draw([seed, task]) for task in range(4)]
""",
        "threads draw": """\
from multiprocessing.pool import ThreadPool


def simulate(seed):
    with ThreadPool(2) as pool:
        return pool.map(draw, [[seed, task] for task in range(4)])
""",
        "two tasks": simulated("return pool.map(draw, [[seed, task] for task in range(2)])"),
        "two streams, each used twice": simulated(
            "return pool.map(draw, [[seed, task % 2] for task in range(4)])"
        ),
        "the same global generator, copied with each task": """\
def simulate(seed):
    with Pool(2) as pool:
        return pool.map(np.random.default_rng(seed).integers, [10**9] * 4)
""",
        "nothing is returned": simulated("pool.map(draw, [[seed, task] for task in range(4)])"),
    },
}  # fmt: skip
