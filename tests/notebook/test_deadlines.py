"""A deadline that no cell disarms, interrupts that count, and whom a deadline leaves alone.

`stubborn_cells.py` has the cells; it also counts how late each one ended.
"""

import sys
import uuid
from collections.abc import Iterator

import pytest
from conftest import START_METHODS
from kernels import TRIALS, Kernel, kernel
from stubborn_cells import CELLS, MARK, SET_UP, try_cell

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120 + 30 * TRIALS),
    pytest.mark.usefixtures("nobody_left"),
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="the sampler keeps deadlines on Linux"
    ),
]
OF_WORKERS = [name for name in CELLS if "worker" in name or "pool" in name or "executor" in name]
OF_MAIN = [name for name in CELLS if name not in OF_WORKERS]
any_method = pytest.mark.parametrize("notebook", START_METHODS[:1], indirect=True)


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    mark = uuid.uuid4().hex
    with kernel(request.param, seconds=100, env={MARK: mark}) as one:
        assert "" == one.run(SET_UP).error
        one.mark = mark  # type: ignore[attr-defined]
        yield one


@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("name", OF_WORKERS)
def test_a_deadline_ends_a_cell_and_its_workers(notebook: Kernel, name: str, trial: int) -> None:
    check_ended(notebook, name)


@any_method
@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("name", OF_MAIN)
def test_a_deadline_ends_a_cell_that_does_what_it_can(
    notebook: Kernel, name: str, trial: int
) -> None:
    check_ended(notebook, name)


def check_ended(notebook: Kernel, name: str) -> None:
    outcome = try_cell(notebook, name, notebook.mark)  # type: ignore[attr-defined]
    assert ("", False, ()) == (outcome.error, outcome.finished, outcome.left)
    assert outcome.note.startswith("stopped at its deadline of 0.5 s; ")
    assert outcome.wall_seconds < 20  # without a deadline it takes 600 seconds
    assert "4" == notebook.run("await asyncio.sleep(0.2)\n2 + 2").text


# --- who is left alone --------------------------------------------------------------------

ALONE = """
def is_alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

def pid_of(path):
    while not os.path.exists(path) or not open(path).read().strip():
        time.sleep(0.01)
    return int(open(path).read())

def end(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
"""
DETACH = """
os.system("setsid sh -c 'echo $$ > {0}/daemon; exec sleep 600' &")
os.system("nohup sh -c 'echo $$ > {0}/nohup; exec sleep 600' > /dev/null &")
os.system("sh -c 'echo $$ > {0}/background; exec sleep 600' &")
child = subprocess.Popen(["sleep", "600"])
own = subprocess.Popen(["sleep", "600"], start_new_session=True)
pids = [pid_of("{0}/" + name) for name in ("daemon", "nohup", "background")]
pids += [child.pid, own.pid]
"""


@any_method
def test_a_deadline_leaves_alone_who_was_there_before_and_who_has_detached_himself(
    notebook: Kernel, tmp_path: object
) -> None:
    notebook.run(ALONE)
    notebook.run("older = subprocess.Popen(['sleep', '600']); p = Process(target=loop); p.start()")
    shown = notebook.run(
        "%%watch slow --deadline 2\n" + DETACH.format(tmp_path) + "time.sleep(600)"
    )
    assert "" == shown.error
    alive = notebook.run("time.sleep(0.2); [is_alive(pid) for pid in pids]").text
    assert "[True, True, False, False, False]" == alive
    assert "(None, None)" == notebook.run("older.poll(), p.exitcode").text
    notebook.run("for pid in [*pids[:2], older.pid, p.pid]: end(pid)\nolder.wait(), p.join()")


@any_method
def test_a_block_that_nobody_ends_does_not_harm_the_next_cell(notebook: Kernel) -> None:
    notebook.run("w = watch(deadline=0.5); _ = w.__enter__()")
    shown = notebook.run("p = Process(target=loop); p.start(); time.sleep(1.5); p.exitcode is None")
    assert ("", "True") == (shown.error, shown.text)
    notebook.run("p.kill(); p.join()")


@any_method
def test_without_a_sampler_a_deadline_is_kept_all_the_same(notebook: Kernel) -> None:
    source = """%%watch slow --deadline 1
from manybrains.workers.session import current_session
[os.kill(pid, 9) for pid, name in current_session().helpers.items() if name == "sampler"]
p = Process(target=loop); p.start()
swallow()
"""
    assert "" == notebook.run(source).error
    assert "False True" == " ".join(
        notebook.run("print(slow.finished, not multiprocessing.active_children())").stdout.split()
    )
    assert "" == notebook.run("%%watch\nprint('anew')").error


@any_method
def test_code_that_cannot_be_ended_is_told_while_it_runs_and_afterwards(notebook: Kernel) -> None:
    """A mutex that is waited for with the GIL: signals do not end this wait."""
    source = """%%watch slow --deadline 0.5
import ctypes
libc, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
libc.pthread_mutex_lock(mutex)
terminals, os_pipe = current_session().terminals, os.pipe()
os.dup2(os_pipe[1], 99)
libc.pthread_mutex_timedlock(mutex, (ctypes.c_long * 2)(int(time.time()) + 4, 0))
"""
    notebook.run("from manybrains.workers.session import current_session")
    notebook.run("terminals = current_session().terminals; current_session().terminals = (99, 99)")
    shown = notebook.run(source)
    notebook.run("current_session().terminals = terminals")
    assert "" == shown.error
    told = notebook.run("os.read(os_pipe[0], 4096).decode()").text
    assert 1 == told.count("a deadline has passed, and its cell still runs, because it was in C")
    assert " s late, because it was in C code that does not listen to signals" in shown.stdout
    notebook.run("for fd in (99, *os_pipe): os.close(fd)")


@any_method
def test_a_trace_function_that_was_there_is_there_again(notebook: Kernel) -> None:
    shown = notebook.run("""
def trace(*_): return None
sys.settrace(trace)
with watch(deadline=0.5, quiet=True) as slow:
    swallow()
there, _ = sys.gettrace(), sys.settrace(None)
there is trace, slow.finished
""")
    assert "(True, False)" == shown.text


OWN_HANDLERS = """
got = []
def note(number, frame): got.append(number)
before = {s: signal.getsignal(s) for s in signal.valid_signals()}
def set_all():
    for s in before:
        with contextlib.suppress(OSError, ValueError): signal.signal(s, note)
def put_back():
    for s, handler in before.items():
        with contextlib.suppress(OSError, ValueError, TypeError): signal.signal(s, handler)
"""


def test_handlers_of_every_signal_disarm_no_deadline(notebook: Kernel) -> None:
    notebook.run("import contextlib\n" + OWN_HANDLERS)
    shown = notebook.run("""
with watch(deadline=0.5, quiet=True) as slow:
    set_all()
    for _ in range(200): time.sleep(0.1)
put_back()
slow.finished, slow.wall_seconds < 15
""")
    assert "(False, True)" == shown.text


@any_method
def test_a_handler_of_every_signal_gets_each(notebook: Kernel) -> None:
    notebook.run("import contextlib\n" + OWN_HANDLERS)
    shown = notebook.run("""
set_all()
numbers = range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
for number in numbers: signal.raise_signal(number)
put_back()
[number for number in numbers if number not in got]
""")
    assert "[]" == shown.text


# --- interrupts ---------------------------------------------------------------------------

INTERRUPT = """
threading.Timer({}, os.kill, (os.getpid(), signal.SIGINT)).start()
"""
CAUGHT = {
    "caught": "try: time.sleep(60)\nexcept KeyboardInterrupt: pass",
    "hidden in finally": "def f():\n    try: time.sleep(60)\n    finally: return 1\nf()",
    "left by sys.exit": "try: time.sleep(60)\nexcept KeyboardInterrupt: sys.exit()",
    "another error": "try: time.sleep(60)\nexcept KeyboardInterrupt: 1 / 0",
    "awaited": "try: await asyncio.sleep(60)\nexcept asyncio.CancelledError: pass",
    "taken by a handler of its own": (
        "before = signal.signal(signal.SIGINT, lambda *_: None)\ntime.sleep(1.5)\n"
        "_ = signal.signal(signal.SIGINT, before)"
    ),
    "taken by a handler for a while": (
        "before = signal.getsignal(signal.SIGINT)\n"
        "_ = signal.signal(signal.SIGINT, lambda *_: None)\n"
        "_ = signal.signal(signal.SIGINT, before)\n"
        "try: time.sleep(60)\nexcept KeyboardInterrupt: pass"
    ),
    "stopped by the cell itself": (
        "try: p.join()\nexcept KeyboardInterrupt: p.terminate(); p.join(); print('stopped')"
    ),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_an_interrupt_counts_whatever_the_cell_does_with_it(notebook: Kernel, name: str) -> None:
    notebook.run("older = Process(target=loop); older.start()")
    begin = "p = Process(target=loop); p.start()\n" + INTERRUPT.format(0.5)
    shown = notebook.run(begin + CAUGHT[name])
    assert ("stopped\n" if "itself" in name else "") == shown.stdout
    assert "(False, True)" == notebook.run("p.is_alive(), older.is_alive()").text
    notebook.run("older.kill(); older.join()")


@any_method
def test_a_cell_that_runs_on_after_an_interrupt_says_where_and_what_to_do(notebook: Kernel) -> None:
    shown = notebook.run(INTERRUPT.format(0.2) + "try: time.sleep(60)\nfinally: time.sleep(6)")
    assert "KeyboardInterrupt: " == shown.error
    where = "the cell still runs: main stood at `finally: time.sleep(6)` (line 3)"
    assert f"Interrupted 2 s ago, and {where}. If it should not, interrupt" in shown.stderr


def test_an_interrupt_of_an_executor_does_not_wait_for_what_is_queued(notebook: Kernel) -> None:
    source = """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(1) as executor:
    futures = [executor.submit(time.sleep, 60) for _ in range(4)]
    [future.result() for future in futures]
"""
    shown = notebook.run("import multiprocessing\n" + INTERRUPT.format(1) + source)
    assert ("KeyboardInterrupt: ", "") == (shown.error, shown.stdout)
    assert (
        "(True, [])"
        == notebook.run("futures[-1].cancelled(), multiprocessing.active_children()").text
    )


@any_method
def test_a_cell_that_awaits_on_after_an_interrupt_says_so_too(notebook: Kernel) -> None:
    notebook.run("import asyncio")
    shown = notebook.run(
        INTERRUPT.format(0.2) + "async def rest():\n    await asyncio.sleep(4)\n"
        "try: await asyncio.sleep(60)\nfinally: await rest()"
    )
    assert "CancelledError: " == shown.error
    where = "the cell still runs: main stood at `await asyncio.sleep(4)` (line 3, in rest)"
    assert f"Interrupted 2 s ago, and {where}. If it should not, interrupt" in shown.stderr


GENERATOR = """
from concurrent.futures import ProcessPoolExecutor
def results():
    with ProcessPoolExecutor(1) as executor:
        futures = [executor.submit(time.sleep, n) for n in (0, 60, 60, 60)]
        for future in futures:
            yield future.result()
"""
IN_A_LOOP = {
    "a loop over a generator": "for result in results(): time.sleep(60)",
    "an await": """
with ProcessPoolExecutor(1) as executor:
    run = functools.partial(asyncio.get_running_loop().run_in_executor, executor)
    await asyncio.gather(*[run(time.sleep, 60) for _ in range(4)])
""",
}


@pytest.mark.parametrize("name", IN_A_LOOP)
def test_an_interrupt_does_not_wait_for_the_executor_behind(notebook: Kernel, name: str) -> None:
    notebook.run("import functools, multiprocessing\n" + GENERATOR)
    shown = notebook.run(INTERRUPT.format(1) + IN_A_LOOP[name])
    assert shown.error.startswith(("KeyboardInterrupt", "CancelledError"))
    assert "[]" == notebook.run("multiprocessing.active_children()").text


def test_a_generator_that_is_closed_without_an_interrupt_does_its_tasks(notebook: Kernel) -> None:
    source = """
def tasks():
    with ProcessPoolExecutor(1) as executor:
        futures.extend(executor.submit(time.sleep, n / 2) for n in range(3))
        yield futures[0].result()
futures = []
for _ in tasks(): break
[future.result() for future in futures]
"""
    notebook.run("from concurrent.futures import ProcessPoolExecutor")
    assert "[None, None, None]" == notebook.run(source).text


def test_an_interrupt_leaves_the_pool_of_another_cell_its_new_workers(notebook: Kernel) -> None:
    notebook.run("older = Pool(1, maxtasksperchild=1)")
    notebook.run("answers = older.map_async(time.sleep, [0.3] * 8, 1)")
    shown = notebook.run(INTERRUPT.format(1) + "time.sleep(60)")
    assert "KeyboardInterrupt: " == shown.error
    assert (
        "[None, None, None, None, None, None, None, None]" == notebook.run("answers.get(60)").text
    )
    notebook.run("older.terminate(); older.join()")


def test_a_pool_that_a_later_cell_lets_go_of_is_not_kept(notebook: Kernel) -> None:
    notebook.run("import gc, weakref\nlet_go = Pool(1); seen = weakref.ref(let_go)")
    notebook.run("1 + 1")
    notebook.run("let_go.terminate(); let_go.join(); del let_go")
    assert "True" == notebook.run("_ = gc.collect()\nseen() is None").text


def test_an_executor_in_which_a_task_was_cancelled_does_the_others(notebook: Kernel) -> None:
    source = """
from concurrent.futures import CancelledError
try:
    with ProcessPoolExecutor(1) as executor:
        futures = [executor.submit(time.sleep, 0.5) for _ in range(4)]
        futures[3].cancel()
        futures[3].result()
except CancelledError:
    print([future.cancelled() for future in futures], [future.done() for future in futures])
"""
    notebook.run("from concurrent.futures import ProcessPoolExecutor")
    assert "[False, False, False, True] [True, True, True, True]\n" == notebook.run(source).stdout
    assert "[None, None, None]" == notebook.run("[one.result() for one in futures[:3]]").text


def test_an_executor_that_tidies_up_after_an_interrupt_does_its_work(notebook: Kernel) -> None:
    source = """
from concurrent.futures import ProcessPoolExecutor
try:
    time.sleep(60)
except KeyboardInterrupt:
    with ProcessPoolExecutor(1) as executor:
        saved = [executor.submit(time.sleep, 0.5) for _ in range(2)]
"""
    notebook.run(INTERRUPT.format(0.5) + source)
    assert "[None, None]" == notebook.run("[one.result() for one in saved]").text


def test_a_deadline_is_no_interrupt_of_its_cell(notebook: Kernel) -> None:
    source = """
p = Process(target=loop); p.start()
with watch(deadline=0.5, quiet=True): time.sleep(60)
"""
    assert "" == notebook.run(source).error
    assert "True" == notebook.run("p.is_alive()").text
    notebook.run("p.kill(); p.join()")
