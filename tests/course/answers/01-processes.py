"""Answers to the exercise of `01-processes`, by what is special about them."""

PREPARE = """\
def exit_codes(target, arguments):
    children = [Process(target=target, args=(argument,)) for argument in arguments]
"""
START = PREPARE + "    for child in children:\n        child.start()\n"
JOIN = "    for child in children:\n        child.join()\n"
CODES = "    return [child.exitcode for child in children]\n"

RIGHT = {
    "try-exit-codes": {
        "joined in the opposite order": START
        + "    for child in reversed(children):\n        child.join()\n"
        + CODES,
        "asked now and then whether they are alive": "import time\n\n"
        + START
        + "    while any(child.is_alive() for child in children):\n        time.sleep(0.1)\n"
        + CODES,
        "joined with a limit, again and again": START
        + "    for child in children:\n        while child.is_alive():\n            child.join(1)\n"
        + CODES,
        "a tuple, from a loop that joins and looks": START
        + """\
    codes = []
    for child in children:
        child.join()
        codes.append(child.exitcode)
    return tuple(codes)
""",
        "a thread for each child": """\
from threading import Thread

def exit_codes(target, arguments):
    codes = {}

    def run(argument):
        child = Process(target=target, args=(argument,))
        child.start()
        child.join()
        codes[argument] = child.exitcode

    threads = [Thread(target=run, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [codes[argument] for argument in arguments]
""",
        "waiting for whoever ends next": """\
from multiprocessing.connection import wait

def exit_codes(target, arguments):
    children = {}
    for place, argument in enumerate(arguments):
        child = Process(target=target, args=(argument,))
        child.start()
        children[child.sentinel] = place, child
    codes = [None] * len(arguments)
    while children:
        for sentinel in wait(children):
            place, child = children.pop(sentinel)
            child.join()
            codes[place] = child.exitcode
    return codes
""",
        "another start method": "from multiprocessing import get_context\n\n"
        + START.replace("[Process", '[get_context("spawn").Process')
        + JOIN
        + CODES,
    }
}
WRONG = {
    "try-exit-codes": {
        "the arguments": "def exit_codes(target, arguments):\n    return list(arguments)\n",
        "the arguments, after all has been done": START + JOIN + "    return list(arguments)\n",
        "sorted(codes, reverse=True)": START
        + JOIN
        + "    codes = [child.exitcode for child in children]\n"
        + "    return sorted(codes, reverse=True)\n",
        "sorted": START + JOIN + "    return sorted(child.exitcode for child in children)\n",
        "sleep(3)": "import time\n\n" + START + "    time.sleep(3)\n" + CODES,
        "sleep(3), imported by its name": "from time import sleep\n\n"
        + START
        + "    sleep(3)\n"
        + CODES,
        "join(5)": START + JOIN.replace("join()", "join(5)") + CODES,
        "join(timeout=5)": START + JOIN.replace("join()", "join(timeout=5)") + CODES,
        "threads": """\
from threading import Thread

def exit_codes(target, arguments):
    threads = [Thread(target=target, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(arguments)
""",
        "threads beside children that do nothing": """\
from threading import Thread

def exit_codes(target, arguments):
    children = [Process() for argument in arguments]
    threads = [Thread(target=target, args=(argument,)) for argument in arguments]
    for worker in children + threads:
        worker.start()
    for worker in children + threads:
        worker.join()
    return [child.exitcode for child in children]
""",
        "none is started": PREPARE + CODES,
        "none is waited for": START + CODES,
        "only the last is waited for": START + "    child.join()\n" + CODES,
        "only the first is waited for": START + "    children[0].join()\n" + CODES,
        "one after the other": PREPARE
        + "    for child in children:\n        child.start()\n        child.join()\n"
        + CODES,
        "exit codes read before the end": START
        + "    codes = [child.exitcode for child in children]\n"
        + JOIN
        + "    return codes\n",
        "in the order of their ends": """\
from multiprocessing.connection import wait

def exit_codes(target, arguments):
    children = {}
    for argument in arguments:
        child = Process(target=target, args=(argument,))
        child.start()
        children[child.sentinel] = child
    codes = []
    while children:
        for sentinel in wait(children):
            child = children.pop(sentinel)
            child.join()
            codes.append(child.exitcode)
    return codes
""",
        "called instead of named": START.replace(
            "target=target, args=(argument,)", "target=target(argument)"
        )
        + JOIN
        + CODES,
        "run instead of started": PREPARE
        + "    for child in children:\n        child.run()\n"
        + CODES,
        "ended instead of waited for": START
        + "    for child in children:\n        child.terminate()\n        child.join()\n"
        + CODES,
        "nothing is returned": START + JOIN,
        "whether all went well": START
        + JOIN
        + "    return [child.exitcode == 0 for child in children]\n",
        "one number": START + JOIN + "    return max(child.exitcode for child in children)\n",
    }
}
