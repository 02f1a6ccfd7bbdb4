"""Answers to the exercise of 04-shared-value: two workers count last digits in one Array."""

OWN_COUNT = """\
    gate.wait()
    mine = [0] * 10
    for number in numbers:
        mine[number % 10] += 1
"""


def answer(*steps: str) -> str:
    return "".join(["def count_digits(gate, digits, numbers):\n", *steps])


RIGHT = {
    "exercise-starter": {
        "adding once, under the lock": answer(
            OWN_COUNT,
            "    with digits.get_lock():\n",
            "        for digit, amount in enumerate(mine):\n",
            "            digits[digit] += amount\n",
        ),
        "the lock around each addition": answer(
            "    gate.wait()\n",
            "    for number in numbers:\n",
            "        with digits.get_lock():\n",
            "            digits[number % 10] += 1\n",
        ),
        "the Array itself as the context, digit by digit": answer(
            OWN_COUNT,
            "    for digit in range(10):\n",
            "        with digits:\n",
            "            digits[digit] = digits[digit] + mine[digit]\n",
        ),
        "acquire and release by hand": answer(
            OWN_COUNT,
            "    digits.acquire()\n",
            "    try:\n",
            "        for digit in range(10):\n",
            "            digits[digit] += mine[digit]\n",
            "    finally:\n",
            "        digits.release()\n",
        ),
        "a whole slice read and written under the lock": answer(
            OWN_COUNT,
            "    with digits.get_lock():\n",
            "        digits[:] = [there + more for there, more in zip(digits[:], mine)]\n",
        ),
        "a Counter, and the memory itself under the lock": answer(
            "    from collections import Counter\n",
            "    mine = Counter(number % 10 for number in numbers)\n",
            "    gate.wait()\n",
            "    memory = digits.get_obj()\n",
            "    with digits.get_lock():\n",
            "        for digit, amount in mine.items():\n",
            "            memory[digit] += amount\n",
        ),
        "NumPy adds to the memory, under the lock": answer(
            "    import numpy as np\n",
            "    gate.wait()\n",
            "    shared = np.frombuffer(digits.get_obj(), dtype=np.intc)\n",
            "    with digits.get_lock():\n",
            "        shared += np.bincount(np.array(numbers) % 10, minlength=10).astype(np.intc)\n",
        ),
        "no lock, but turns: the second adds when the first has done so": answer(
            "    place = gate.wait()\n",
            "    for turn in range(2):\n",
            "        if place == turn:\n",
            "            for number in numbers:\n",
            "                digits[number % 10] += 1\n",
            "        gate.wait()\n",
        ),
        "an unlocked look at the numbers, then the lock": answer(
            OWN_COUNT,
            "    before = digits[:]\n",
            "    with digits.get_lock():\n",
            "        for digit in range(10):\n",
            "            digits[digit] += mine[digit]\n",
        ),
    }
}

WRONG = {
    "exercise-starter": {
        "adding once, without the lock": answer(
            OWN_COUNT,
            "    for digit, amount in enumerate(mine):\n",
            "        digits[digit] += amount\n",
        ),
        "the lock around the reading only": answer(
            OWN_COUNT,
            "    for digit in range(10):\n",
            "        with digits.get_lock():\n",
            "            there = digits[digit]\n",
            "        digits[digit] = there + mine[digit]\n",
        ),
        "the lock around the writing only": answer(
            OWN_COUNT,
            "    for digit in range(10):\n",
            "        there = digits[digit]\n",
            "        with digits.get_lock():\n",
            "            digits[digit] = there + mine[digit]\n",
        ),
        "each reading and each writing under the lock, not both together": answer(
            OWN_COUNT,
            "    with digits.get_lock():\n",
            "        there = digits[:]\n",
            "    with digits.get_lock():\n",
            "        digits[:] = [a + b for a, b in zip(there, mine)]\n",
        ),
        "a lock that each worker makes for itself": answer(
            "    from multiprocessing import Lock\n",
            "    lock = Lock()\n",
            "    gate.wait()\n",
            "    for number in numbers:\n",
            "        with lock:\n",
            "            digits[number % 10] += 1\n",
        ),
        "a lock for the threads of one process": answer(
            "    from threading import Lock\n",
            OWN_COUNT,
            "    with Lock():\n",
            "        for digit in range(10):\n",
            "            digits[digit] += mine[digit]\n",
        ),
        "no waiting at the gate, and no lock": answer(
            OWN_COUNT.replace("    gate.wait()\n", ""),
            "    for digit in range(10):\n",
            "        digits[digit] += mine[digit]\n",
        ),
        "a pause in place of a lock": answer(
            "    import time\n",
            "    gate.wait()\n",
            "    for number in numbers:\n",
            "        digits[number % 10] += 1\n",
            "    time.sleep(0.1)\n",
        ),
        "written over, not added": answer(
            OWN_COUNT,
            "    with digits.get_lock():\n",
            "        digits[:] = mine\n",
        ),
        "one worker does nothing, the other counts twice": answer(
            "    place = gate.wait()\n",
            "    if place == 0:\n",
            "        for number in numbers:\n",
            "            digits[number % 10] += 2\n",
        ),
        "a list of its own, never added": answer(OWN_COUNT),
        "the memory itself, without the lock": answer(
            OWN_COUNT,
            "    memory = digits.get_obj()\n",
            "    for digit in range(10):\n",
            "        memory[digit] += mine[digit]\n",
        ),
        "NumPy adds to the memory, without the lock": answer(
            "    import numpy as np\n",
            "    gate.wait()\n",
            "    shared = np.frombuffer(digits.get_obj(), dtype=np.intc)\n",
            "    shared += np.bincount(np.array(numbers) % 10, minlength=10).astype(np.intc)\n",
        ),
        "a lock that is never given back": answer(
            OWN_COUNT,
            "    digits.get_lock().acquire()\n",
            "    for digit in range(10):\n",
            "        digits[digit] += mine[digit]\n",
        ),
        "the lock is held at the gate": answer(
            "    with digits.get_lock():\n",
            "        gate.wait()\n",
            "        for number in numbers:\n",
            "            digits[number % 10] += 1\n",
        ),
        "a worker fails": answer(
            "    gate.wait()\n",
            "    for number in numbers:\n",
            "        with digits.get_lock():\n",
            "            digits[number % 11] += 1\n",
        ),
    }
}
