"""Answers to the exercises of 05-pools-and-executors, by what is special about them."""

ASK_ALL = "def ask_all(executor, function, arguments):\n"
SUBMIT = ASK_ALL + "    futures = [executor.submit(function, each) for each in arguments]\n"
AS_COMPLETED = "from concurrent.futures import as_completed\n\n\n"
ATTEMPT = """\
def attempt(function, argument):
    try:
        return function(argument)
    except Exception as error:
        return error


"""
COLLECT = """\
    answers = []
    for future in futures:
        try:
            answers.append(future.result())
        except Exception as error:
            answers.append(error)
    return answers
"""
FINISH = "def finish(function, arguments):\n"

RIGHT = {
    "try-ask-all": {
        "each future is asked for its error": SUBMIT
        + "    return [future.exception() or future.result() for future in futures]\n",
        "each result, with an except around it": SUBMIT + COLLECT,
        "the worker catches the error and returns it": ATTEMPT
        + "from itertools import repeat\n\n\n"
        + ASK_ALL
        + "    return list(executor.map(attempt, repeat(function), arguments))\n",
        "a partial of a function that catches": "from functools import partial\n\n\n"
        + ATTEMPT
        + ASK_ALL
        + "    return list(executor.map(partial(attempt, function), arguments))\n",
        "as they are done, each put in its place": AS_COMPLETED
        + ASK_ALL
        + """\
    places = {executor.submit(function, each): n for n, each in enumerate(arguments)}
    answers = [None] * len(places)
    for future in as_completed(places):
        answers[places[future]] = future.exception() or future.result()
    return answers
""",
        "callbacks that fill in the answers": "from concurrent.futures import wait\n\n\n"
        + ASK_ALL
        + """\
    answers = {}

    def note(place, future):
        answers[place] = future.exception() or future.result()

    futures = []
    for place, argument in enumerate(arguments):
        future = executor.submit(function, argument)
        future.add_done_callback(lambda done, place=place: note(place, done))
        futures.append(future)
    wait(futures)
    while len(answers) < len(futures):
        pass
    return [answers[place] for place in range(len(futures))]
""",
        "a thread for each task": "from concurrent.futures import ThreadPoolExecutor\n\n\n"
        + ASK_ALL
        + """\
    def ask(argument):
        try:
            return executor.submit(function, argument).result()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(arguments)) as threads:
        return list(threads.map(ask, arguments))
""",
    },
    "try-finish": {
        "all tasks again, until it works": FINISH
        + """\
    while True:
        try:
            with ProcessPoolExecutor(2) as executor:
                return list(executor.map(function, arguments))
        except BrokenProcessPool:
            pass
""",
        "it calls itself again": FINISH
        + """\
    try:
        with ProcessPoolExecutor(2) as executor:
            return list(executor.map(function, arguments))
    except BrokenProcessPool:
        return finish(function, arguments)
""",
        "only the tasks that have no answer": FINISH
        + """\
    answers = {}
    while len(answers) < len(arguments):
        with ProcessPoolExecutor(2) as executor:
            left = [place for place in range(len(arguments)) if place not in answers]
            futures = {place: executor.submit(function, arguments[place]) for place in left}
        for place, future in futures.items():
            if future.exception() is None:
                answers[place] = future.result()
    return [answers[place] for place in range(len(arguments))]
""",
        "an executor for each task": FINISH
        + """\
    answers = []
    for argument in arguments:
        while True:
            try:
                with ProcessPoolExecutor(1) as executor:
                    answers.append(executor.submit(function, argument).result())
                break
            except BrokenProcessPool:
                continue
    return answers
""",
        "a few times, and then it gives up": FINISH
        + """\
    for tries_left in range(9, -1, -1):
        with ProcessPoolExecutor(2) as executor:
            futures = [executor.submit(function, argument) for argument in arguments]
        if not any(future.exception() for future in futures):
            return [future.result() for future in futures]
    raise RuntimeError("too many workers were killed")
""",
    },
}  # fmt: skip

WRONG = {
    "try-ask-all": {
        "the first error stops it": ASK_ALL
        + "    return [answer for answer in executor.map(function, arguments)]\n",
        "each is asked before the next is handed out": ASK_ALL
        + """\
    answers = []
    for argument in arguments:
        future = executor.submit(function, argument)
        answers.append(future.exception() or future.result())
    return answers
""",
        "map, and what came before the error": ASK_ALL
        + """\
    answers = []
    try:
        for answer in executor.map(function, arguments):
            answers.append(answer)
    except Exception as error:
        answers.append(error)
    return answers
""",
        "map goes on after an error, it is hoped": ASK_ALL
        + """\
    found, answers = executor.map(function, arguments), []
    for _ in arguments:
        try:
            answers.append(next(found))
        except Exception as error:
            answers.append(error)
    return answers
""",
        "None in place of an error": SUBMIT
        + "    return [None if one.exception() else one.result() for one in futures]\n",
        "the words of an error": SUBMIT
        + "    return [str(one.exception() or one.result()) for one in futures]\n",
        "the class of an error": SUBMIT
        + "    errors = [one.exception() for one in futures]\n"
        + "    return [type(e) if e else one.result() for e, one in zip(errors, futures)]\n",
        "the answers alone": SUBMIT
        + "    return [one.result() for one in futures if not one.exception()]\n",
        "the errors alone": SUBMIT
        + "    return [one.exception() for one in futures]\n",
        "the futures themselves": SUBMIT + "    return futures\n",
        "the errors last": SUBMIT
        + """\
    answers = [one.result() for one in futures if not one.exception()]
    return answers + [one.exception() for one in futures if one.exception()]
""",
        "main does the tasks": ATTEMPT
        + ASK_ALL
        + "    return [attempt(function, argument) for argument in arguments]\n",
        "threads of main do the tasks": ATTEMPT
        + "from concurrent.futures import ThreadPoolExecutor\nfrom itertools import repeat\n\n\n"
        + ASK_ALL
        + """\
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(attempt, repeat(function), arguments))
""",
        "a function inside a function for a worker": ASK_ALL
        + """\
    def attempt(argument):
        try:
            return function(argument)
        except Exception as error:
            return error

    return list(executor.map(attempt, arguments))
""",
        "a generator": SUBMIT
        + "    return (future.exception() or future.result() for future in futures)\n",
        "no return": SUBMIT + COLLECT.replace("    return answers\n", ""),
    },
    "try-finish": {
        "the error is passed over": FINISH
        + """\
    try:
        with ProcessPoolExecutor(2) as executor:
            return list(executor.map(function, arguments))
    except BrokenProcessPool:
        return []
""",
        "once more, and no more": FINISH
        + """\
    try:
        with ProcessPoolExecutor(2) as executor:
            return list(executor.map(function, arguments))
    except BrokenProcessPool:
        with ProcessPoolExecutor(2) as executor:
            return list(executor.map(function, arguments))
""",
        "the same executor again": FINISH
        + """\
    with ProcessPoolExecutor(2) as executor:
        for tries_left in range(5):
            try:
                return list(executor.map(function, arguments))
            except BrokenProcessPool:
                continue
""",
        "a Pool": FINISH
        + """\
    with Pool(2) as pool:
        return pool.map(function, arguments)
""",
        "what is there after the first time": FINISH
        + """\
    with ProcessPoolExecutor(2) as executor:
        futures = [executor.submit(function, argument) for argument in arguments]
    return [future.result() for future in futures if not future.exception()]
""",
        "errors among the answers": FINISH
        + """\
    with ProcessPoolExecutor(2) as executor:
        futures = [executor.submit(function, argument) for argument in arguments]
    return [future.exception() or future.result() for future in futures]
""",
        "main does what is left": FINISH
        + """\
    with ProcessPoolExecutor(2) as executor:
        futures = [executor.submit(function, argument) for argument in arguments]
    return [
        function(argument) if future.exception() else future.result()
        for future, argument in zip(futures, arguments)
    ]
""",
        "main does it all": FINISH + "    return [function(argument) for argument in arguments]\n",
        "threads of main do it": "from concurrent.futures import ThreadPoolExecutor\n\n\n"
        + FINISH
        + """\
    with ThreadPoolExecutor(2) as executor:
        return list(executor.map(function, arguments))
""",
        "as they are done, without order": AS_COMPLETED
        + FINISH
        + """\
    answers, left = [], list(reversed(arguments))
    while left:
        with ProcessPoolExecutor(1) as executor:
            futures = {executor.submit(function, argument): argument for argument in left}
            for future in as_completed(futures):
                if not future.exception():
                    answers.append(future.result())
                    left.remove(futures[future])
    return answers
""",
        "the wrong error is expected": FINISH
        + """\
    while True:
        try:
            with ProcessPoolExecutor(2) as executor:
                return list(executor.map(function, arguments))
        except ChildProcessError:
            pass
""",
        "no return": FINISH
        + """\
    while True:
        try:
            with ProcessPoolExecutor(2) as executor:
                list(executor.map(function, arguments))
            break
        except BrokenProcessPool:
            pass
""",
    },
}  # fmt: skip
