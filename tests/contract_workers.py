"""Workers that note what is done to them and when; for the contracts of the standard library.

A module of its own, so that a worker under every start method imports it quickly.
"""

import atexit
import multiprocessing
import os
import stat
import sys
import threading
import time
from functools import partial
from multiprocessing import util
from typing import Any

from manybrains.workers.stdlib_internals import at_the_very_end

METHODS = multiprocessing.get_all_start_methods()
PAUSE = 0.15  # seconds that something at the end of a worker takes, so that its order shows


def note(path: str, *words: object) -> None:
    """Append a line to a file; all processes of a test write to the same."""
    with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(" ".join(map(str, words)) + "\n")


class Noted:
    """Mixed into a Process: notes when its body begins and returns, and its very end."""

    def __init__(self, path: str, kind: str = "plain", **keywords: Any) -> None:
        super().__init__(**keywords)
        self.path = path
        self.kind = kind

    def _bootstrap(self, parent_sentinel: int | None = None) -> int:
        note(self.path, "body begins in", os.getpid())
        note(self.path, "sentinel is", _is_a_pipe(parent_sentinel))
        code: int = super()._bootstrap(parent_sentinel=parent_sentinel)  # type: ignore[misc]
        note(self.path, "body returned", code)
        return code

    def run(self) -> None:
        at_the_very_end(partial(note, self.path, "very end"))
        note(self.path, "run begins")
        if self.kind in ENDS:
            ENDS[self.kind](self)
        super().run()  # type: ignore[misc]


def _is_a_pipe(descriptor: Any) -> str:
    is_pipe = isinstance(descriptor, int) and stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    return "a pipe" if is_pipe else f"no pipe but {descriptor!r}"


WORKERS: dict[str, Any] = {}
for _method in METHODS:
    _process = multiprocessing.get_context(_method).Process
    WORKERS[_method] = type(f"Noted_{_method}", (Noted, _process), {"__module__": __name__})
    globals()[f"Noted_{_method}"] = WORKERS[_method]  # pickle looks a class up by its name


# --- kinds of ends


class Slow:
    """Takes a while to be pickled, which a queue does in its feeder thread."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        time.sleep(PAUSE)
        note(self.path, "fed")
        return str, ("slow",)


def _note_later(path: str, word: str) -> None:
    time.sleep(PAUSE)
    note(path, word)


def _finalizers(worker: Any) -> None:
    util.Finalize(None, partial(note, worker.path, "finalized early"), exitpriority=10)
    util.Finalize(None, partial(note, worker.path, "finalized late"), exitpriority=-100)


def _exit_functions(worker: Any) -> None:
    atexit.register(note, worker.path, "atexit")


def _feeder(worker: Any) -> None:
    worker.queue = multiprocessing.get_context("spawn").Queue()
    worker.queue.put(Slow(worker.path))


def _child(worker: Any) -> None:
    context = multiprocessing.get_context(multiprocessing.get_start_method())
    context.Process(target=_note_later, args=(worker.path, "child ended")).start()


def _thread(worker: Any) -> None:
    threading.Thread(target=_note_later, args=(worker.path, "thread ended")).start()


ENDS = {
    "finalizers": _finalizers,
    "exit functions": _exit_functions,
    "feeder": _feeder,
    "child": _child,
    "thread": _thread,
}


# --- what workers do


def nothing() -> None:
    pass


def leave(code: Any) -> None:
    sys.exit(code)


def fail(words: str) -> None:
    raise ValueError(words)


def double(number: int) -> int:
    return 2 * number


def sleep_long() -> None:
    time.sleep(60)


def note_own_attributes(path: str, *_: Any, **__: Any) -> None:
    worker = multiprocessing.current_process()
    note(path, worker._parent_pid, worker._target.__name__, len(worker._args), *worker._kwargs)  # type: ignore[attr-defined]


def note_own_stack(path: str) -> None:
    frame = sys._getframe()
    while frame is not None:
        note(path, frame.f_code.co_filename.replace("\\", "/"), frame.f_code.co_name)
        frame = frame.f_back  # type: ignore[assignment]


def watch_main_thread(path: str) -> None:
    """Note where the main thread stands, a few times from now on."""
    threading.Thread(target=_watch, args=(path, threading.get_ident()), daemon=True).start()


def _watch(path: str, ident: int) -> None:
    for _ in range(20):
        time.sleep(PAUSE / 10)
        frame = sys._current_frames().get(ident)
        while frame is not None:
            note(path, frame.f_code.co_filename.replace("\\", "/"), frame.f_code.co_name)
            frame = frame.f_back


class NotedWhilePickled:
    """An argument that notes, when it is pickled, what `ask` answers."""

    def __init__(self, path: str, ask: Any) -> None:
        self.path = path
        self.ask = ask

    def __reduce__(self) -> tuple[Any, ...]:
        note(self.path, "pickled", self.ask())
        return str, ("pickled",)
