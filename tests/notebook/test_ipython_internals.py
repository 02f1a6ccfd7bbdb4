"""What we rely on of IPython's and ipykernel's internals; each test is a contract with them.

The cells run in a real kernel without the extension.  Where a test fails after a change of
IPython, its name says what `notebook.ipython_internals` may no longer take for granted.
"""

import ast
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from kernels import Kernel, Shown, bare_kernel, start_kernel
from nbclient.exceptions import CellExecutionError

PRELUDE = """
import ast, sys, threading
from manybrains.notebook import ipython_internals as door
shell, told, undo = get_ipython(), [], []

def on(event, do):
    shell.events.register(event, do)
    undo.append(lambda: shell.events.unregister(event, do))
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Kernel]:
    with bare_kernel() as one:
        assert "" == one.run(PRELUDE).error
        yield one


@pytest.fixture
def notebook(shared: Kernel) -> Iterator[Kernel]:
    """A kernel in which each test undoes what it has done."""
    yield shared
    assert "" == shared.run("while undo: undo.pop()()").error


def run_without_storing(notebook: Kernel, source: str) -> Shown:
    cell = nbformat.v4.new_code_cell(source)
    cells = notebook.client.nb.cells
    cells.append(cell)
    with contextlib.suppress(CellExecutionError):
        notebook.client.execute_cell(cell, len(cells) - 1, store_history=False)
    return Shown(cell.outputs)


# --- cells


def test_the_number_of_a_cell_is_that_of_its_name_in_tracebacks(notebook: Kernel) -> None:
    named = notebook.run("door.cell_name(shell, sys._getframe().f_code.co_filename)").text
    number = notebook.run("len(shell.history_manager.input_hist_parsed) - 2").text
    has_names = notebook.run("hasattr(shell.compile, 'format_code_name')").text
    assert (f"'Cell In[{number}]'" if has_names == "True" else "'a cell'") == named


def test_code_that_a_cell_compiles_has_the_name_of_the_cell_in_tracebacks(
    notebook: Kernel,
) -> None:
    shown = notebook.run(
        "file = door.file_of_cell(shell, '\\n1 / 0')\nexec(compile('\\n1 / 0', file, 'exec'))"
    )
    assert "ZeroDivisionError: division by zero" == shown.error
    own, of_cell = notebook.run(
        "print(door.cell_name(shell, file))\n"
        "print(len(shell.history_manager.input_hist_parsed) - 2)"
    ).stdout.split("\n")[:2]
    has_names = notebook.run("hasattr(shell.compile, 'format_code_name')").text
    assert (f"Cell In[{of_cell}]" if has_names == "True" else "a cell") == own
    assert "'1 / 0'" == notebook.run("import linecache; linecache.getline(file, 2).strip()").text


def test_names_of_ipythons_own_are_hidden_until_the_reader_takes_them(notebook: Kernel) -> None:
    notebook.run("6 * 7")
    names = "('In', 'Out', '_', '_i', 'exit', 'get_ipython', 'shell')"
    hidden = notebook.run(f"[door.is_hidden(shell, name) for name in {names}]").text
    assert "[True, True, True, True, True, True, False]" == hidden
    notebook.run("kept = exit; exit = 3")
    assert "False" == notebook.run("door.is_hidden(shell, 'exit')").text
    notebook.run("exit = kept")


def test_the_id_of_a_cell_is_a_text_or_none(notebook: Kernel) -> None:
    assert "True" == notebook.run("isinstance(door.cell_id(shell), (str, type(None)))").text


def test_a_file_that_is_no_cell_has_no_name_of_a_cell(notebook: Kernel) -> None:
    assert "True" == notebook.run("door.cell_name(shell, ast.__file__) is None").text


@pytest.mark.parametrize(("source", "shows"), [("6 * 7;", ""), ("6 * 7", "42")])
def test_ipython_looks_for_a_semicolon_in_the_cell_that_was_stored_last(
    notebook: Kernel, source: str, shows: str
) -> None:
    notebook.run("takes_back = []")
    notebook.run(
        "on('pre_run_cell', lambda info: info.store_history or takes_back.append("
        "door.put_with_stored_cells(shell, info.raw_cell)))\n"
        "on('post_run_cell', lambda result: takes_back and takes_back.pop()())"
    )
    count = "len(shell.history_manager.input_hist_parsed)"
    before = notebook.run(count).text
    assert shows == run_without_storing(notebook, source).text
    assert int(before) + 1 == int(notebook.run(count).text)


def test_lines_are_changed_before_magics_are_looked_for_and_then_the_tree_is(
    notebook: Kernel,
) -> None:
    notebook.run("""
def lines(cell):
    return ["answer = 41\\n", *cell[1:]] if cell and cell[0].startswith("%%nonsense") else cell
class Tree(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.copy_location(ast.Constant(42), node) if node.value == 41 else node
undo.append(door.transform_cells(shell, lines, Tree()))
""")
    assert "42" == notebook.run("%%nonsense\nanswer").text
    notebook.run("undo.pop()()")
    assert "41" == notebook.run("answer = 41\nanswer").text
    assert "`%%nonsense` not found" in notebook.run("%%nonsense\nanswer").stderr


def test_a_cell_magic_becomes_one_line_of_python_that_calls_it(notebook: Kernel) -> None:
    shown = notebook.run("door.as_cell_magic(['%%time a line\\n', 'body\\n', 'more'])")
    expected = ["get_ipython().run_cell_magic('time', 'a line', 'body\\nmore')\n"]
    assert expected == ast.literal_eval(shown.text)


@pytest.mark.parametrize(
    "last", ["x = 5", "x: int = 5", "x = 4; x += 1", "x = y = 5", "(x,) = [5]"]
)
@pytest.mark.parametrize("mode", ["last_expr", "last_expr_or_assign"])
def test_a_name_that_is_assigned_last_is_shown_where_the_reader_has_chosen_so(
    notebook: Kernel, last: str, mode: str
) -> None:
    notebook.run(f"before, shell.ast_node_interactivity = shell.ast_node_interactivity, {mode!r}")
    notebook.run("undo.append(lambda: setattr(shell, 'ast_node_interactivity', before))")
    by_ipython = notebook.run(last).text
    ours = notebook.run(
        f"[ast.unparse(n) for n in door.assigned_and_shown(shell, ast.parse({last!r}).body)]"
    )
    assert bool(by_ipython) == ("['x']" in ours.text)


def test_a_cell_inside_a_cell_has_the_same_request(notebook: Kernel) -> None:
    notebook.run("on('pre_run_cell', lambda info: told.append(door.request_of_cell(shell)))")
    notebook.run("shell.run_cell('1')")
    assert "(True, False)" == notebook.run("told[-3] is told[-2], told[-2] is told[-1]").text


def test_a_cell_magic_is_called_with_its_line_and_its_cell_until_it_is_taken_back(
    notebook: Kernel,
) -> None:
    notebook.run("undo.append(door.offer_cell_magic(shell, 'ours', lambda *a: told.append(a)))")
    notebook.run("%%ours a line\nbody")
    assert "('a line', 'body\\n')" == notebook.run("told[-1]").text
    notebook.run("undo.pop()()")
    assert "`%%ours` not found" in notebook.run("%%ours").stderr


# --- output


def test_a_kernels_shell_is_one(notebook: Kernel) -> None:
    assert "True" == notebook.run("door.is_kernel(shell)").text


def test_the_shell_of_a_terminal_is_not_a_kernels(tmp_path: Path) -> None:
    source = (
        "from manybrains.notebook import ipython_internals as door\n"
        "print('kernel', door.is_kernel(get_ipython()))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "IPython", "--colors=NoColor", "-c", source],
        capture_output=True,
        text=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        timeout=60,
    )
    assert "kernel False" in done.stdout


WRITE = "door.write_for_request(sys.stdout, sys.stdout.write, {}, 'late\\n')"


@pytest.mark.parametrize(
    "where", ["{}", "t = threading.Thread(target=lambda: {}); t.start(); t.join()"]
)
def test_what_is_written_for_the_request_of_another_cell_is_not_shown_in_this_one(
    notebook: Kernel, where: str
) -> None:
    notebook.run("earlier = door.request_of_cell(shell)")
    shown = notebook.run(where.format(WRITE.format("earlier")) + "; print('own')")
    belongs = notebook.run("hasattr(sys.stdout, 'set_thread_parent')").text
    assert ("own\n" if belongs == "True" else "late\nown\n") == shown.stdout


def test_what_is_written_for_the_request_of_this_cell_is_shown_in_it(notebook: Kernel) -> None:
    request = "door.request_of_cell(shell)"
    assert "late\n" == notebook.run(WRITE.format(request)).stdout
    assert "late\n" == notebook.run(WRITE.format(None)).stdout


def test_the_request_of_a_cell_is_known_at_its_first_event(notebook: Kernel) -> None:
    notebook.run("on('pre_run_cell', lambda info: told.append(door.request_of_cell(shell)))")
    shown = notebook.run(
        "told[-1]['header']['msg_id'] == door.request_of_cell(shell)['header']['msg_id']"
    )
    assert "True" == shown.text


def test_each_write_of_a_cell_is_announced_and_none_after_it(notebook: Kernel) -> None:
    notebook.run("""
def begin(info):
    write, take_off = door.call_before_writes(sys.stdout, lambda text: write('>'), print)
    ending.append(take_off)
ending = []
on("pre_run_cell", begin)
on("post_run_cell", lambda result: ending and ending.pop()())
""")
    assert ">own>\n" == notebook.run("print('own')").stdout
    notebook.run("while undo: undo.pop()()\nending.pop()()")
    assert "own\n" == notebook.run("print('own')").stdout


def test_a_cell_that_awaits_is_announced_in_the_same_way(notebook: Kernel) -> None:
    notebook.run("""
ending, count = [], []
on("pre_run_cell", lambda info: ending.append(
    door.call_before_writes(sys.stdout, count.append, print)[1]))
on("post_run_cell", lambda result: ending and ending.pop()())
""")
    shown = notebook.run("import asyncio\nawait asyncio.sleep(0)\nprint('own')\nlen(count)")
    assert ("own\n", "2") == (shown.stdout, shown.text)
    notebook.run("undo.append(ending.pop())")


def test_who_runs_a_whole_notebook_says_that_nobody_types(notebook: Kernel) -> None:
    asked = "door.reads_when_the_cell_is_over(door.request_of_cell(shell))"
    assert "False" == notebook.run(asked).text
    assert "True" == notebook.run("door.reads_when_the_cell_is_over({'content': {}})").text


# --- in a forked process

FORK = """
import builtins, getpass, os, re, warnings
warnings.filterwarnings("ignore", "This process", DeprecationWarning)  # it has threads

def elsewhere(do):
    "Return what a forked process prints, and how it ends."
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code = 99
        try:
            sys.stdout = sys.stderr = open(writer, "w")
            sys.stdin = open(os.devnull)
            do()
            code = 0
        except SystemExit as error:
            code = error.code
        except BaseException as error:
            print(type(error).__name__, error)
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writer)
    with open(reader) as text:
        plain = re.sub(r"\\x1b\\[[0-9;]*m", "", text.read())  # the kernel asks for colours
        return plain, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def names():
    return [
        exit, quit, get_ipython, display, open, shell.get_ipython, shell.excepthook,
        type(shell.exiter), type(shell.displayhook), type(shell.display_pub),
        shell.kernel.raw_input, shell.kernel.getpass,
        *map(shell.builtin_trap.auto_builtins.get, ("get_ipython",)),
    ]

before = names()
"""
NAMES = {
    "exit(3)": ("", 3),
    "quit(4)": ("", 4),
    "input('? ')": ("? EOFError EOF when reading a line\n", 99),
    "display(1)": ("NameError name 'display' is not defined\n", 99),
    "get_ipython()": ("NameError name 'get_ipython' is not defined\n", 99),
    "sys.displayhook(42)": ("42\n", 0),
    "sys.excepthook(ValueError, ValueError(1), None)": ("ValueError: 1\n", 0),
    "print(open(1, 'wb', closefd=False).name)": ("1\n", 0),
    "__import__('IPython.display').display.display(1)": ("1\n", 0),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_names_mean_in_a_forked_process_what_they_mean_in_a_scripts(notebook: Kernel) -> None:
    assert "" == notebook.run(FORK).error
    notebook.run("undo.append(door.keep_names_from_workers(shell))")
    # What the kernel puts in the place of `input` it puts there anew in each cell.
    found = {source: notebook.run(f"elsewhere(lambda: {source})").text for source in NAMES}
    assert {source: str(expected) for source, expected in NAMES.items()} == found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_the_kernel_takes_its_own_names_for_asking_anew_in_each_cell(notebook: Kernel) -> None:
    notebook.run(FORK)
    notebook.run("undo.append(door.keep_names_from_workers(shell))")
    own = (
        "vars(shell.kernel)['raw_input'] is input, vars(shell.kernel)['getpass'] is getpass.getpass"
    )
    assert "(True, True)" == notebook.run(own).text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_names_are_given_back(notebook: Kernel) -> None:
    notebook.run(FORK)
    notebook.run("undo.append(door.keep_names_from_workers(shell))")
    shown = notebook.run("display(3); exit is shell.exiter, get_ipython() is shell")
    assert "3\n(True, True)" == shown.text
    listed = notebook.run("listed = %who_ls\n{'get_ipython', 'open', 'exit'} & {*listed}").text
    assert "set()" == listed
    notebook.run("undo.pop()()")
    assert "True" == notebook.run("before == names()").text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_writes_elsewhere_to_a_stream_of_the_notebook(notebook: Kernel) -> None:
    notebook.run(FORK)
    notebook.run("""
stream = sys.stderr
def begin(info):
    told.append(door.call_before_writes(stream, lambda text: 1, lambda text: print("else", text)))
told.clear()
on("pre_run_cell", begin)
on("post_run_cell", lambda result: told and told[-1][1]())
""")
    shown = notebook.run("elsewhere(lambda: stream.write('w'))")
    assert ("('else w\\n', 0)", "") == (shown.text, shown.stderr)
    notebook.run("while undo: undo.pop()()\nundo.append(told[-1][1])")
    notebook.run("undo.append(door.act_elsewhere(stream, flush=lambda: print('flushed')))")
    assert "('flushed\\n', 0)" == notebook.run("elsewhere(lambda: stream.flush())").text


def test_what_a_kernel_writes_at_the_original_descriptor_goes_to_the_log_of_the_server(
    tmp_path: Path,
) -> None:
    """Only without PYTEST_CURRENT_TEST does ipykernel put a pipe in its place."""
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    with log.open("wb") as file:
        manager, client = start_kernel(env=environment, stderr=file)
    try:
        client.execute_interactive(
            "import os, sys; from manybrains.notebook import ipython_internals as door\n"
            "os.write(door.original_descriptor(sys.stderr), b'in the log')",
            timeout=60,
        )
        assert b"in the log" in log.read_bytes()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
