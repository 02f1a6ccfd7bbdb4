"""What fails at the birth of a worker; a module of its own, so that spawned ones start quickly."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any


def fail(words: str = "no such table") -> None:
    raise ValueError(words)


def leave(code: int) -> None:
    sys.exit(code)


def leave_at_once(code: int) -> None:
    os._exit(code)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail_in(folder: str, numbers: set[int]) -> None:
    """Fail in the workers of these numbers; each makes a file."""
    if _enter(folder) in numbers:
        raise ValueError("one of these")


def fail_later(folder: str) -> None:
    """Fail in all workers but the first."""
    if _enter(folder) > 0:
        raise ValueError("not the first")


def count(folder: str) -> None:
    """Fail in every worker, and count them."""
    _enter(folder)
    fail()


def _enter(folder: str) -> int:
    number = 0
    while True:
        try:
            Path(folder, str(number)).touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return number


class Unreadable:
    """Can be pickled, not unpickled."""

    def __init__(self) -> None:
        self.state = 1

    def __setstate__(self, state: Any) -> None:
        raise LookupError("cannot be read")


class OnlyHere:
    """Unpickled in another process, it asks for a name that is not there."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def __reduce__(self) -> Any:
        return _only_in, (self.pid,)


def _only_in(pid: int) -> None:
    if os.getpid() != pid:
        raise ModuleNotFoundError("No module named 'only_here'", name="only_here")


def nothing(*_: Any) -> None:
    pass


def double(number: int) -> int:
    return 2 * number


def pid(_: int) -> int:
    return os.getpid()


def pool_in_a_worker(method: str) -> Any:
    with multiprocessing.get_context(method).Pool(2, initializer=fail) as pool:
        return pool.map(double, [1])
