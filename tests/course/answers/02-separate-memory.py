"""Answers to the exercises of `02-separate-memory`, by what is special about them."""

FOUND = "    return [number for number in numbers if number % 2 == 0]\n"
FIND_IN = "def find_in(numbers):\n" + FOUND + "\n\n"
FLAT = "    return sorted(number for block in found for number in block)\n"
INTO_A_GLOBAL = """\
evens = []


def find_in(numbers):
    evens.extend([number for number in numbers if number % 2 == 0])
"""
IN_A_POOL = """\
def find_evens(blocks):
    with Pool(2) as pool:
        found = pool.map(find_in, blocks)
"""

SCRIPT = """\
mended = '''
import sys
from multiprocessing import current_process, get_context

limit = 10

def tell():
    print(f"{current_process().name} counts to {limit}")

if __name__ == "__main__":
    limit = int(sys.argv[1])
    get_context("spawn").Process(target=tell).start()
'''
"""


def script(*changes):
    """The script of the starter with some of its lines changed."""
    text = SCRIPT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


PROCESS = 'get_context("spawn").Process(target=tell).start()'
GUARD = 'if __name__ == "__main__":\n'
READ = "    limit = int(sys.argv[1])\n"
TELL = "def tell():\n"

RIGHT = {
    "try-evens": {
        "each result taken from imap": FIND_IN
        + """\
def find_evens(blocks):
    found = []
    with Pool(2) as pool:
        for some in pool.imap_unordered(find_in, blocks):
            found += some
    return sorted(found)
""",
        "a task for each block, and get": FIND_IN
        + """\
def find_evens(blocks):
    with Pool(2) as pool:
        tasks = [pool.apply_async(find_in, (block,)) for block in blocks]
        return sorted(number for task in tasks for number in task.get())
""",
        "the global list is emptied for each block": """\
evens = []


def find_in(numbers):
    evens.clear()
    evens.extend([number for number in numbers if number % 2 == 0])
    return evens


"""
        + IN_A_POOL
        + FLAT,
        "an executor": FIND_IN
        + """\
from concurrent.futures import ProcessPoolExecutor


def find_evens(blocks):
    with ProcessPoolExecutor(2) as executor:
        found = list(executor.map(find_in, blocks))
"""
        + FLAT,
        "processes and a queue": FIND_IN
        + """\
from multiprocessing import Queue


def find_in_all(queue, blocks):
    queue.put([number for block in blocks for number in find_in(block)])


def find_evens(blocks):
    queue = Queue()
    halves = [blocks[::2], blocks[1::2]]
    workers = [Process(target=find_in_all, args=(queue, half)) for half in halves]
    for worker in workers:
        worker.start()
    found = [queue.get() for worker in workers]
    for worker in workers:
        worker.join()
"""
        + FLAT,
        "flags come back, and main picks": """\
def is_even(number):
    return number % 2 == 0


def find_in(numbers):
    return [is_even(number) for number in numbers]


def find_evens(blocks):
    with Pool(2) as pool:
        found = pool.map(find_in, blocks)
    pairs = [pair for block, some in zip(blocks, found) for pair in zip(block, some)]
    return sorted(number for number, even in pairs if even)
""",
    },
    "try-a-limit": {
        "an argument by its name": script(
            (TELL, "def tell(limit):\n"),
            (PROCESS, 'get_context("spawn").Process(target=tell, kwargs={"limit": limit}).start()'),
        ),
        "read at the top level, which the worker runs again": script(
            ("limit = 10\n", "limit = int(sys.argv[1])\n"), (READ, "")
        ),
        "through the environment": script(
            ("import sys\n", "import os\nimport sys\n"),
            ("limit = 10\n", 'limit = os.environ.get("LIMIT")\n'),
            (READ, '    os.environ["LIMIT"] = sys.argv[1]\n'),
        ),
        "through a pipe": script(
            ("import current_process", "import Pipe, current_process"),
            (TELL, "def tell(end):\n    limit = end.recv()\n"),
            (
                PROCESS,
                """\
ours, theirs = Pipe()
    get_context("spawn").Process(target=tell, args=(theirs,)).start()
    ours.send(limit)""",
            ),
        ),
        "the global is set in the worker": script(
            (
                TELL,
                "def set_and_tell(number):\n    global limit\n    limit = number\n    tell()\n\n"
                + TELL,
            ),
            (PROCESS, PROCESS.replace("target=tell", "target=set_and_tell, args=(limit,)")),
        ),
        "an initializer of a pool": script(
            (
                TELL,
                "def set_limit(number):\n    global limit\n    limit = number\n\n" + TELL,
            ),
            (
                PROCESS,
                """\
with get_context("spawn").Pool(1, set_limit, (limit,)) as pool:
        pool.apply(tell)""",
            ),
        ),
    },
}
WRONG = {
    "try-evens": {
        "the global list is returned by the workers": INTO_A_GLOBAL
        + "    return evens\n\n\n"
        + IN_A_POOL
        + FLAT,
        "global, as if it were for all processes": INTO_A_GLOBAL.replace(
            "numbers):\n", "numbers):\n    global evens\n"
        )
        + "\n\n"
        + IN_A_POOL
        + "    return sorted(evens)\n",
        "a list of lists": FIND_IN + IN_A_POOL + "    return sorted(found)\n",
        "not in order": FIND_IN
        + IN_A_POOL
        + "    return [number for block in found[::-1] for number in block]\n",
        "each number once": FIND_IN
        + IN_A_POOL
        + "    return sorted({number for block in found for number in block})\n",
        "the odd ones": FIND_IN.replace("== 0", "== 1") + IN_A_POOL + FLAT,
        "nothing is returned by find_in": FIND_IN.replace("    return [", "    [")
        + IN_A_POOL
        + "    return sorted(number for block in found for number in block or [])\n",
        "nothing is returned by find_evens": FIND_IN + IN_A_POOL,
        "a list as an argument, to be filled": """\
from functools import partial


def find_in(evens, numbers):
    evens.extend([number for number in numbers if number % 2 == 0])


def find_evens(blocks):
    evens = []
    with Pool(2) as pool:
        pool.map(partial(find_in, evens), blocks)
    return sorted(evens)
""",
        "main does it all": FIND_IN
        + "def find_evens(blocks):\n    found = [find_in(block) for block in blocks]\n"
        + FLAT,
        "main does it all, once more": INTO_A_GLOBAL
        + "\n\n"
        + IN_A_POOL
        + "    return sorted(n for block in blocks for n in block if n % 2 == 0)\n",
        "threads, which do share the list": FIND_IN
        + "from multiprocessing.pool import ThreadPool\n\n\n"
        + IN_A_POOL.replace("Pool(2)", "ThreadPool(2)")
        + FLAT,
        "the last block is forgotten": FIND_IN
        + IN_A_POOL.replace("blocks)", "blocks[:-1])", 2).replace(
            "def find_evens(blocks[:-1])", "def find_evens(blocks)"
        )
        + FLAT,
        "tasks whose results nobody asks for": INTO_A_GLOBAL
        + """\


def find_evens(blocks):
    with Pool(2) as pool:
        for block in blocks:
            pool.apply_async(find_in, (block,))
        pool.close()
        pool.join()
    return sorted(evens)
""",
        "how many there are": FIND_IN
        + IN_A_POOL
        + "    return sum(len(block) for block in found)\n",
        "one worker for all blocks": FIND_IN
        + IN_A_POOL.replace("pool.map(find_in, blocks)", "pool.map(find_in, blocks, 4)")
        + FLAT,
    },
    "try-a-limit": {
        "global under the guard": script((READ, "    global limit\n" + READ)),
        "a number that fits once": script(("limit = 10\n", "limit = 30\n")),
        "called instead of named": script(
            (TELL, "def tell(limit):\n"), ("target=tell", "target=tell(limit)")
        ),
        "main tells it": script((PROCESS, "tell()")),
        "main and the worker tell it": script((PROCESS, f"tell()\n    {PROCESS}")),
        "a default argument, read at import": script((TELL, "def tell(limit=limit):\n")),
        "args without a comma": script(
            (TELL, "def tell(limit):\n"), ("target=tell", "target=tell, args=(limit)")
        ),
        "an argument that is not taken": script(("target=tell", "target=tell, args=(limit,)")),
        "forked": script(('"spawn"', '"fork"')),
        "the default start method": script(
            ('get_context("spawn").', ""), ("get_context", "Process")
        ),
        "a thread": script(
            ("import sys\n", "import sys\nfrom threading import Thread\n"),
            ('get_context("spawn").Process', "Thread"),
        ),
        "an attribute of the function": script(
            ("{limit}", "{tell.limit}"), (READ, "    tell.limit = int(sys.argv[1])\n")
        ).replace("\n\nif", "\n\ntell.limit = 10\n\nif"),
        "the top level knows only the worker": script(
            (READ, ""), (GUARD, 'if __name__ != "__main__":\n    limit = 40\n\n' + GUARD)
        ),
        "without a guard": script((GUARD, "if True:\n")),
        "never started": script((".start()", "")),
        "nothing at all": "mended = ''\n",
    },
}
