"""What a worker of the fork server has at its birth, and what the notebook refuses to send."""

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import START_METHODS
from kernels import kernel

from manybrains.snapshots.reasons import reason

CELLS = """\
import multiprocessing, os
import numpy as np

def server_has_numpy(_):
    with open(f"/proc/{os.getppid()}/maps") as file:
        return "numpy" in file.read()

def draw(gate):
    gate.wait(30)
    return float(np.random.rand())
"""
pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="there is none"
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_the_fork_server_imports_once_what_its_children_need() -> None:
    with kernel("forkserver") as one:
        one.run(CELLS)
        shown = one.run(
            "with multiprocessing.Pool(1) as pool: print(pool.map(server_has_numpy, [0]))"
        )
    assert ("[True]", "") == (shown.stdout.strip(), shown.error)


def test_each_worker_draws_random_numbers_of_its_own() -> None:
    with kernel("forkserver") as one:
        one.run(CELLS)
        shown = one.run(
            "manager = multiprocessing.Manager(); gate = manager.Barrier(3)\n"
            "with multiprocessing.Pool(3) as pool: print(len(set(pool.map(draw, [gate] * 3))))"
        )
        one.run("manager.shutdown()")
    assert ("3", "") == (shown.stdout.strip(), shown.error)


def test_what_the_reader_lets_the_fork_server_import_is_left_alone() -> None:
    with kernel("forkserver") as one:
        one.run("import multiprocessing; multiprocessing.set_forkserver_preload(['json'])")
        one.run(CELLS)
        shown = one.run(
            "with multiprocessing.Pool(1) as pool: pool.map(abs, [0])\n"
            "from multiprocessing import forkserver; print(forkserver._forkserver._preload_modules)"
        )
    assert ("['json']", "") == (shown.stdout.strip(), shown.error)


PICKLING = """\
import datetime, sys
from multiprocessing.reduction import ForkingPickler

class Point:
    pass

things = [Point() for _ in range(500)] + [datetime.date(2000, 1, 1) for _ in range(500)] + [len]
calls = []

def note(frame, event, argument):
    if event == "call":
        calls.append(frame.f_code.co_filename)

sys.setprofile(note)
ForkingPickler.dumps(things)
sys.setprofile(None)
print(sum("manybrains" in file for file in calls))
"""


def test_no_python_of_ours_runs_for_each_pickled_object() -> None:
    with kernel() as one:
        shown = one.run(PICKLING)
    assert ("", True) == (shown.error, int(shown.stdout) < 5)


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("pool.map(lambda x: x, [1])", "a lambda cannot be sent to another process"),
        (
            "pool.map(inner(), [1])",
            "'helper' cannot be sent to another process: it is defined inside",
        ),
    ],
)
def test_what_has_no_name_is_refused_with_what_to_do(cell: str, sentence: str) -> None:
    define = "import multiprocessing\ndef inner():\n    def helper(x): return x\n    return helper"
    with kernel() as one:
        one.run(define)
        shown = one.run(f"with multiprocessing.Pool(1) as pool: {cell}")
    assert sentence in shown.error


ADVICE = """\
import multiprocessing
def f(): return 1
old = f
def f(): return 2
class Gone: pass
here = Gone()
del Gone
letters = multiprocessing.Queue()
def post(x, to=letters): to.put(x)
def read(x): return letters.get(x)
def last(): return _
def ask(f, *arguments):
    with multiprocessing.Pool(1) as pool:
        try:
            return pool.apply(f, arguments)
        except Exception as error:
            return [str(error), *getattr(error, "__notes__", ())][-1]
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_each_refusal_names_the_thing_and_what_to_do(method: str) -> None:
    with kernel(method) as one:
        one.run(ADVICE)
        asked = {
            question: one.run(question).text
            for question in ("ask(old)", "ask(abs, here)", "ask(post, 1)", "ask(read, 1)")
        }
        for thing in ("letters", "multiprocessing.Value('i')", "multiprocessing.Event()"):
            assert (
                "in `initargs` of a Pool or ProcessPoolExecutor"
                in one.run(f"ask(id, {thing})").text
            )
        assert "let the worker make it" in one.run("ask(id, open('/dev/null'))").text
        assert "Give the result a name of its own" in one.run("ask(last)").text
        shown = one.run("multiprocessing.Process(target=post, args=(1,)).start()")
    assert "'f' cannot be sent to another process: what is sent is not what" in asked["ask(old)"]
    assert (
        "'Gone' cannot be sent to another process: the notebook has no" in asked["ask(abs, here)"]
    )
    hand_over = "a Queue is not copied, it is handed over. Hand it over when the worker is started"
    assert f"This worker does not have it: it is made from 'letters', and {hand_over}" in (
        asked["ask(post, 1)"].replace('"', "'")
    )
    assert f"'letters' is in the notebook, but not in this worker: {hand_over}" in (
        asked["ask(read, 1)"].replace('"', "'")
    )
    assert "'post' (Cell In[2], line 9) cannot be sent to another process" in shown.error


TO_PICKLE = """\
import sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import *
def work(n): return n
def items(n): return (i for i in range(n))
def post(letters): letters.put(lambda: 1); letters.close(); letters.join_thread()
class Own(Process):
    def __init__(self): super().__init__(); self.lock = threading.Lock()
lock, letters = threading.Lock(), Queue()
"""
AT_A_START = {
    "Process(target=work, args=(1, lock)).start()": ("args[1]", "Take the Lock of multi"),
    "Process(target=work, kwargs={'n': [sys]}).start()": ("kwargs['n']", "Import it in the"),
    "Process(target=work, args=(items(1),)).start()": ("args[0]", "Send a list of its items."),
    "Own().start()": ("attribute `lock`", "Take the Lock of multi"),
    "Pool(1, work, (lock,))": ("initargs[0]", "Take the Lock of multi"),
    "ProcessPoolExecutor(1, None, work, (lock,)).submit(abs, 1)": ("initargs[0]", "Take the Lock"),
}


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_cannot_be_sent_at_a_start_is_named_with_its_place(method: str) -> None:
    with kernel(method) as one:
        one.run(TO_PICKLE)
        for cell, (place, remedy) in AT_A_START.items():
            shown = one.run(cell)
            assert (True, True, False) == (
                place in shown.traceback,
                remedy in shown.traceback,
                "manybrains" in shown.traceback,
            ), cell


@pytest.mark.parametrize("method", START_METHODS)
def test_what_cannot_be_sent_later_is_told_without_frames_of_ours(method: str) -> None:
    with kernel(method) as one:
        one.run(TO_PICKLE)
        shown = one.run("letters.put(lambda: 1); letters.put(lock); time.sleep(0.5)")
        in_worker = one.run("p = Process(target=post, args=(letters,)); p.start(); p.join()")
        pool = one.run("with Pool(1) as pool: pool.map(items, [1])")
        executor = one.run("with ProcessPoolExecutor(1) as some: some.submit(items, 1).result()")
    assert "a lambda cannot be sent to another process" in shown.stderr
    assert "Take the Lock of multiprocessing" in shown.stderr
    assert "a lambda cannot be sent to another process" in in_worker.stderr
    assert "Send a list of its items." in pool.traceback
    assert "Send a list of its items." in executor.traceback
    told = shown.stderr, in_worker.stderr, pool.traceback, executor.traceback
    assert [False] * 4 == ["manybrains" in text for text in told]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_module_of_a_folder_that_was_the_working_folder_is_found(
    method: str, tmp_path: Path
) -> None:
    for name in ("here", "there"):
        (tmp_path / name / f"package_{name}").mkdir(parents=True)
        (tmp_path / name / f"package_{name}" / "__init__.py").write_text("N = 4")
        (tmp_path / name / f"module_{name}.py").write_text("def work(n): return n + 1")
    with kernel(method) as one:
        one.run(f"import os\nfrom multiprocessing import Pool\nos.chdir({str(tmp_path)!r})")
        one.run("os.chdir('here'); import module_here, package_here")
        one.run("os.chdir('../there'); from module_there import work; import package_there")
        one.run("def sums(n): return module_here.work(n) + package_here.N + package_there.N")
        shown = one.run("with Pool(1) as pool: print(pool.map(work, [1]), pool.map(sums, [1]))")
    assert ("[2] [10]\n", "") == (shown.stdout, shown.error)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_cannot_be_loaded_in_a_worker_has_a_remedy(method: str, tmp_path: Path) -> None:
    (tmp_path / "module_gone.py").write_text("N = 4")
    with kernel(method) as one:
        one.run("from multiprocessing import Pool\nimport os, sys")
        one.run(f"sys.path.insert(0, {str(tmp_path)!r}); import module_gone")
        one.run("class Bad:\n    def __setstate__(self, _): raise ValueError('no')")
        one.run("bad = Bad(); bad.n = 1; os.remove(module_gone.__file__)")
        one.run("def of_bad(n): return bad.n\ndef of_gone(n): return module_gone.N")
        of_bad = one.run("with Pool(1) as pool: pool.map(of_bad, [1])").traceback
        of_gone = one.run("with Pool(1) as pool: pool.map(of_gone, [1])").traceback
        one.run("%%everywhere\nbad = Bad(); bad.n = 1")
        mended = one.run("with Pool(1) as pool: print(pool.map(of_bad, [1]))")
    assert "(ValueError: no). A copy is made by pickle: make it inside the function" in of_bad
    assert "put its file where Python finds it." in of_gone
    assert "[1]\n" == mended.stdout


def test_a_refusal_speaks_of_things_by_the_names_that_the_reader_knows() -> None:
    from multiprocessing import Array, Event, Lock, Value

    def told(thing: Any) -> str:
        return reason(thing, RuntimeError("")).partition(" is not")[0]

    things = [Event(), Lock(), Value("i"), Array("i", 1), Array("c", 1)]
    named = ["an Event", "a Lock", "a shared Value", "a shared Array", "a shared Array"]
    assert named == [told(thing) for thing in things]
