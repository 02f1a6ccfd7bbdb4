"""The extension in real kernels, under every start method: a cell is a script, and is seen."""

from collections.abc import Iterator

import pytest
from conftest import START_METHODS
from kernels import Kernel, kernel

DEFINITIONS = """
import os, signal, sys, time
from multiprocessing import Pool, Process, Queue
from concurrent.futures import ProcessPoolExecutor
size = 5

def greet(name):
    print("hello", name)
    return name * 2

class Point:
    def __init__(self, x):
        self.x = x

def make_point(x):
    return Point(x)

class Greeter(Process):
    def run(self):
        print("greeter", size)

def fail(reason):
    raise ValueError(reason)

def print_and_die(how):
    print("last words")
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)

def print_lines(count):
    for number in range(count):
        print("line", number, "of", os.getpid())
"""


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param) as one:
        assert "" == one.run(DEFINITIONS).error
        yield one


def test_a_function_of_a_cell_reaches_its_process(notebook: Kernel) -> None:
    shown = notebook.run("p = Process(target=greet, args=('you',)); p.start(); p.join()")
    assert ("hello you\n", "") == (shown.stdout, shown.error)


def test_a_subclass_of_process_reaches_its_process(notebook: Kernel) -> None:
    assert "greeter 5\n" == notebook.run("p = Greeter(); p.start(); p.join()").stdout


def test_a_pool_maps_a_function_of_a_cell(notebook: Kernel) -> None:
    shown = notebook.run("with Pool(2) as pool: answer = pool.map(greet, [1, 2])\nanswer")
    assert "[2, 4]" == shown.text


def test_an_executor_maps_a_function_of_a_cell(notebook: Kernel) -> None:
    source = "with ProcessPoolExecutor(2) as executor: answer = list(executor.map(greet, [1, 2]))"
    assert "[2, 4]" == notebook.run(source + "\nanswer").text


def test_an_answer_may_be_of_a_class_of_a_cell(notebook: Kernel) -> None:
    source = "with Pool(1) as pool: points = pool.map(make_point, [7])\n"
    assert "(True, 7)" == notebook.run(source + "type(points[0]) is Point, points[0].x").text


def test_a_changed_function_is_the_one_that_runs(notebook: Kernel) -> None:
    notebook.run("def changing(): print('first')")
    notebook.run("p = Process(target=changing); p.start(); p.join()")
    notebook.run("def changing(): print('second')")
    shown = notebook.run("p = Process(target=changing); p.start(); p.join()")
    assert "second\n" == shown.stdout


def test_a_function_and_its_use_may_stand_in_one_cell(notebook: Kernel) -> None:
    source = "def both(): print('both')\np = Process(target=both); p.start(); p.join()"
    assert "both\n" == notebook.run(source).stdout


def test_what_a_worker_prints_comes_before_what_is_printed_after_its_join(
    notebook: Kernel,
) -> None:
    source = "p = Process(target=greet, args=(1,)); p.start(); p.join(); print('joined')"
    assert ["hello 1\njoined\n"] * 5 == [notebook.run(source).stdout for _ in range(5)]


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_a_worker_that_dies_early_has_its_last_words(notebook: Kernel, how: str) -> None:
    shown = notebook.run(f"p = Process(target=print_and_die, args=({how!r},)); p.start(); p.join()")
    assert "last words\n" == shown.stdout


def test_what_pool_workers_print_survives_their_pool(notebook: Kernel) -> None:
    source = "with Pool(2) as pool: _ = pool.map(greet, range(20), chunksize=1)"
    expected = sorted(f"hello {number}" for number in range(20))
    assert expected == sorted(notebook.run(source).stdout.splitlines())


def test_lines_of_several_workers_stay_whole_and_in_order_per_worker(notebook: Kernel) -> None:
    source = (
        "ps = [Process(target=print_lines, args=(500,)) for _ in range(3)]\n"
        "for p in ps: p.start()\nfor p in ps: p.join()"
    )
    lines: dict[str, list[str]] = {}
    for line in notebook.run(source).stdout.splitlines():
        head, _, pid = line.rpartition(" of ")
        lines.setdefault(pid, []).append(head)
    assert [[f"line {number}" for number in range(500)]] * 3 == list(lines.values())


def test_under_watch_each_line_carries_its_workers_name(notebook: Kernel) -> None:
    source = "%%watch\np = Process(target=greet, args=(1,), name='anna')\np.start(); p.join()"
    assert notebook.run(source).stdout.startswith("anna: hello 1\n")


def test_an_exception_in_a_worker_is_shown_once_and_names_the_cell(notebook: Kernel) -> None:
    shown = notebook.run("p = Process(target=fail, args=('why',)); p.start(); p.join()")
    assert (1, 1) == (shown.stderr.count("ValueError: why"), shown.stderr.count("Traceback"))
    assert 'File "Cell In[2]"' in shown.stderr


def test_an_exception_in_a_pool_reaches_the_cell(notebook: Kernel) -> None:
    assert "ValueError: 1" == notebook.run("with Pool(1) as pool: pool.map(fail, [1])").error


def test_a_lambda_is_refused_with_what_to_do(notebook: Kernel) -> None:
    shown = notebook.run("with Pool(1) as pool: pool.map(lambda x: x, [1])")
    assert shown.error.startswith("PicklingError: a lambda cannot be sent to another process")
    assert "Write it with def" in shown.error


def test_what_is_refused_is_told_without_the_depths_of_multiprocessing(notebook: Kernel) -> None:
    spawned = "multiprocessing.get_context('spawn').Process(target=lambda: None)"
    shown = notebook.run(f"refused = {spawned}\nrefused.start()")
    [error] = [output for output in shown.outputs if "ename" in output]
    assert "PicklingError" == error.ename
    text = "\n".join(error.traceback)
    assert (True, False) == ("refused.start()" in text, "reduction.py" in text)


def test_a_local_function_is_refused_by_its_name(notebook: Kernel) -> None:
    source = "def outer():\n    def inner(x): return x\n    return inner\n"
    shown = notebook.run(source + "with Pool(1) as pool: pool.map(outer(), [1])")
    assert shown.error.startswith("PicklingError: 'inner' cannot be sent to another process")


def test_a_function_defined_after_its_pool_is_an_error_and_no_hang(notebook: Kernel) -> None:
    notebook.run("late_pool = Pool(1)")
    notebook.run("def too_late(x): return x")
    shown = notebook.run("late_pool.map_async(too_late, [1]).get(timeout=20)")
    notebook.run("late_pool.terminate(); late_pool.join()")
    expected = "AttributeError: Can't get attribute 'too_late' on <module '__main__'>"
    assert expected == shown.error


def test_a_function_unknown_to_an_executors_worker_is_an_error_of_its_own(
    notebook: Kernel,
) -> None:
    notebook.run("executor = ProcessPoolExecutor(1); executor.submit(greet, 1).result()")
    notebook.run("def also_late(x): return x")
    shown = notebook.run("executor.submit(also_late, 1).result(timeout=20)")
    notebook.run("executor.shutdown()")
    assert shown.error.startswith("AttributeError: Can't get attribute 'also_late'")


def test_what_an_executor_cannot_call_is_an_error_of_its_own(notebook: Kernel) -> None:
    source = "with ProcessPoolExecutor(1) as executor: executor.submit(greet(1)).result()"
    assert "TypeError: 'int' object is not callable" == notebook.run(source).error


def test_a_watched_cell_binds_its_run_and_shows_line_and_picture(notebook: Kernel) -> None:
    source = "%%watch duel\nps = [Process(target=greet, args=(i,)) for i in (1, 2)]\n"
    shown = notebook.run(source + "for p in ps: p.start()\nfor p in ps: p.join()")
    assert 1 == shown.pictures
    assert "\nduel: " in shown.stdout
    assert ", 2 workers, " in shown.stdout
    assert "2" == notebook.run("len(duel.workers)").text


def test_the_value_of_a_watched_cell_is_shown_last(notebook: Kernel) -> None:
    shown = notebook.run("%%watch\n6 * 7")
    assert "42" == shown.outputs[-1]["data"]["text/plain"]


def test_a_semicolon_keeps_the_value_of_a_watched_cell_back(notebook: Kernel) -> None:
    assert "timeline of run" == notebook.run("%%watch\n6 * 7;").text


def test_an_exception_in_a_watched_cell_passes_with_its_line(notebook: Kernel) -> None:
    shown = notebook.run("%%watch broken\nx = 1\nx / 0")
    assert "ZeroDivisionError: division by zero" == shown.error
    assert 1 == shown.pictures
    assert "'stopped by ZeroDivisionError'" == notebook.run("broken.note").text


def test_a_watched_cell_may_await(notebook: Kernel) -> None:
    shown = notebook.run("%%watch\nimport asyncio\nawait asyncio.sleep(0.01, 'slept')")
    assert "'slept'" == shown.outputs[-1]["data"]["text/plain"]


def test_quiet_shows_nothing_and_binds_the_run(notebook: Kernel) -> None:
    shown = notebook.run("%%watch hush --quiet\nx = 1")
    assert [] == shown.outputs
    assert "True" == notebook.run("hush.finished").text


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("3x", "'3x' cannot name a run"),
        ("class", "'class' cannot name a run"),
        ("size", "'size' is already a name of yours (of type int)"),
        ("--deadline soon", "argument --deadline: invalid float value: 'soon'"),
        ("--deadline -1", "the deadline should be a number of seconds above 0, not -1.0"),
        ("--interval 0", "the interval should be 0.005 to 3600 seconds, not 0.0"),
        ("--colour red", "unrecognized arguments: --colour"),
        ("one two", "unrecognized arguments: two"),
        ("'open", "No closing quotation"),
    ],
)
def test_a_bad_watch_line_is_one_sentence(notebook: Kernel, line: str, complaint: str) -> None:
    shown = notebook.run(f"%%watch {line}\nnever_run = True")
    assert complaint in shown.stderr
    assert "Traceback" not in shown.stderr
    assert "False" == notebook.run("'never_run' in dir()").text


def test_loading_twice_changes_nothing(notebook: Kernel) -> None:
    assert "" == notebook.run("%load_ext manybrains\n%reload_ext manybrains").error
    shown = notebook.run("p = Process(target=greet, args=(1,)); p.start(); p.join()")
    assert "hello 1\n" == shown.stdout


def test_unloading_restores_multiprocessing_exactly(start_method: str) -> None:
    look = (
        "import multiprocessing.process as mp, multiprocessing.pool, threading, sys\n"
        "from multiprocessing import popen_fork, spawn, reduction\n"
        "from concurrent.futures import process as cfp\n"
        "things = lambda: [mp.BaseProcess.start, mp.BaseProcess._bootstrap, "
        "threading.Thread.start, threading.Thread._bootstrap_inner, popen_fork.Popen.poll, "
        "spawn.get_preparation_data, multiprocessing.pool.Pool._setup_queues, "
        "cfp._RemoteTraceback.__init__, vars(reduction.ForkingPickler).get('dumps')]\n"
        "hooked = things()\n"
    )
    with kernel(start_method) as one:
        one.run(look)
        one.run("%unload_ext manybrains")
        one.run("plain = things()")
        one.run("%load_ext manybrains")
        one.run("%unload_ext manybrains")
        shown = one.run("[a is b for a, b in zip(plain, hooked)], plain == things()")
        modules = one.run("{getattr(thing, '__module__', '') for thing in plain}")
    assert f"({[False] * 9}, True)" == shown.text
    assert "manybrains" not in modules.text
