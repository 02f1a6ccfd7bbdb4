"""Answers to the exercises of 07-what-it-costs: fewer messages, and fewer bytes in them."""


def run_all(*steps: str, before: str = "") -> str:
    return before + "".join(["def run_all(workers, task, inputs):\n", *steps])


def counts_above(*steps: str, before: str = "") -> str:
    return before + "".join(["def counts_above(numbers, limits):\n", *steps])


DO_EACH = """\
def do_each(task, some):
    return [task(one) for one in some]


"""
EXECUTOR = "from concurrent.futures import ProcessPoolExecutor\n\n\n"
TWO_WORKERS = "    with Pool(2) as workers:\n"
AMOUNTS = "        return [amount for amount, _ in answers]\n"
ALL_LIMITS = """\
def all_limits(numbers, limits):
    return [above(numbers, limit)[0] for limit in limits]


"""

RIGHT = {
    "run-all": {
        "chunks of 50": run_all("    return workers.map(task, inputs, chunksize=50)\n"),
        "no chunk size: the default of map": run_all("    return workers.map(task, inputs)\n"),
        "a chunk size made of the number of inputs": run_all(
            "    return workers.map(task, inputs, len(inputs) // 8)\n"
        ),
        "imap with chunks, made a list": run_all(
            "    return list(workers.imap(task, inputs, chunksize=40))\n"
        ),
        "a promise that is kept": run_all(
            "    promised = workers.map_async(task, inputs, 100)\n",
            "    return promised.get()\n",
        ),
        "starmap with chunks": run_all(
            "    return workers.starmap(task, [(one,) for one in inputs], 25)\n"
        ),
        "slices by hand, each a task of its own": run_all(
            "    parts = [inputs[begin : begin + 100] for begin in range(0, len(inputs), 100)]\n",
            "    asked = [workers.apply_async(do_each, (task, part)) for part in parts]\n",
            "    return [answer for one in asked for answer in one.get()]\n",
            before=DO_EACH,
        ),
        "every tenth input, put in order again": run_all(
            "    parts = [(task, inputs[first::10]) for first in range(10)]\n",
            "    answers = [None] * len(inputs)\n",
            "    for first, part in enumerate(workers.starmap(do_each, parts, 1)):\n",
            "        answers[first::10] = part\n",
            "    return answers\n",
            before=DO_EACH,
        ),
        "an executor of its own, with chunks": run_all(
            "    with ProcessPoolExecutor(2) as two:\n",
            "        return list(two.map(task, inputs, chunksize=50))\n",
            before=EXECUTOR,
        ),
    },
    "counts-above": {
        "an initializer keeps the numbers": counts_above(
            "    with Pool(2, keep, [numbers]) as workers:\n",
            "        answers = workers.starmap(above_kept, [(None, each) for each in limits])\n",
            AMOUNTS,
        ),
        "one large chunk for each worker": counts_above(
            "    tasks = [(numbers, limit) for limit in limits]\n",
            TWO_WORKERS,
            "        answers = workers.starmap(above, tasks, len(tasks) // 2)\n",
            AMOUNTS,
        ),
        "shared memory": counts_above(
            "    block = SharedMemory(create=True, size=numbers.nbytes)\n",
            "    try:\n",
            "        np.ndarray(numbers.shape, buffer=block.buf)[:] = numbers\n",
            "        tasks = [(block.name, len(numbers), limit) for limit in limits]\n",
            "        with Pool(2) as workers:\n",
            "            return workers.starmap(in_block, tasks, 1)\n",
            "    finally:\n",
            "        block.close()\n",
            "        block.unlink()\n",
            before="""\
def in_block(name, length, limit):
    block = SharedMemory(name)
    amount, _ = above(np.ndarray(length, buffer=block.buf), limit)
    block.close()
    return amount


""",
        ),
        "a file that both map": counts_above(
            "    with TemporaryDirectory() as folder:\n",
            "        np.save(f'{folder}/numbers.npy', numbers)\n",
            "        tasks = [(f'{folder}/numbers.npy', limit) for limit in limits]\n",
            "        with Pool(2) as workers:\n",
            "            return workers.starmap(in_file, tasks, 1)\n",
            before="""\
def in_file(path, limit):
    return above(np.load(path, mmap_mode="r"), limit)[0]


""",
        ),
        "all limits in one task, half of the limits for each worker": counts_above(
            "    middle = len(limits) // 2\n",
            "    tasks = [(numbers, limits[:middle]), (numbers, limits[middle:])]\n",
            TWO_WORKERS,
            "        first, last = workers.starmap(all_limits, tasks, 1)\n",
            "    return first + last\n",
            before=ALL_LIMITS,
        ),
        "half of the numbers for each worker, and the counts added": counts_above(
            "    tasks = [(half, limits) for half in np.array_split(numbers, 2)]\n",
            TWO_WORKERS,
            "        return [a + b for a, b in zip(*workers.starmap(all_limits, tasks, 1))]\n",
            before=ALL_LIMITS,
        ),
        "an executor with an initializer": counts_above(
            "    with ProcessPoolExecutor(2, initializer=keep, initargs=(numbers,)) as two:\n",
            "        answers = list(two.map(above_kept, limits, limits))\n",
            AMOUNTS,
            before=EXECUTOR,
        ),
        "a partial, pickled once in each of two chunks": counts_above(
            "    from functools import partial\n",
            TWO_WORKERS,
            "        answers = workers.map(partial(above, numbers), limits, 8)\n",
            AMOUNTS,
        ),
    },
}

WRONG = {
    "run-all": {
        "one by one, with apply": run_all(
            "    return [workers.apply(task, (x,)) for x in inputs]\n"
        ),
        "one by one, with imap and its default": run_all(
            "    return list(workers.imap(task, inputs))\n"
        ),
        "chunks that are a little too small": run_all("    return workers.map(task, inputs, 19)\n"),
        "one chunk for each worker": run_all("    return workers.map(task, inputs, 500)\n"),
        "three chunks": run_all("    return workers.map(task, inputs, len(inputs) // 3 + 1)\n"),
        "all in one message": run_all(
            "    return workers.apply(do_each, (task, inputs))\n", before=DO_EACH
        ),
        "main does it": run_all("    return [task(one) for one in inputs]\n"),
        "threads of main do it": run_all(
            "    from concurrent.futures import ThreadPoolExecutor\n",
            "    with ThreadPoolExecutor(2) as two:\n",
            "        return list(two.map(task, inputs))\n",
        ),
        "an executor of its own, with its default of single tasks": run_all(
            "    with ProcessPoolExecutor(2) as two:\n",
            "        return list(two.map(task, inputs))\n",
            before=EXECUTOR,
        ),
        "the rest after the last whole chunk is forgotten": run_all(
            "    answers = []\n",
            "    for turn in range(len(inputs) // 70):\n",
            "        answers += workers.map(task, inputs[70 * turn : 70 * (turn + 1)], 70)\n",
            "    return answers\n",
        ),
        "a promise in place of the answers": run_all(
            "    return workers.map_async(task, inputs, 50)\n"
        ),
        "an iterator in place of a list": run_all("    return workers.imap(task, inputs, 50)\n"),
        "nothing is returned": run_all("    workers.map(task, inputs, 50)\n"),
        "the last first": run_all("    return workers.map(task, inputs, 50)[::-1]\n"),
        "the chunks as they are": run_all(
            "    parts = [(task, inputs[begin : begin + 100]) for begin in range(0, 1_000, 100)]\n",
            "    return workers.starmap(do_each, parts, 1)\n",
            before=DO_EACH,
        ),
    },
    "counts-above": {
        "no chunk size: eight messages, and the numbers in each": counts_above(
            TWO_WORKERS,
            "        answers = workers.starmap(above, [(numbers, each) for each in limits])\n",
            AMOUNTS,
        ),
        "a partial carries the numbers with each task": counts_above(
            "    from functools import partial\n",
            TWO_WORKERS,
            "        answers = workers.map(partial(above, numbers), limits, 1)\n",
            AMOUNTS,
        ),
        "a copy for each task, so that a chunk holds several": counts_above(
            "    tasks = [(numbers.copy(), limit) for limit in limits]\n",
            TWO_WORKERS,
            "        answers = workers.starmap(above, tasks, len(tasks) // 2)\n",
            AMOUNTS,
        ),
        "a list in place of the array": counts_above(
            "    tasks = [(numbers.tolist(), limit) for limit in limits]\n",
            TWO_WORKERS,
            "        answers = workers.starmap(above_in_list, tasks, 1)\n",
            AMOUNTS,
            before="""\
def above_in_list(numbers, limit):
    return above(np.array(numbers), limit)


""",
        ),
        "four pieces of each task": counts_above(
            "    parts = np.array_split(numbers, 4)\n",
            "    tasks = [(part, limit) for limit in limits for part in parts]\n",
            TWO_WORKERS,
            "        found = [amount for amount, _ in workers.starmap(above, tasks, 1)]\n",
            "    return [sum(found[turn : turn + 4]) for turn in range(0, len(found), 4)]\n",
        ),
        "an initializer, and the numbers all the same": counts_above(
            "    with Pool(2, keep, [numbers]) as workers:\n",
            "        tasks = [(numbers, limit) for limit in limits]\n",
            "        answers = workers.starmap(above_kept, tasks, 1)\n",
            AMOUNTS,
        ),
        "a worker for each limit": counts_above(
            "    with Pool(len(limits), keep, [numbers]) as workers:\n",
            "        answers = workers.starmap(above_kept, [(None, each) for each in limits], 1)\n",
            AMOUNTS,
        ),
        "a new pool for each limit": counts_above(
            "    answers = []\n",
            "    for limit in limits[:8]:\n",
            "        with Pool(1, keep, [numbers]) as workers:\n",
            "            answers.append(workers.apply(above_kept, (None, limit)))\n",
            AMOUNTS.replace("        ", "    "),
        ),
        "an executor that gets the numbers with each task": counts_above(
            "    with ProcessPoolExecutor(2) as two:\n",
            "        answers = list(two.map(above, [numbers] * len(limits), limits))\n",
            AMOUNTS,
            before=EXECUTOR,
        ),
        "main counts": counts_above("    return [above(numbers, limit)[0] for limit in limits]\n"),
        "threads of main in place of workers": counts_above(
            "    from multiprocessing.pool import ThreadPool\n",
            "    with ThreadPool(2) as workers:\n",
            "        answers = workers.starmap(above, [(numbers, each) for each in limits])\n",
            AMOUNTS,
        ),
        "each worker counts in one half, and nobody adds": counts_above(
            "    tasks = [(half, limits) for half in np.array_split(numbers, 2)]\n",
            TWO_WORKERS,
            "        return workers.starmap(all_limits, tasks, 1)\n",
            before=ALL_LIMITS,
        ),
        "only the first numbers": counts_above(
            TWO_WORKERS,
            "        answers = workers.starmap(above, [(numbers[:9], each) for each in limits])\n",
            AMOUNTS,
        ),
        "pairs in place of counts": counts_above(
            "    with Pool(2, keep, [numbers]) as workers:\n",
            "        return workers.starmap(above_kept, [(None, each) for each in limits])\n",
        ),
    },
}
