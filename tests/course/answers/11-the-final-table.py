"""Answers to the exercises of 11-the-final-table: six decisions, and waiting before computing."""

LETTERS = {"photos": "t", "chat": "a", "primes": "p", "backup": "t", "digits": "s", "box": "s"}


def decided(**changes: str) -> str:
    """Decide rightly but for these changes."""
    return f"choices = {LETTERS | changes!r}\n"


def in_pool(pool: str, lines: str) -> str:
    """Answer with these lines, which have a loop and a pool of such workers."""
    return f"""\
async def answers(ask, compute, places):
    loop = asyncio.get_running_loop()
    with {pool}(2) as pool:
        {lines}
"""


ASKED = "numbers = await asyncio.gather(*[ask(place) for place in places])"
EACH = "[loop.run_in_executor(pool, compute, n) for n in numbers]"

RIGHT = {
    "try-decide": {
        "six letters": decided(),
        "six words": """\
choices = {
    "photos": "threads",
    "chat": "asyncio",
    "primes": "processes",
    "backup": "Threads",
    "digits": "serial",
    "box": "serial",
}
""",
        "letters dealt out in order": 'choices = dict(zip(choices, "taptss"))\n',
        "threads, and what differs": """\
choices = dict.fromkeys(["photos", "backup"], "t") | dict.fromkeys(["digits", "box"], "s")
choices.update(chat="a", primes="p")
""",
        "recommended": """\
from manybrains import recommend

asked = {
    "photos": recommend(spends="computing", at_once=500, cores=4, releases_gil=True),
    "chat": recommend(spends="waiting", at_once=20_000, cores=4, can_await=True),
    "primes": recommend(spends="computing", at_once=40, cores=4),
    "backup": recommend(spends="waiting", at_once=30, cores=4),
    "digits": recommend(spends="computing", at_once=10**6, cores=4, task_seconds=1e-6),
    "box": recommend(spends="computing", at_once=40, cores=1),
}
choices = {case: one.way.removeprefix("leave it ") for case, one in asked.items()}
""",
    },
    "try-both": {
        "a coroutine for each place": in_pool(
            "ProcessPoolExecutor",
            """async def answer(place):
            return await loop.run_in_executor(pool, compute, await ask(place))

        return await asyncio.gather(*[answer(place) for place in places])""",
        ),
        "all are asked, and then all are computed": in_pool(
            "ProcessPoolExecutor",
            f"{ASKED}\n        return await asyncio.gather(*{EACH})",
        ),
        "tasks that are awaited one by one": in_pool(
            "ProcessPoolExecutor",
            """tasks = [asyncio.create_task(ask(place)) for place in places]
        return [await loop.run_in_executor(pool, compute, await task) for task in tasks]""",
        ),
        "a task group": in_pool(
            "ProcessPoolExecutor",
            """async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(place)) for place in places]
        futures = [loop.run_in_executor(pool, compute, task.result()) for task in tasks]
        return await asyncio.gather(*futures)""",
        ),
        "a thread waits for a Pool": """\
from multiprocessing import Pool


async def answers(ask, compute, places):
    numbers = await asyncio.gather(*map(ask, places))
    with Pool(2) as pool:
        return await asyncio.to_thread(pool.map, compute, numbers)
""",
        "futures of the pool are wrapped": in_pool(
            "ProcessPoolExecutor",
            f"""{ASKED}
        futures = [asyncio.wrap_future(pool.submit(compute, n)) for n in numbers]
        return [await future for future in futures]""",
        ),
    },
}
WRONG = {
    "try-decide": {
        "nothing is decided": decided(**dict.fromkeys(LETTERS, "?")),
        "processes for what releases the GIL": decided(photos="p"),
        "a thread for each of 20,000": decided(chat="t"),
        "threads for a loop of Python": decided(primes="t"),
        "asyncio for a loop of Python": decided(primes="a"),
        "processes that wait for a disk": decided(backup="p"),
        "a message for each number": decided(digits="p"),
        "processes on one core": decided(box="p"),
        "threads for all": decided(**dict.fromkeys(LETTERS, "t")),
        "processes for all": decided(**dict.fromkeys(LETTERS, "p")),
        "one is forgotten": decided() + 'del choices["digits"]\n',
        "nothing": "choices = {}\n",
    },
    "try-both": {
        "one place after the other": in_pool(
            "ProcessPoolExecutor",
            "return [await loop.run_in_executor(pool, compute, await ask(p)) for p in places]",
        ),
        "main computes": """\
async def answers(ask, compute, places):
    return [compute(n) for n in await asyncio.gather(*map(ask, places))]
""",
        "threads compute": in_pool(
            "ThreadPoolExecutor", f"{ASKED}\n        return await asyncio.gather(*{EACH})"
        ),
        "to_thread computes": """\
async def answers(ask, compute, places):
    numbers = await asyncio.gather(*map(ask, places))
    return await asyncio.gather(*[asyncio.to_thread(compute, n) for n in numbers])
""",
        "nobody is asked": in_pool(
            "ProcessPoolExecutor",
            "return await asyncio.gather("
            "*[loop.run_in_executor(pool, compute, p) for p in places])",
        ),
        "the coroutine is sent, not what it returns": in_pool(
            "ProcessPoolExecutor",
            """coroutines = [ask(place) for place in places]
        try:
            sent = [loop.run_in_executor(pool, compute, one) for one in coroutines]
            return await asyncio.gather(*sent)
        finally:
            for one in coroutines:
                one.close()""",
        ),
        "in the order in which they came": in_pool(
            "ProcessPoolExecutor",
            """asked = asyncio.as_completed([ask(place) for place in places])
        return [await loop.run_in_executor(pool, compute, await one) for one in asked]""",
        ),
        "futures come back": in_pool("ProcessPoolExecutor", f"{ASKED}\n        return {EACH}"),
        "nothing comes back": in_pool(
            "ProcessPoolExecutor", f"{ASKED}\n        await asyncio.gather(*{EACH})"
        ),
        "only the first comes back": in_pool(
            "ProcessPoolExecutor",
            f"{ASKED}\n        return (await asyncio.gather(*{EACH}))[:1]",
        ),
        "an event loop in the event loop": """\
async def answers(ask, compute, places):
    numbers = [asyncio.run(ask(place)) for place in places]
    return [compute(n) for n in numbers]
""",
        "two at a time": in_pool(
            "ProcessPoolExecutor",
            """numbers = await asyncio.gather(*map(ask, places[:2]))
        numbers += await asyncio.gather(*map(ask, places[2:]))
        return await asyncio.gather(*[loop.run_in_executor(pool, compute, n) for n in numbers])""",
        ),
    },
}
