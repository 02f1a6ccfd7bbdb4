"""What workers print, in real kernels under every start method: in which cell, when, and how."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import START_METHODS
from kernels import start_kernel

SECONDS = 30  # until a test gives up
SET_UP = """%load_ext manybrains
import contextlib, io, logging, multiprocessing as mp, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from threading import Thread
mp.set_start_method({method!r}, force=True)
early = logging.StreamHandler()
"""
DEFINITIONS = """
def say(text):
    print(text)

def say_when(event, text):
    event.wait(20)
    print(text)

def dots(event):
    print(".", end="", flush=True)
    event.wait(20)
    print(".")

def do(function, name=None):
    worker = mp.Process(target=function, name=name)
    worker.start(); worker.join(20)
    return worker.exitcode
"""


class Reader:
    """A person at a notebook: the cells that run, and what comes after they are over."""

    def __init__(self, client: Any, stays: bool) -> None:
        self._client = client
        self._stays = stays
        self._texts: dict[tuple[str, str], str] = {}

    def start(self, source: str) -> str:
        """Send a cell; return its id."""
        return str(self._client.execute(source, allow_stdin=self._stays))

    def run(self, source: str) -> str:
        """Run a cell; return its id."""
        cell = self.start(source)
        self.wait(cell)
        return cell

    def wait(self, cell: str) -> None:
        """Wait until a cell is over."""
        until = time.monotonic() + SECONDS
        while self._read(until)[:2] != (cell, "idle"):
            pass

    def see(self, cell: str, text: str, name: str = "stdout") -> None:
        """Wait until a cell shows a text."""
        until = time.monotonic() + SECONDS
        while text not in self.text(cell, name):
            self._read(until)

    def answer(self, text: str) -> None:
        """Answer a cell that asks for an input."""
        self._client.get_stdin_msg(timeout=SECONDS)
        self._client.input(text)

    def text(self, cell: str, name: str = "stdout") -> str:
        return self._texts.get((cell, name), "")

    def _read(self, until: float) -> tuple[str, str]:
        message = self._client.get_iopub_msg(timeout=max(0.1, until - time.monotonic()))
        cell, content = message["parent_header"].get("msg_id", ""), message["content"]
        if message["msg_type"] == "stream":
            key = cell, content["name"]
            self._texts[key] = self._texts.get(key, "") + content["text"]
        elif message["msg_type"] == "error":
            raise AssertionError("\n".join(content["traceback"]))
        return cell, content.get("execution_state", "")


@contextmanager
def reader(method: str, stays: bool = True) -> Iterator[Reader]:
    manager, client = start_kernel()
    try:
        one = Reader(client, stays)
        one.run(SET_UP.format(method=method))
        one.run(DEFINITIONS)
        yield one
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Reader]:
    with reader(request.param) as one:
        yield one


# --- in which cell ------------------------------------------------------------------------


def test_an_executor_that_is_kept_prints_in_the_cell_that_uses_it(notebook: Reader) -> None:
    first = notebook.run("kept = ProcessPoolExecutor(1); kept.submit(say, 'one').result()")
    again = "kept.submit(say, 'two').result()"
    cells = [notebook.run(again), notebook.run(again)]
    last = notebook.run("kept.shutdown()")
    assert ["one\n", "two\n", "two\n", ""] == [notebook.text(c) for c in (first, *cells, last)]


def test_what_is_printed_while_another_cell_runs_belongs_to_that_one(notebook: Reader) -> None:
    first = notebook.run("go = mp.Event(); p = mp.Process(target=say_when, args=(go, 'late'))")
    notebook.run("p.start()")
    second = notebook.run("go.set(); p.join()")
    assert ("", "late\n") == (notebook.text(first), notebook.text(second))


def test_what_is_printed_while_no_cell_runs_belongs_to_the_cell_that_started_it(
    notebook: Reader,
) -> None:
    source = "go = mp.Event(); p = mp.Process(target=say_when, args=(go, 'very late')); p.start()\n"
    first = notebook.run(source + "Thread(target=lambda: (time.sleep(0.5), go.set())).start()")
    notebook.see(first, "very late\n")
    assert "" == notebook.text(notebook.run("p.join()"))


def test_who_reads_no_cell_that_is_over_sees_it_in_the_next(start_method: str) -> None:
    with reader(start_method, stays=False) as one:
        first = one.run(
            "p = mp.Process(target=say_when, args=(go := mp.Event(), 'late')); p.start()\n"
            "Thread(target=lambda: (time.sleep(0.2), go.set())).start()"
        )
        time.sleep(0.6)
        second = one.run("p.join()")
        assert ("", "late\n") == (one.text(first), one.text(second))


# --- when and how -------------------------------------------------------------------------


def test_a_piece_of_a_line_that_is_flushed_is_shown_at_once(
    notebook: Reader, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    cell = notebook.start(
        "go = mp.Event(); p = mp.Process(target=dots, args=(go,)); p.start()\n"
        f"while not os.path.exists({str(seen)!r}): time.sleep(0.05)\n"
        "go.set(); p.join()"
    )
    notebook.see(cell, ".")
    assert "." == notebook.text(cell)
    seen.touch()
    notebook.wait(cell)
    assert "..\n" == notebook.text(cell)


def test_a_name_stands_before_a_line_and_not_inside(notebook: Reader) -> None:
    notebook.run("""
def pieces(barrier, first):
    print("[", end="", flush=True)
    for mine in (first, not first):
        barrier.wait()
        if mine: print("x", end="", flush=True)
        time.sleep(0.1)
    print("]")
""")
    cell = notebook.run("""%%watch w --quiet
gate = mp.Barrier(2)
ps = [mp.Process(target=pieces, args=(gate, n == "anna"), name=n) for n in ("anna", "berta")]
for p in ps: p.start()
for p in ps: p.join()""")
    lines = notebook.text(cell).splitlines()
    assert {"anna: ", "berta: "} >= {line[: line.index(":") + 2] for line in lines}
    assert not [line for line in lines if line.count(":") > 1]


def test_threads_of_a_worker_print_whole_lines(notebook: Reader) -> None:
    notebook.run("""
def talk(letter):
    for number in range(300): print(letter * 30, number, letter * 30)

def threads():
    sys.setswitchinterval(1e-6)
    several = [Thread(target=talk, args=(letter,)) for letter in "abcd"]
    for thread in several: thread.start()
    for thread in several: thread.join()

do(threads)""")
    cell = notebook.run("do(threads)")
    found = sorted(notebook.text(cell).splitlines())
    expected = sorted(f"{x * 30} {n} {x * 30}" for x in "abcd" for n in range(300))
    assert [line for line in expected if line not in found] == []


STREAMS = {  # what a worker does, and what its cell shows of it
    "reconfigure": (
        "sys.stdout.reconfigure(line_buffering=True, errors='strict'); print('said')",
        "said\n",
        "",
    ),
    "another encoding": ("sys.stdout.reconfigure(encoding='latin-1'); print('\\xe9')", "é\n", ""),
    "dup2": ("os.dup2(os.open(os.devnull, os.O_WRONLY), 1); print('noise')", "", ""),
    "dup2 and back": (
        (
            "saved = os.dup(1); r, w = os.pipe(); os.dup2(w, 1); print('in the pipe')\n"
            "    os.dup2(saved, 1); print(os.read(r, 99))"
        ),
        "b'in the pipe\\n'\n",
        "",
    ),
    "redirected": (
        (
            "with contextlib.redirect_stdout(io.StringIO()) as s: print('kept')\n"
            "    print(len(s.getvalue()))"
        ),
        "5\n",
        "",
    ),
    "both names": ("print('said', file=sys.__stdout__)", "said\n", ""),
    "bytes": ("sys.stdout.buffer.write(b'bytes\\n'); sys.stdout.flush()", "bytes\n", ""),
    "a stream over bytes": (
        (
            "t = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8'); t.write('\\xe9\\n')\n"
            "    t.flush(); sys.stdout = t"
        ),
        "é\n",
        "",
    ),
    "lines": ("sys.stdout.writelines(['a\\n', 'b\\n'])", "a\nb\n", ""),
    "what a script says of it": (
        (
            "o = sys.stdout\n"
            "    print(o.name, o.mode, o.encoding, o.newlines, o.closed, o.isatty(), o.fileno())"
        ),
        "<stdout> w utf-8 None False False 1\n",
        "",
    ),
    "error": ("print('wrong', file=sys.stderr)", "", "wrong\n"),
    "own handler": (
        "logging.StreamHandler().emit(logging.makeLogRecord({'msg': 'hm'}))",
        "",
        "hm\n",
    ),
    "no bytes": (
        "try: sys.stdout.write(b'x')\n    except TypeError: print('refused')",
        "refused\n",
        "",
    ),
    "closed": (
        (
            "sys.stdout.close()\n    try: print('x')\n"
            "    except ValueError as error: print(error, file=sys.stderr)"
        ),
        "",
        "I/O operation on closed file.\n",
    ),
}


@pytest.mark.parametrize("what", STREAMS)
def test_a_workers_streams_do_what_a_scripts_do(notebook: Reader, what: str) -> None:
    source, out, err = STREAMS[what]
    cell = notebook.run(f"def it():\n    {source}\ndo(it)")
    assert (out, err) == (notebook.text(cell), notebook.text(cell, "stderr"))


def test_a_handler_that_was_made_early_writes_to_standard_error(notebook: Reader) -> None:
    notebook.run("""
mp.log_to_stderr(logging.WARNING)
def warn(): mp.get_logger().warning("a warning")
""")
    cell = notebook.run("do(warn)")
    assert ("", True) == (notebook.text(cell), "a warning\n" in notebook.text(cell, "stderr"))


def test_a_forked_worker_uses_a_handler_of_the_notebook() -> None:
    if "fork" not in START_METHODS:
        pytest.skip("there is no fork here")
    with reader("fork") as one:
        one.run("def warn(): early.emit(logging.makeLogRecord({'msg': 'early'}))")
        cell = one.run("%%watch w --quiet\ndo(warn, name='anna')")
        assert ("", "anna: early\n") == (one.text(cell), one.text(cell, "stderr"))


# --- names --------------------------------------------------------------------------------

NAMES = {  # what a worker does, and what its cell shows then
    "exit(3)": (3, "", ""),
    "quit()": (0, "", ""),
    "try: input('name? ')\n    except EOFError: print('nobody')": (0, "name? nobody\n", ""),
    "display(1)": (1, "", "NameError: name 'display' is not defined"),
    "get_ipython()": (1, "", "NameError: name 'get_ipython' is not defined"),
    "sys.displayhook(42)": (0, "42\n", ""),
    "sys.excepthook(ValueError, ValueError('hooked'), None)": (0, "", "ValueError: hooked\n"),
    "from IPython.display import display, HTML; display(HTML('a'))": (
        0,
        "<IPython.core.display.HTML object>\n",
        "",
    ),
}


@pytest.mark.parametrize("source", NAMES)
def test_a_name_means_in_a_worker_what_it_means_in_a_scripts(notebook: Reader, source: str) -> None:
    code, out, err = NAMES[source]
    cell = notebook.run(f"def it():\n    {source}\nprint('code', do(it))")
    assert f"{out}code {code}\n" == notebook.text(cell)
    assert err in re.sub(r"\x1b\[[0-9;]*m", "", notebook.text(cell, "stderr"))
    assert bool(err) == bool(notebook.text(cell, "stderr"))


def test_a_name_of_the_notebook_that_is_missing_is_explained(notebook: Reader) -> None:
    cell = notebook.run("def it(): display(1)\ndo(it)")
    assert "'display' belongs to the notebook" in notebook.text(cell, "stderr")


def test_the_notebook_keeps_its_names(notebook: Reader) -> None:
    cell = notebook.run("display(1); print(get_ipython() is not None, exit, input)\n2")
    assert "True <IPython" in notebook.text(cell) or "True <ipykernel" in notebook.text(cell)
    cell = notebook.start("print('got', input('name? '))")
    notebook.answer("ada")
    notebook.wait(cell)
    assert "got ada\n" == notebook.text(cell)
