"""Answers to the exercises of 08-how-far-it-scales: who tests, and what held a program back."""


def passed(*steps: str, before: str = "") -> str:
    return before + "".join(["def passed(test, numbers):\n", *steps])


def cause(*steps: str, before: str = "") -> str:
    return before + "".join(["def cause(walls):\n", *steps])


POOL = "    with Pool(2) as pool:\n"
EXECUTOR = "from concurrent.futures import ProcessPoolExecutor\n\n\n"
COUNT_SOME = """\
def count_some(test, some):
    return sum(test(number) for number in some)


"""
WORKERS = """\
from multiprocessing import Process, Queue


def put_results(test, some, results):
    results.put(sum(test(number) for number in some))


"""
MOST = "    several = sorted(n for n in walls if n > 1)\n"
FRACTIONS = "    fractions = [karp_flatt(walls[1] / walls[n], n) for n in several]\n"
TOLD = '    return "overhead" if last > 1.5 * first else "serial part"\n'

RIGHT = {
    "passed": {
        "map, and main adds": passed(POOL, "        return sum(pool.map(test, numbers, 1))\n"),
        "half of the numbers for each, and their counts added": passed(
            "    halves = [(test, numbers[::2]), (test, numbers[1::2])]\n",
            POOL,
            "        return sum(pool.starmap(count_some, halves, 1))\n",
            before=COUNT_SOME,
        ),
        "answers as they come": passed(
            "    found = 0\n",
            POOL,
            "        for result in pool.imap_unordered(test, numbers):\n",
            "            found += result\n",
            "    return found\n",
        ),
        "promises, kept one after the other": passed(
            POOL,
            "        promises = [pool.apply_async(test, [number]) for number in numbers]\n",
            "        return [promise.get() for promise in promises].count(True)\n",
        ),
        "an executor": passed(
            "    with ProcessPoolExecutor(2) as two:\n",
            "        return sum(two.map(test, numbers))\n",
            before=EXECUTOR,
        ),
        "two processes and a queue": passed(
            "    results, workers = Queue(), []\n",
            "    for half in (numbers[:3], numbers[3:]):\n",
            "        workers.append(Process(target=put_results, args=(test, half, results)))\n",
            "    for worker in workers:\n",
            "        worker.start()\n",
            "    found = sum(results.get() for _ in workers)\n",
            "    for worker in workers:\n",
            "        worker.join()\n",
            "    return found\n",
            before=WORKERS,
        ),
    },
    "cause": {
        "the first and the last fraction": cause(
            MOST, FRACTIONS, TOLD.replace("last", "fractions[-1]").replace("first", "fractions[0]")
        ),
        "the formula written out": cause(
            "    few, most = min(n for n in walls if n > 1), max(walls)\n",
            "    e = {}\n",
            "    for n in (few, most):\n",
            "        speedup = walls[1] / walls[n]\n",
            "        e[n] = (1 / speedup - 1 / n) / (1 - 1 / n)\n",
            "    if e[most] > 1.5 * e[few]:\n",
            '        return "overhead"\n',
            '    return "serial part"\n',
        ),
        "another form of the formula": cause(
            "    def serial(n):\n",
            "        return (n * walls[n] / walls[1] - 1) / (n - 1)\n",
            "\n",
            MOST,
            TOLD.replace("last", "serial(several[-1])").replace("first", "serial(several[0])"),
        ),
        "a table of fractions": cause(
            "    table = {n: karp_flatt(walls[1] / walls[n], n) for n in walls if n > 1}\n",
            TOLD.replace("last", "table[max(table)]").replace("first", "table[min(table)]"),
        ),
        "arrays": cause(
            "    n = np.array(sorted(walls)[1:])\n",
            "    shares = np.array([walls[one] for one in n]) / walls[1]\n",
            "    e = (shares - 1 / n) / (1 - 1 / n)\n",
            '    return "overhead" if e[-1] > 1.5 * e[0] else "serial part"\n',
        ),
    },
}

WRONG = {
    "passed": {
        "main tests, with map of its own": passed("    return sum(map(test, numbers))\n"),
        "threads of main test": passed(
            "    from multiprocessing.pool import ThreadPool\n",
            "    with ThreadPool(2) as pool:\n",
            "        return sum(pool.map(test, numbers, 1))\n",
        ),
        "main tests the first, to see how it goes": passed(
            "    first = test(numbers[0])\n",
            POOL,
            "        return first + sum(pool.map(test, numbers[1:], 1))\n",
        ),
        "main tests half, and the workers the other half": passed(
            POOL,
            "        theirs = pool.map_async(test, numbers[3:], 1)\n",
            "        return sum(map(test, numbers[:3])) + sum(theirs.get())\n",
        ),
        "one worker": passed(
            "    with Pool(1) as pool:\n",
            "        return sum(pool.map(test, numbers, 1))\n",
        ),
        "all numbers in one chunk": passed(
            POOL, "        return sum(pool.map(test, numbers, len(numbers)))\n"
        ),
        "the results, not how many": passed(POOL, "        return pool.map(test, numbers, 1)\n"),
        "how many were tested": passed(POOL, "        return len(pool.map(test, numbers, 1))\n"),
        "those that failed": passed(
            POOL, "        return pool.map(test, numbers, 1).count(False)\n"
        ),
        "a number is left out": passed(
            POOL, "        return sum(pool.map(test, numbers[:-1], 1))\n"
        ),
        "nothing is returned": passed(POOL, "        sum(pool.map(test, numbers, 1))\n"),
        "only the first half is added": passed(
            "    halves = [(test, numbers[::2]), (test, numbers[1::2])]\n",
            POOL,
            "        return pool.starmap(count_some, halves, 1)[0]\n",
            before=COUNT_SOME,
        ),
        "two processes that nobody joins": passed(
            "    results = Queue()\n",
            "    for half in (numbers[:3], numbers[3:]):\n",
            "        Process(target=put_results, args=(test, half, results)).start()\n",
            "    return results.get() + results.get()\n",
            before=WORKERS,
        ),
    },
    "cause": {
        "the speedup is less than half of the workers": cause(
            "    most = max(walls)\n",
            '    return "overhead" if walls[1] / walls[most] < most / 2 else "serial part"\n',
        ),
        "the efficiency falls by half": cause(
            MOST,
            "    e = [walls[1] / walls[n] / n for n in several]\n",
            '    return "overhead" if e[-1] < e[0] / 2 else "serial part"\n',
        ),
        "more workers are slower": cause(
            MOST,
            "    slower = walls[several[-1]] > walls[several[0]]\n",
            '    return "overhead" if slower else "serial part"\n',
        ),
        "any rise counts": cause(
            MOST,
            FRACTIONS,
            TOLD.replace("last", "fractions[-1]").replace("1.5 * first", "fractions[0]"),
        ),
        "a rise by a tenth, absolutely": cause(
            MOST,
            FRACTIONS,
            "    risen = fractions[-1] - fractions[0] > 0.1\n"
            '    return "overhead" if risen else "serial part"\n',
        ),
        "the order of the dictionary": cause(
            "    several = [n for n in walls if n > 1]\n",
            FRACTIONS,
            TOLD.replace("last", "fractions[-1]").replace("first", "fractions[0]"),
        ),
        "only the last fraction": cause(
            MOST, FRACTIONS, '    return "overhead" if fractions[-1] > 0.1 else "serial part"\n'
        ),
        "one worker is among the several, with a fraction of zero": cause(
            "    e = {n: (walls[n] / walls[1] - 1 / n) * n / max(n - 1, 1) for n in walls}\n",
            TOLD.replace("last", "e[max(e)]").replace("first", "e[min(e)]"),
        ),
        "n and the speedup exchanged": cause(
            MOST,
            "    fractions = [karp_flatt(n, walls[1] / walls[n]) for n in several]\n",
            TOLD.replace("last", "fractions[-1]").replace("first", "fractions[0]"),
        ),
        "the speedup upside down": cause(
            MOST,
            "    fractions = [karp_flatt(walls[n] / walls[1], n) for n in several]\n",
            TOLD.replace("last", "fractions[-1]").replace("first", "fractions[0]"),
        ),
        "the other way round": cause(
            MOST,
            FRACTIONS,
            '    return "overhead" if fractions[0] > 1.5 * fractions[-1] else "serial part"\n',
        ),
        "always a serial part": cause('    return "serial part"\n'),
        "always overhead": cause('    return "overhead"\n'),
        "nothing is returned": cause(MOST, FRACTIONS, "    fractions[-1] > 1.5 * fractions[0]\n"),
    },
}
