"""IPython's own magics and settings around watched cells and workers, under every start method."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import START_METHODS
from kernels import Kernel, Shown, kernel

DEFINITIONS = """
import asyncio, os, sys
from multiprocessing import Pool, Process
from concurrent.futures import ProcessPoolExecutor

def greet():
    print("hello")

def complain():
    print("oh", file=sys.stderr)

def go(target=greet):
    worker = Process(target=target, name="anna")
    worker.start()
    worker.join()
"""


@pytest.fixture(scope="module", params=START_METHODS)
def shared(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param) as one:
        yield one


@pytest.fixture
def notebook(shared: Kernel) -> Kernel:
    """A kernel in which each test finds the same names, and none of another test."""
    assert "" == shared.run("%reset -f").error
    assert "" == shared.run(DEFINITIONS).error
    return shared


def is_watched(shown: Shown, name: str = "duel", workers: int = 1) -> bool:
    """Whether a cell shows the line and the picture of a run."""
    plural = "" if workers == 1 else "s"
    said = f"{name}: " in shown.stdout and f" {workers} worker{plural}, " in shown.stdout
    return said and 1 == shown.pictures and "" == shown.error


# --- above or below %%watch


@pytest.mark.parametrize("magic", ["%%time", "%%timeit -n 1 -r 1", "%%prun -q"])
def test_a_magic_that_measures_may_stand_above_or_below(notebook: Kernel, magic: str) -> None:
    above = notebook.run(f"{magic}\n%%watch duel\ngo()")
    below = notebook.run(f"%%watch duel\n{magic}\ngo()")
    assert (True, True) == (is_watched(above), is_watched(below))
    if "time" in magic:
        told = "Wall time" if magic == "%%time" else " ± "
        assert (True, True) == (told in above.stdout, told in below.stdout)


def test_a_cell_in_another_language_may_stand_above_or_below(notebook: Kernel) -> None:
    for cell in ("%%script {}\n%%watch duel\n", "%%watch duel\n\n# so\n%%script {}\n"):
        shown = notebook.run(cell.format(sys.executable) + "print('other ' * 2)")
        assert ("other other" in shown.stdout, 1, "") == (True, shown.pictures, shown.error)


def test_a_file_is_written_as_it_stands_or_watched(notebook: Kernel, tmp_path: Path) -> None:
    notebook.run(f"%%writefile {tmp_path / 'above.py'}\n%%watch duel\nx = 1\n")
    assert "%%watch duel\nx = 1\n" == (tmp_path / "above.py").read_text()
    notebook.run(f"%%watch duel\n%%writefile {tmp_path / 'below.py'}\nx = 1\n")
    assert ("x = 1\n", "True") == (
        (tmp_path / "below.py").read_text(),
        notebook.run("duel.finished").text,
    )


def test_a_magic_of_the_readers_own_may_stand_above_or_below(notebook: Kernel) -> None:
    notebook.run("""
from IPython.core.magic import register_cell_magic
@register_cell_magic
def twice(line, cell):
    for _ in range(2):
        get_ipython().run_cell(cell)
""")
    assert 2 == notebook.run("%%twice\n%%watch duel\ngo()").pictures
    assert is_watched(notebook.run("%%watch duel\n%%twice\ngo()"), workers=2)


def test_below_a_magic_that_executes_text_a_sentence_says_where_to_put_it(
    notebook: Kernel,
) -> None:
    notebook.run("""
from IPython.core.magic import register_cell_magic
@register_cell_magic
def plainly(line, cell):
    exec(get_ipython().transform_cell(cell), get_ipython().user_ns)
""")
    shown = notebook.run("%%plainly\n%%watch duel\nx = 1")
    assert "Put %%watch on the first line, above it." in shown.stderr
    assert "Traceback" not in shown.stderr
    assert 1 == notebook.run("%%watch duel\n%%plainly\nx = 1").pictures


def test_what_workers_print_is_captured_with_what_the_cell_prints(notebook: Kernel) -> None:
    cell = "go()\ngo(complain)\nprint('own')\nprint('late', end='')\n6 * 7"
    assert [] == notebook.run(f"%%capture out\n{cell}").outputs
    assert "('hello\\nown\\nlate', 'oh\\n')" == notebook.run("out.stdout, out.stderr").text
    assert "['42']" == notebook.run("[o.data['text/plain'] for o in out.outputs]").text
    assert [] == notebook.run(f"%%capture --no-display\n{cell};").outputs
    assert "hello\n" == notebook.run("go()").stdout


def test_an_unfinished_line_of_a_worker_is_captured_too(notebook: Kernel) -> None:
    notebook.run("def begin(): print('beginning', end='')")
    assert [] == notebook.run("%%capture out\ngo(begin)").outputs
    assert "'beginning'" == notebook.run("out.stdout").text


def test_captured_above_a_watched_cell_are_lines_picture_and_value(notebook: Kernel) -> None:
    assert [] == notebook.run("%%capture out\n%%watch duel\ngo(); print('own')\n6 * 7").outputs
    shown = notebook.run("out.stdout.startswith('anna: hello\\nown\\nduel: '), len(out.outputs)")
    assert "(True, 2)" == shown.text
    assert "1" == notebook.run("len(duel.workers)").text


def test_captured_below_it_is_what_the_cell_prints(notebook: Kernel) -> None:
    assert is_watched(notebook.run("%%watch duel\n%%capture out\ngo()\nprint('own')"))
    assert "'anna: hello\\nown\\n'" == notebook.run("out.stdout").text


def test_a_cell_inside_a_cell_leaves_the_rest_of_it_as_it_was(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%watch duel\n"
        "shell = get_ipython()\n"
        "shell.run_cell_magic('capture', 'out', 'go()')\n"
        "shell.run_cell('go(); print(1)')\n"
        "go(); print(2)"
    )
    assert shown.stdout.startswith("anna: hello\n1\nanna: hello\n2\nduel: ")
    assert is_watched(shown, workers=3)
    assert "'anna: hello\\n'" == notebook.run("out.stdout").text


def test_a_watched_cell_may_have_what_only_ipython_understands(notebook: Kernel) -> None:
    shown = notebook.run("# above\n\n%%watch duel\none = !echo one\n%time go()\nprint(one)\nlen?")
    assert (1, "") == (shown.pictures, shown.error)
    assert "anna: hello\n" in shown.stdout
    assert (True, True) == ("Wall time" in shown.stdout, "['one']" in shown.stdout)


def test_a_watched_cell_may_await_and_imports_from_the_future_first(notebook: Kernel) -> None:
    shown = notebook.run(
        '%%watch duel\n"""A cell."""\nfrom __future__ import annotations\n'
        "def later(x: Unknown) -> Unknown: return x\n"
        "async with asyncio.timeout(20):\n    value = await asyncio.sleep(0.01, 'slept')\nvalue"
    )
    assert "'slept'" == shown.outputs[-1]["data"]["text/plain"]
    assert "{'x': 'Unknown'" in notebook.run("later.__annotations__").text
    # As without us, it holds for later cells too.
    assert "" == notebook.run("def as_late(x: Unknown): pass").error


# --- the name of the run


@pytest.mark.parametrize(
    "own", ["run = 5", "def run(): pass", "import asyncio as run", "class run: pass"]
)
def test_a_run_of_the_readers_own_stays_and_a_sentence_says_how_to_name_ours(
    notebook: Kernel, own: str
) -> None:
    for cell in (own, "kept = run"):  # the second time it is there before
        shown = notebook.run(f"%%watch --quiet\n{cell}")
        assert "'run' is a name of yours" in shown.stderr
        assert "name it on the first line of the cell: %%watch duel\n" in shown.stderr
    assert "(False, True)" == notebook.run("hasattr(run, 'lanes'), kept is run").text
    notebook.run("%%watch duel --quiet\nkept = run")
    assert "True" == notebook.run("duel.finished and kept is run").text


def test_a_name_that_was_asked_for_stays_with_the_cell_that_assigns_it(notebook: Kernel) -> None:
    shown = notebook.run("%%watch duel\nduel = 5")
    assert "duel: 'duel' is a name of yours (of type int)" in shown.stderr
    assert "%%watch duel_run" in shown.stderr
    assert "5" == notebook.run("duel").text


def test_without_a_name_the_run_before_is_replaced(notebook: Kernel) -> None:
    for workers in (1, 2, 1):
        shown = notebook.run("%%watch\nbefore = 'run' in dir() and run\n" + "go()\n" * workers)
        assert ("", True) == (shown.stderr, is_watched(shown, "run", workers))
        assert str(workers) == notebook.run("len(run.workers)").text


# --- names that are taken away, and the extension itself


@pytest.mark.parametrize(
    "reset",
    ["%reset -f", "%reset -f out in dhist", "%reset_selective -f .", "%xdel duel", "del duel"],
)
def test_after_a_reset_cells_are_scripts_and_are_watched(notebook: Kernel, reset: str) -> None:
    notebook.run("%%watch duel\ngo()\n6 * 7")
    notebook.run(reset)
    notebook.run(DEFINITIONS)
    assert is_watched(notebook.run("%%watch duel\ngo()"))
    assert is_watched(notebook.run("%%watch duel\n%reset -f out\ngo()"))
    assert "[]" == notebook.run("[name for name in dir() if 'manybrains' in name]").text


def test_no_value_of_a_watched_cell_is_kept_alive(notebook: Kernel) -> None:
    notebook.run("import weakref\nclass Thing: pass\nthing = Thing()\nlink = weakref.ref(thing)")
    notebook.run("%%watch duel --quiet\nthing")
    notebook.run("%reset -f out\n_ = __ = ___ = None")
    assert "None" in notebook.run("%xdel thing\nprint(link())").stdout


@pytest.mark.parametrize(
    "line",
    [
        "%load_ext autoreload",
        "%load_ext manybrains",
        "%reload_ext manybrains",
        "%unload_ext manybrains\n%load_ext manybrains",
        "%%watch outer --quiet\n%reload_ext manybrains\ngo()",
    ],
)
def test_loading_once_more_leaves_a_working_notebook(notebook: Kernel, line: str) -> None:
    assert "" == notebook.run(line).error
    assert "hello\n" == notebook.run("go()").stdout
    assert is_watched(notebook.run("%%watch duel\ngo()"))


def test_without_the_extension_nothing_is_left_of_it(notebook: Kernel) -> None:
    notebook.run("%unload_ext manybrains\nimport builtins")
    assert "[]" == notebook.run("[name for name in dir(builtins) if 'manybrains' in name]").text
    assert "`%%watch` not found" in notebook.run("%%watch\n1").stderr
    notebook.run("%load_ext manybrains")
    assert is_watched(notebook.run("%%watch duel\ngo()"))


# --- modules that change


def test_new_workers_have_the_version_of_a_module_that_was_reloaded(
    notebook: Kernel, tmp_path: Path
) -> None:
    module = f"changing_{os.urandom(4).hex()}"
    path = tmp_path / f"{module}.py"
    path.write_text("def version(x): return 'first'\n")
    notebook.run(
        f"%load_ext autoreload\n%autoreload 2\nsys.path.insert(0, {str(tmp_path)!r})\n"
        f"import {module} as changing\nfrom {module} import version\n"
        "early = Pool(1)\ndef mine(x): return version(x)"
    )
    asked = "early.map(version, [1]), early.map(changing.version, [1])"
    assert "(['first'], ['first'])" == notebook.run(asked).text
    path.write_text("def version(x): return 'the second'\n")  # a new size tells it, too
    notebook.run("pass")
    shown = notebook.run(
        "with Pool(1) as late, ProcessPoolExecutor(1) as executor:\n"
        "    said = [late.map(f, [1])[0] for f in (version, changing.version, mine)]\n"
        "    said += [executor.submit(version, 1).result()]\nset(said)"
    )
    notebook.run("%autoreload 0")
    assert "{'the second'}" == shown.text
    # Who had imported it before has what it had, as in a script.
    assert "(['first'], ['first'])" == notebook.run(asked).text
    notebook.run("early.terminate(); early.join()")


# --- settings of IPython


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal"])
def test_an_error_in_a_watched_cell_is_told_as_the_reader_has_chosen(
    notebook: Kernel, mode: str
) -> None:
    notebook.run(f"%xmode {mode}")
    shown = notebook.run("%%watch duel\nx = 1\n# so\nx / 0")
    notebook.run("%xmode Context")
    [error] = [output for output in shown.outputs if "ename" in output]
    text = "\n".join(error.traceback)
    assert "ZeroDivisionError" in text
    assert mode == "Minimal" or "line 4" in text
    assert ".py" not in text.replace("ipykernel", "")  # no frame of ours


@pytest.mark.parametrize(
    ("mode", "values"), [("all", ["1", "3"]), ("last_expr_or_assign", ["3"]), ("none", [])]
)
def test_the_values_that_the_reader_has_chosen_are_shown(
    notebook: Kernel, mode: str, values: list[str]
) -> None:
    setting = "InteractiveShell.ast_node_interactivity"
    notebook.run(f"%config {setting} = {mode!r}")
    last = "x = 3" if mode == "last_expr_or_assign" else "3"
    shown = notebook.run(f"%%watch duel\n1\n{last}")
    notebook.run(f"%config {setting} = 'last_expr'")
    said = shown.text.splitlines()
    said.remove("timeline of duel")
    assert values == said


def test_a_code_transformer_of_the_reader_applies_to_watched_cells(notebook: Kernel) -> None:
    notebook.run("%%code_wrap around\nprint('before')\n__code__\nprint('after')\n__ret__")
    shown = notebook.run("%%watch duel\ngo()\n6 * 7")
    notebook.run("%code_wrap --remove around")
    assert shown.stdout.startswith("before\nanna: hello\nduel: ")
    assert "after\n" in shown.stdout


# --- a terminal

TERMINAL = """%load_ext manybrains
def f(x): return x + 1

%%watch duel
import multiprocessing
with multiprocessing.Pool(1) as pool: a = pool.map(f, [1])
x = 3
x / 0


%debug
p ["x is", x]
q
a, len(duel.workers)
%pdb on
%%watch duel
1 / (x - 3)


p ["once more", x]
q
%pdb off
%reset -f
%%capture out
%%watch duel
5


[out.stdout[:6], duel.finished]
exit
"""


def test_in_a_terminal_a_watched_cell_waits_for_its_lines_and_is_debugged(
    start_method: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor"],
        input=TERMINAL,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "IPYTHONDIR": str(tmp_path),
            "MANYBRAINS_START_METHOD": start_method,
            "PYTHONWARNINGS": "ignore",
        },
        timeout=90,
    )
    expected = ["['x is', 3]", "([2], 1)", "['once more', 3]", "['duel: ', True]"]
    assert expected == [line for line in expected if line in done.stdout], done.stdout
