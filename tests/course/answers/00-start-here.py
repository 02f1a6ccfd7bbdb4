"""Answers to the exercise of the first notebook, by what is special about them."""

RIGHT = {
    "try-three-workers": {
        "a Pool of three": """\
from multiprocessing import Pool

def three_at_once(work):
    with Pool(3) as pool:
        for answer in [pool.apply_async(work) for _ in range(3)]:
            answer.get()
""",
        "an executor": """\
from concurrent.futures import ProcessPoolExecutor

def three_at_once(work):
    with ProcessPoolExecutor(3) as executor:
        for _ in range(3):
            executor.submit(work)
""",
        "joined in the opposite order": """\
def three_at_once(work):
    workers = []
    for _ in range(3):
        workers.append(Process(target=work, daemon=True))
        workers[-1].start()
    for worker in reversed(workers):
        worker.join()
""",
        "asked now and then whether they are alive": """\
import time

def three_at_once(work):
    one, two, three = workers = [Process(target=work) for _ in range(3)]
    one.start(), two.start(), three.start()
    while any(worker.is_alive() for worker in workers):
        time.sleep(0.05)
""",
        "another start method": """\
from multiprocessing import get_context

def three_at_once(work):
    workers = [get_context("spawn").Process(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
""",
    }
}
START_ALL = """\
def three_at_once(work):
    workers = [Process(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
"""
WRONG = {
    "try-three-workers": {
        "counting to 3.6 million": """\
def three_at_once(work):
    workers = [Process(target=count, args=(3_600_000,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
""",
        "busy polling": START_ALL
        + """\
    while any(worker.is_alive() for worker in workers):
        pass
""",
        "busy polling of the exit codes": START_ALL
        + """\
    while None in [worker.exitcode for worker in workers]:
        pass
""",
        "one after the other": """\
def three_at_once(work):
    for _ in range(3):
        worker = Process(target=work)
        worker.start()
        worker.join()
""",
        "none is waited for": START_ALL,
        "only the last is waited for": START_ALL + "    worker.join()\n",
        "only the first is waited for": START_ALL + "    workers[0].join()\n",
        "ended instead of waited for": START_ALL
        + """\
    for worker in workers:
        worker.terminate()
        worker.join()
""",
        "two workers": """\
def three_at_once(work):
    workers = [Process(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
""",
        "called instead of named": """\
def three_at_once(work):
    workers = [Process(target=work()) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
""",
        "the notebook does it all": """\
def three_at_once(work):
    for _ in range(3):
        work()
""",
        "threads": """\
from threading import Thread

def three_at_once(work):
    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
""",
        "run instead of started": """\
def three_at_once(work):
    for worker in [Process(target=work) for _ in range(3)]:
        worker.run()
""",
        "two workers and the notebook": """\
def three_at_once(work):
    workers = [Process(target=work), Process(target=work)]
    for worker in workers:
        worker.start()
    work()
    for worker in workers:
        worker.join()
""",
        "a Pool that is left before it is done": """\
from multiprocessing import Pool

def three_at_once(work):
    with Pool(3) as pool:
        for _ in range(3):
            pool.apply_async(work)
""",
    }
}
