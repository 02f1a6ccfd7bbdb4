"""Answers to the exercises of 09-real-work: streams for tasks, and one mean of many files."""


def total_hits(*steps: str, before: str = "") -> str:
    return before + "".join(["def total_hits(throw, seed, workers):\n", *steps])


def mean_cents(*steps: str, before: str = "") -> str:
    return before + "".join(["def mean_cents(read, paths):\n", *steps])


SPAWNED = "    streams = np.random.SeedSequence(seed).spawn(6)\n"
POOL = "    with Pool(workers) as pool:\n"
THROWN = "        return sum(pool.starmap(throw, [(stream, 10_000) for stream in streams]))\n"
TWO = "    with Pool(2) as pool:\n"
STARTER = "        parts = pool.starmap(part_of, [(read, path) for path in paths])\n"
SUMS = """\
def part_of(read, path):
    return read(path).groupby("shop")["cents"].agg(["sum", "count"])


"""
MEANS = """\
def part_of(read, path):
    return read(path).groupby("shop")["cents"].mean()


"""
PAIRS = """\
def part_of(read, path):
    pairs = {}
    for shop, cents in read(path)[["shop", "cents"]].itertuples(index=False):
        total, number = pairs.get(shop, (0, 0))
        pairs[shop] = total + cents, number + 1
    return pairs


"""
JOINED = """\
    whole = pd.concat(parts).groupby(level=0).sum()
    return (whole["sum"] / whole["count"]).to_dict()
"""
EXECUTOR = "from concurrent.futures import ProcessPoolExecutor\n\n\n"

RIGHT = {
    "total-hits": {
        "six streams, whatever the number of workers": total_hits(SPAWNED, POOL, THROWN),
        "a hundred small tasks, in chunks": total_hits(
            "    streams = np.random.SeedSequence(seed).spawn(100)\n",
            POOL,
            "        return sum(pool.starmap(throw, [(each, 600) for each in streams], 25))\n",
        ),
        "a list of seed and task, in any order": total_hits(
            "    with ProcessPoolExecutor(workers) as executor:\n",
            "        asked = [executor.submit(throw, [seed, n], 6_000) for n in range(10)]\n",
            "        return sum(future.result() for future in as_completed(asked))\n",
            before="from concurrent.futures import ProcessPoolExecutor, as_completed\n\n\n",
        ),
        "one stream, on which each task jumps ahead": total_hits(
            "    streams = [np.random.PCG64(seed).jumped(task) for task in range(6)]\n",
            POOL,
            THROWN,
        ),
        "one task, and a worker for it": total_hits(
            "    with Pool(workers) as pool:\n",
            "        return pool.apply(throw, (seed, 60_000))\n",
        ),
    },
    "mean-cents": {
        "sums and counts": mean_cents(TWO, STARTER, JOINED, before=SUMS),
        "pairs in dictionaries": mean_cents(
            TWO,
            STARTER,
            "    totals, numbers = {}, {}\n",
            "    for part in parts:\n",
            "        for shop, (total, number) in part.items():\n",
            "            totals[shop] = totals.get(shop, 0) + total\n",
            "            numbers[shop] = numbers.get(shop, 0) + number\n",
            "    return {int(shop): totals[shop] / numbers[shop] for shop in totals}\n",
            before=PAIRS,
        ),
        "means, weighted by their counts": mean_cents(
            TWO,
            STARTER,
            "    whole = pd.concat(parts)\n",
            "    whole['sum'] = whole['mean'] * whole['count']\n",
            "    whole = whole.groupby(level=0).sum()\n",
            "    return (whole['sum'] / whole['count']).to_dict()\n",
            before=SUMS.replace('"sum"', '"mean"'),
        ),
        "an executor, one part after the other": mean_cents(
            "    whole = 0\n",
            "    with ProcessPoolExecutor(2) as executor:\n",
            "        for part in executor.map(part_of, [read] * len(paths), paths):\n",
            "            whole = part.add(whole, fill_value=0)\n",
            "    return (whole['sum'] / whole['count']).to_dict()\n",
            before=EXECUTOR + SUMS,
        ),
        "the rows themselves, which costs more": mean_cents(
            TWO,
            "        rows = pd.concat(pool.map(read, paths))\n",
            "    return rows.groupby('shop')['cents'].mean().to_dict()\n",
        ),
    },
}

WRONG = {
    "total-hits": {
        "no repair": total_hits(SPAWNED.replace("6", "workers"), POOL, THROWN),
        "seed plus task": total_hits("    streams = range(seed, seed + 6)\n", POOL, THROWN),
        "the number of the task alone": total_hits("    streams = range(6)\n", POOL, THROWN),
        "one seed for all tasks": total_hits("    streams = [seed] * 6\n", POOL, THROWN),
        "seeds by chance": total_hits("    streams = [None] * 6\n", POOL, THROWN),
        "a new spawn for each task": total_hits(
            "    streams = [np.random.SeedSequence(seed).spawn(1)[0] for _ in range(6)]\n",
            POOL,
            THROWN,
        ),
        "main throws": total_hits(
            SPAWNED, "    return sum(throw(stream, 10_000) for stream in streams)\n"
        ),
        "threads throw": total_hits(
            SPAWNED,
            "    with ThreadPool(workers) as pool:\n",
            THROWN,
            before="from multiprocessing.pool import ThreadPool\n\n\n",
        ),
        "some darts are missing": total_hits(
            SPAWNED.replace("6", "7"), POOL, THROWN.replace("10_000", "60_000 // 7")
        ),
        "too many darts": total_hits(SPAWNED, POOL, THROWN.replace("10_000", "60_000")),
        "a list in place of the sum": total_hits(SPAWNED, POOL, THROWN.replace("sum", "list")),
        "nothing is returned": total_hits(SPAWNED, POOL, THROWN.replace("return ", "")),
        "the estimate of pi in place of the hits": total_hits(
            SPAWNED, POOL, THROWN.replace("return ", "return 4 / 60_000 * ")
        ),
    },
    "mean-cents": {
        "the mean of means": mean_cents(
            TWO,
            STARTER,
            "    return pd.concat(parts).groupby(level=0).mean().to_dict()\n",
            before=MEANS,
        ),
        "the mean of means, rounded": mean_cents(
            TWO,
            STARTER,
            "    return pd.concat(parts).groupby(level=0).mean().round().to_dict()\n",
            before=MEANS,
        ),
        "the sum of means": mean_cents(
            TWO,
            STARTER,
            "    return pd.concat(parts).groupby(level=0).sum().to_dict()\n",
            before=MEANS,
        ),
        "the median of means": mean_cents(
            TWO,
            STARTER,
            "    return pd.concat(parts).groupby(level=0).median().to_dict()\n",
            before=MEANS,
        ),
        "main reads": mean_cents(
            "    rows = pd.concat(read(path) for path in paths)\n",
            "    return rows.groupby('shop')['cents'].mean().to_dict()\n",
        ),
        "threads read": mean_cents(
            "    from multiprocessing.pool import ThreadPool\n",
            "    with ThreadPool(2) as pool:\n",
            STARTER,
            JOINED,
            before=SUMS,
        ),
        "the first file only": mean_cents(
            TWO, STARTER.replace("in paths", "in paths[:1]"), JOINED, before=SUMS
        ),
        "the last file is forgotten": mean_cents(
            TWO, STARTER.replace("in paths", "in paths[:-1]"), JOINED, before=SUMS
        ),
        "the last file wins": mean_cents(
            TWO,
            STARTER,
            "    return {shop: mean for part in parts for shop, mean in part.items()}\n",
            before=MEANS,
        ),
        "a Series in place of a dictionary": mean_cents(
            TWO,
            STARTER,
            "    whole = pd.concat(parts).groupby(level=0).sum()\n",
            "    return whole['sum'] / whole['count']\n",
            before=SUMS,
        ),
        "a lambda as the task": mean_cents(
            TWO,
            "        parts = pool.map(lambda path: part_of(read, path), paths)\n",
            JOINED,
            before=SUMS,
        ),
        "whole cents, cut off": mean_cents(
            TWO,
            STARTER,
            "    whole = pd.concat(parts).groupby(level=0).sum()\n",
            "    return (whole['sum'] // whole['count']).to_dict()\n",
            before=SUMS,
        ),
        "the mean over all shops": mean_cents(
            TWO,
            STARTER,
            "    whole = pd.concat(parts).groupby(level=0).sum()\n",
            "    return dict.fromkeys(whole.index, whole['sum'].sum() / whole['count'].sum())\n",
            before=SUMS,
        ),
    },
}
