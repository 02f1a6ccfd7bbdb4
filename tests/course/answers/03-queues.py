"""Answers to the exercise of 03-queues: all primes of some blocks, found by two workers."""

STARTED = """\
    tasks, results = Queue(), Queue()
    workers = [start(consume, tasks, results) for _ in range(2)]
"""
GET_ALL = "    primes = sorted(prime for _ in blocks for prime in results.get())\n"
JOIN_ALL = "    for worker in workers:\n        worker.join()\n"


def answer(*steps: str) -> str:
    return "".join(["def find_primes(blocks):\n", *steps])


def put(messages: str) -> str:
    return f"    for message in {messages}:\n        tasks.put(message)\n"


TASKS = put("[*blocks, None, None]")

RIGHT = {
    "exercise-starter": {
        "a sentinel for each, get before join": answer(
            STARTED, TASKS, GET_ALL, JOIN_ALL, "    return primes\n"
        ),
        "a thread of main drains the results, so main may join first": """\
from threading import Thread


def drain(results, blocks, primes):
    for _ in blocks:
        primes.extend(results.get())


def find_primes(blocks):
    tasks, results, primes = Queue(), Queue(), []
    workers = [start(consume, tasks, results) for _ in range(2)]
    thread = Thread(target=drain, args=(results, blocks, primes))
    thread.start()
    for message in [*blocks, None, None]:
        tasks.put(message)
    for worker in workers:
        worker.join()
    thread.join()
    return sorted(primes)
""",
        "queues of a manager, which hold any number of messages": """\
from multiprocessing import Manager


def find_primes(blocks):
    with Manager() as manager:
        tasks, results = manager.Queue(), manager.Queue()
        workers = [start(consume, tasks, results) for _ in range(2)]
        for message in [*blocks, None, None]:
            tasks.put(message)
        for worker in workers:
            worker.join()
        return sorted(prime for _ in blocks for prime in results.get())
""",
        "a pool of two": """\
from multiprocessing import Pool


def primes_of(block):
    return [n for n in block if is_prime(n)]


def find_primes(blocks):
    with Pool(2) as pool:
        return sorted(prime for primes in pool.map(primes_of, blocks) for prime in primes)
""",
        "an executor of two": """\
from concurrent.futures import ProcessPoolExecutor


def primes_of(block):
    return [n for n in block if is_prime(n)]


def find_primes(blocks):
    with ProcessPoolExecutor(2) as executor:
        return sorted(prime for primes in executor.map(primes_of, blocks) for prime in primes)
""",
        "every second block handed over as an argument, answers through pipes": """\
from multiprocessing import Pipe


def search(blocks, connection):
    connection.send([n for block in blocks for n in block if is_prime(n)])


def find_primes(blocks):
    pipes = [Pipe() for _ in range(2)]
    workers = [start(search, blocks[i::2], pipes[i][1]) for i in range(2)]
    primes = [prime for ours, _ in pipes for prime in ours.recv()]
    for worker in workers:
        worker.join()
    return sorted(primes)
""",
        "numbers one by one, and each consumer tells its end": """\
def test_numbers(tasks, results):
    while (n := tasks.get()) is not None:
        if is_prime(n):
            results.put(n)
    results.put(None)


def find_primes(blocks):
    tasks, results, primes = Queue(), Queue(), []
    workers = [start(test_numbers, tasks, results) for _ in range(2)]
    for message in [*(n for block in blocks for n in block), None, None]:
        tasks.put(message)
    for _ in workers:
        primes.extend(iter(results.get, None))
    for worker in workers:
        worker.join()
    primes.sort()
    return primes
""",
        "join with a time limit, after get": answer(
            STARTED, TASKS, GET_ALL, JOIN_ALL.replace("join()", "join(timeout=1)"),
            "    return primes\n",
        ),
        "main reads and looks for ends in turn": """\
from queue import Empty


def find_primes(blocks):
    tasks, results, primes = Queue(), Queue(), []
    workers = [start(consume, tasks, results) for _ in range(2)]
    for message in [*blocks, None, None]:
        tasks.put(message)
    while any(worker.is_alive() for worker in workers):
        try:
            while True:
                primes.extend(results.get(timeout=0.02))
        except Empty:
            for worker in workers:
                worker.join(timeout=0.01)
    return sorted(primes)
""",
    }
}  # fmt: skip

WRONG = {
    "exercise-starter": {
        "a sentinel for each, but join before get": answer(
            STARTED, TASKS, JOIN_ALL, GET_ALL, "    return primes\n"
        ),
        "get before join, but one sentinel": answer(
            STARTED, put("[*blocks, None]"), GET_ALL, JOIN_ALL, "    return primes\n"
        ),
        "no join at all": answer(STARTED, TASKS, GET_ALL, "    return primes\n"),
        "no join, and no sentinel": answer(
            STARTED, put("blocks"), GET_ALL, "    return primes\n"
        ),
        "only the first worker is joined": answer(
            STARTED, TASKS, GET_ALL, "    workers[0].join()\n", "    return primes\n"
        ),
        "join with a time limit before get": answer(
            STARTED, TASKS, JOIN_ALL.replace("join()", "join(timeout=0.5)"), GET_ALL,
            "    return primes\n",
        ),
        "join with a time limit before get, and again after it": answer(
            STARTED, TASKS, JOIN_ALL.replace("join()", "join(timeout=0.5)"), GET_ALL, JOIN_ALL,
            "    return primes\n",
        ),
        "one worker": answer(
            STARTED.replace("range(2)", "range(1)"), TASKS, GET_ALL, JOIN_ALL,
            "    return primes\n",
        ),
        "main does it all": answer(
            "    return sorted(n for block in blocks for n in block if is_prime(n))\n"
        ),
        "two threads of main": """\
from threading import Thread


def find_primes(blocks):
    tasks, results = Queue(), Queue()
    threads = [Thread(target=consume, args=(tasks, results)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for message in [*blocks, None, None]:
        tasks.put(message)
    primes = sorted(prime for _ in blocks for prime in results.get())
    for thread in threads:
        thread.join()
    return primes
""",
        "not in order": answer(
            STARTED, TASKS, "    primes = [prime for _ in blocks for prime in results.get()]\n",
            JOIN_ALL, "    return primes[::-1]\n",
        ),
        "each prime once": answer(
            STARTED, TASKS, GET_ALL, JOIN_ALL, "    return sorted(set(primes))\n"
        ),
        "a list for each block": answer(
            STARTED, TASKS, "    primes = sorted(results.get() for _ in blocks)\n", JOIN_ALL,
            "    return primes\n",
        ),
        "no return": answer(STARTED, TASKS, GET_ALL, JOIN_ALL),
        "the last block is forgotten": answer(
            STARTED, TASKS.replace("*blocks,", "*blocks[:-1],"),
            GET_ALL.replace("blocks", "blocks[:-1]"), JOIN_ALL, "    return primes\n",
        ),
        "the results are never taken out": answer(
            STARTED, TASKS, JOIN_ALL.replace("join()", "terminate()"), "    return []\n"
        ),
    }
}  # fmt: skip
