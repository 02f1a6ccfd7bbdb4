"""Answers to the exercises of the speed comparison."""

RIGHT = {
    "exercise-starter": {
        "a process of a pool": """
async def count_beside(to):
    with ProcessPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, count, to)
""",
        "a thread": """
async def count_beside(to):
    return await asyncio.to_thread(count, to)
""",
        "ten turns in the event loop": """
async def count_beside(to):
    return await count_politely(to)
""",
        "a loop of its own that rests now and then": """
async def count_beside(to):
    n = 0
    while n < to:
        n += 1
        if n % 100_000 == 0:
            await asyncio.sleep(0)
    return n
""",
        "the default executor, by a function that is no coroutine": """
def count_beside(to):
    return asyncio.get_running_loop().run_in_executor(None, count, to)
""",
        "a future of a pool, wrapped": """
async def count_beside(to):
    with ThreadPoolExecutor() as pool:
        return await asyncio.wrap_future(pool.submit(count, to))
""",
        "two halves in two processes": """
async def count_beside(to):
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2) as pool:
        halves = [loop.run_in_executor(pool, count, part) for part in (to // 2, to - to // 2)]
        return sum(await asyncio.gather(*halves))
""",
        "a Process and a Queue, asked again and again": """
from multiprocessing import Queue


def put_count(queue, to):
    queue.put(count(to))


async def count_beside(to):
    queue = Queue()
    worker = Process(target=put_count, args=(queue, to))
    worker.start()
    while queue.empty():
        await asyncio.sleep(0.005)
    answer = queue.get()
    worker.join()
    return answer
""",
        "a Pool, asked again and again": """
from multiprocessing import Pool


async def count_beside(to):
    with Pool(1) as pool:
        result = pool.apply_async(count, (to,))
        while not result.ready():
            await asyncio.sleep(0.005)
        return result.get()
""",
        "a Thread that reports to the event loop": """
async def count_beside(to):
    loop, answer = asyncio.get_running_loop(), asyncio.Future()

    def work():
        loop.call_soon_threadsafe(answer.set_result, count(to))

    Thread(target=work).start()
    return await answer
""",
    },
}

WRONG = {
    "exercise-starter": {
        "the starter": """
async def count_beside(to):
    return count(to)
""",
        "it sleeps first and counts then": """
async def count_beside(to):
    await asyncio.sleep(0.4)
    return count(to)
""",
        "it gives up many turns before it counts": """
async def count_beside(to):
    for _ in range(100):
        await asyncio.sleep(0)
    return count(to)
""",
        "it counts first and sleeps then": """
async def count_beside(to):
    n = count(to)
    await asyncio.sleep(0.4)
    return n
""",
        "it counts nothing": """
async def count_beside(to):
    return to
""",
        "it counts nothing and takes its time": """
async def count_beside(to):
    await asyncio.sleep(0.3)
    return to
""",
        "it awaits a coroutine that never waits": """
async def count_coroutine(to):
    return count(to)


async def count_beside(to):
    return await count_coroutine(to)
""",
        "it awaits a task that never waits": """
async def count_coroutine(to):
    return count(to)


async def count_beside(to):
    return await asyncio.create_task(count_coroutine(to))
""",
        "one turn between two halves": """
async def count_beside(to):
    n = count(to // 2)
    await asyncio.sleep(0.05)
    return n + count(to - to // 2)
""",
        "it waits for a thread without await": """
async def count_beside(to):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(count, to).result()
""",
        "it waits for a process without await": """
async def count_beside(to):
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(count, to).result()
""",
        "it waits in join": """
async def count_beside(to):
    worker = Process(target=count, args=(to,))
    worker.start()
    worker.join()
    return to
""",
        "it rests a little and waits without await": """
async def count_beside(to):
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(count, to)
        await asyncio.sleep(0.02)
        return answer.result()
""",
        "the end of the with waits": """
async def count_beside(to):
    with ProcessPoolExecutor(1) as pool:
        answer = asyncio.get_running_loop().run_in_executor(pool, count, to)
    return await answer
""",
        "an await is missing": """
async def count_beside(to):
    return asyncio.to_thread(count, to)
""",
        "it does not wait for the answer": """
async def count_beside(to):
    asyncio.get_running_loop().run_in_executor(None, count, to)
""",
        "no coroutine": """
def count_beside(to):
    return count(to)
""",
        "a second event loop": """
async def count_beside(to):
    return asyncio.run(count_politely(to))
""",
        "it counts half of it": """
async def count_beside(to):
    return await asyncio.to_thread(count, to // 2)
""",
    },
}
