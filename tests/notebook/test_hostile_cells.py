"""Cells that do as they like: afterwards the kernel answers, and workers run.

Each is tried in a kernel of its own state; what follows shows that the next cells work.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import START_METHODS
from kernels import Kernel, Shown, bare_kernel, kernel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no os.fork on Windows")

DEFINITIONS = """
import multiprocessing, os, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool, Process, Queue
from threading import Thread
from manybrains import watch

def greet(name):
    print("hello", name)
    return name

def double(x):
    return 2 * x

def doze():
    time.sleep(60)

def meet(gate):
    gate.wait(60)
"""


# What goes the same way under every start method is tried under the default alone.
any_method = pytest.mark.parametrize("notebook", START_METHODS[:1], indirect=True)


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param) as one:
        assert "" == one.run(DEFINITIONS).error
        yield one


def check(one: Kernel) -> None:
    """Workers print, pools answer, a watched cell is drawn, and nobody complains."""
    source = "p = Process(target=greet, args=('you',), name='p')\np.start(); p.join()"
    shown = one.run("%%watch\n" + source)
    assert ("", "") == (shown.error, shown.stderr)
    assert shown.stdout.startswith("p: hello you\nrun: ")
    assert (1, True) == (shown.pictures, ", 1 worker, " in shown.stdout), shown.stdout
    assert "[2, 4]" == one.run("with Pool(2) as pool: a = pool.map(double, [1, 2])\na").text


def check_quiet(shown: Shown) -> None:
    assert ("", "") == (shown.error, shown.stderr)


# --- watching twice -----------------------------------------------------------------------


@any_method
def test_a_watch_inside_a_watched_cell(notebook: Kernel) -> None:
    source = (
        "%%watch outer\n"
        "with watch('inner') as inner:\n"
        "    p = Process(target=greet, args=(1,)); p.start(); p.join()\n"
        "q = Process(target=greet, args=(2,)); q.start(); q.join()"
    )
    check_quiet(notebook.run(source))
    assert "(2, 1)" == notebook.run("len(outer.workers), len(inner.workers)").text
    check(notebook)


@any_method
def test_a_watched_cell_that_runs_a_watched_cell(notebook: Kernel) -> None:
    inner = "%%watch inner\\np = Process(target=greet, args=(1,)); p.start(); p.join()"
    shown = notebook.run(f"%%watch outer\n_ = get_ipython().run_cell('{inner}')")
    check_quiet(shown)
    assert "(1, 1)" == notebook.run("len(outer.workers), len(inner.workers)").text
    check(notebook)


def test_watches_in_several_threads_at_once(notebook: Kernel) -> None:
    source = """
runs = []
def work(number):
    with watch(f"thread {number}", deadline=50) as run:
        p = Process(target=greet, args=(number,)); p.start(); p.join()
    runs.append(run)
threads = [Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    shown = notebook.run(source)
    check_quiet(shown)
    assert sorted(f"hello {number}" for number in range(8)) == sorted(shown.stdout.splitlines())
    assert (
        "[True]" == notebook.run("sorted({r.finished and len(r.workers) >= 1 for r in runs})").text
    )
    check(notebook)


def test_a_cell_run_again_while_its_former_pool_is_alive(notebook: Kernel) -> None:
    source = "%%watch again\nkept = Pool(2)\nanswers = kept.map(double, range(4))\nanswers"
    for _ in range(3):
        shown = notebook.run(source)
        assert ("", "[0, 2, 4, 6]") == (shown.error, shown.text.splitlines()[-1])
    # Those of the former pool may still be ending: they did nothing here and are no lanes of it.
    assert "True" == notebook.run("2 <= len(again.workers) <= 4").text
    notebook.run("kept.terminate(); kept.join(); del kept")
    check(notebook)


def test_a_global_pool_that_lives_on_for_many_cells_holds_no_files(notebook: Kernel) -> None:
    notebook.run("kept = Pool(2)")
    notebook.run("from manybrains.workers.session import current_session")
    # A worker that is being born has a file for a moment.
    notebook.run("""
def files():
    names = [name.strip("0123456789-") for name in os.listdir(current_session().folder)]
    return sorted(name for name in names if name != "birth")
""")
    source = "p = Process(target=greet, args=(1,)); p.start(); p.join(); kept.apply(double, (3,))"
    notebook.run(source)
    before = notebook.run("files()").text
    for _ in range(10):
        assert "6" == notebook.run(source).text
    after = notebook.run("files()").text
    notebook.run("kept.terminate(); kept.join(); del kept")
    assert before == after


# --- loading ------------------------------------------------------------------------------


@any_method
def test_loading_again_and_reloading(notebook: Kernel) -> None:
    check_quiet(notebook.run("%load_ext manybrains\n%reload_ext manybrains"))
    check(notebook)


def test_autoreload_of_a_module_that_workers_use(notebook: Kernel, tmp_path: Path) -> None:
    module = tmp_path / "a_module.py"
    module.write_text("def answer(): return 1\n")
    notebook.run(f"sys.path.insert(0, {str(tmp_path)!r})\n%load_ext autoreload\n%autoreload 2")
    notebook.run("import a_module\ndef ask(_): return a_module.answer()")
    source = "with Pool(1) as pool: answer = pool.map(ask, [0])\nanswer"
    assert "[1]" == notebook.run(source).text
    module.write_text("def answer(): return 'changed'\n")
    os.utime(module, (time.time() + 10, time.time() + 10))
    assert "['changed']" == notebook.run(source).text
    notebook.run("%autoreload 0")
    check(notebook)


def test_autoreload_of_the_library_itself(tmp_path: Path) -> None:
    import shutil

    import manybrains

    copy = tmp_path / "manybrains"
    shutil.copytree(Path(manybrains.__file__).parent, copy)
    with bare_kernel(env={"PYTHONPATH": str(tmp_path)}) as one:
        one.run("%load_ext autoreload\n%autoreload 2\n%load_ext manybrains")
        assert str(copy) in one.run("import manybrains; manybrains.__file__").text
        one.run(DEFINITIONS)
        check(one)
        for path in copy.rglob("*.py"):
            os.utime(path, (time.time() + 10, time.time() + 10))
        check(one)


# --- the process itself -------------------------------------------------------------------


def test_another_working_folder(notebook: Kernel, tmp_path: Path) -> None:
    notebook.run(f"before = os.getcwd(); os.chdir({str(tmp_path)!r})")
    check(notebook)
    notebook.run("os.chdir(before)")


@posix
def test_a_session_of_its_own(notebook: Kernel) -> None:
    notebook.run("try: os.setsid()\nexcept PermissionError: pass")
    source = """%%watch
def leave():
    os.setsid()
    print("left")
p = Process(target=leave); p.start(); p.join()
"""
    assert ("Process", "left") == (
        notebook.run(source).stdout.split("-")[0],
        notebook.run("p = Process(target=leave); p.start(); p.join()").stdout.strip(),
    )
    check(notebook)


@any_method
def test_a_watched_cell_that_exits(notebook: Kernel) -> None:
    shown = notebook.run("%%watch quitting\nsys.exit(3)")
    assert "SystemExit: 3" == shown.error
    assert "'stopped by SystemExit'" == notebook.run("quitting.note").text
    check(notebook)


@pytest.mark.parametrize(
    "stream",
    ["io.StringIO()", "None", "types.SimpleNamespace(write=len, flush=int)", "closed"],
)
def test_another_standard_output(notebook: Kernel, stream: str) -> None:
    notebook.run("import io, types; before = sys.stdout; closed = io.StringIO(); closed.close()")
    notebook.run(f"sys.stdout = {stream}")
    shown = notebook.run("%%watch\np = Process(target=greet, args=('you',)); p.start(); p.join()")
    assert ("", True) == (shown.error, "Traceback" not in shown.stderr)
    # What workers print belongs to the notebook, whatever the cell does with its own stream.
    assert "hello you" in shown.stdout
    notebook.run("sys.stdout = before")
    check(notebook)


def test_the_start_method_set_by_a_cell() -> None:
    for method in START_METHODS:
        with bare_kernel() as one:
            one.run("%load_ext manybrains")
            one.run(DEFINITIONS)
            one.run("%%watch\nx = 1")
            assert "" == one.run(f"multiprocessing.set_start_method({method!r})").error
            check(one)
            assert f"'{method}'" == one.run("run.machine.start_method").text


@posix
@any_method
def test_a_bare_fork(notebook: Kernel) -> None:
    notebook.run("import warnings; warnings.simplefilter('ignore', DeprecationWarning)")  # 3.12
    source = """%%watch forked
pid = os.fork()
if pid == 0:
    os.write(1, b"")
    until = time.process_time() + 0.6
    while time.process_time() < until: pass
    os._exit(7)
_, status = os.waitpid(pid, 0)
os.waitstatus_to_exitcode(status)
"""
    shown = notebook.run(source)
    assert ("", "", "7") == (shown.error, shown.stderr, shown.text.splitlines()[-1])
    assert "True" == notebook.run("pid in [lane.pid for lane in forked.workers]").text
    check(notebook)


@posix
@any_method
def test_a_bare_fork_that_starts_workers_of_its_own(notebook: Kernel) -> None:
    source = """
pid = os.fork()
if pid == 0:
    code = 1
    try:
        p = multiprocessing.get_context("fork").Process(target=double, args=(1,))
        p.start(); p.join()
        with watch("inside") as inside:
            pass
        code = p.exitcode + 5 * inside.finished
    finally:
        os._exit(code)
os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
    assert "5" == notebook.run(source).text
    check(notebook)


@posix
@any_method
def test_an_interrupt_of_a_cell_with_a_deadline(notebook: Kernel) -> None:
    source = """%%watch stopped --deadline 60
import signal
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
p = Process(target=doze); p.start(); p.join()
"""
    assert "KeyboardInterrupt: " == notebook.run(source).error
    assert (
        "('stopped by KeyboardInterrupt', [])"
        == notebook.run("stopped.note, multiprocessing.active_children()").text
    )
    check(notebook)


@posix
@any_method
def test_the_process_that_looks_is_killed(notebook: Kernel) -> None:
    kill = """%%watch
import signal
from manybrains.workers.session import current_session
[pid] = [pid for pid, name in current_session().helpers.items() if name == "sampler"]
os.kill(pid, signal.SIGKILL)
p = Process(target=greet, args=(1,)); p.start(); p.join()
"""
    shown = notebook.run(kill)
    assert ("", 1) == (shown.error, shown.pictures)
    assert "cores and memory are missing, because the sampler ended" in shown.stderr
    assert "1" == notebook.run("len(run.workers)").text
    check(notebook)
    assert "" == notebook.run("%%watch\ntime.sleep(0.1)").stderr


# --- two kernels --------------------------------------------------------------------------


def test_two_kernels_at_once() -> None:
    with contextlib.ExitStack() as stack:
        two = [stack.enter_context(kernel()) for _ in range(2)]
        for one in two:
            one.run(DEFINITIONS)
            # A worker that is still starting works, and would be a lane of the cells below.
            one.run("gate = multiprocessing.Barrier(3); kept = Pool(2, meet, (gate,)); meet(gate)")
            assert "[2]" == one.run("kept.map(double, [1])").text
        folder = "from manybrains.workers.session import current_session; current_session().folder"
        assert 2 == len({one.run(folder).text for one in two})
        for one in two:
            check(one)
            assert "2" == one.run("len(multiprocessing.active_children())").text
        if sys.platform != "win32":
            os.kill(two[0].pid, signal.SIGKILL)
            psutil.Process(two[0].pid).wait(10)
            assert "[2]" == two[1].run("kept.map(double, [1])").text
            check(two[1])
            two[1].run("kept.terminate()")
