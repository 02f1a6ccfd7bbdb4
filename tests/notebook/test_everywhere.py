"""Cells that run at the birth of every later worker."""

from collections.abc import Iterator

import pytest
from conftest import START_METHODS
from kernels import Kernel, kernel

PREPARE = """\
import multiprocessing as mp

def ask(f, *arguments):
    with mp.Pool(1) as pool:
        return pool.apply(f, arguments)
"""


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param) as one:
        assert "" == one.run(PREPARE).error
        yield one


def test_a_setting_of_a_library_holds_in_workers(notebook: Kernel) -> None:
    notebook.run("%%everywhere\nimport numpy as np\nnp.seterr(all='raise')")
    notebook.run(
        "def divide(x):\n    try: np.float64(x) / 0\n"
        "    except FloatingPointError: return 'raised'\n    return 'silent'"
    )
    assert "'raised'" == notebook.run("ask(divide, 1)").text
    notebook.run("%%everywhere\nnp.seterr(all='warn')")


def test_logging_is_configured_in_workers(notebook: Kernel) -> None:
    notebook.run(
        "%%everywhere\nimport logging, sys\n"
        "logging.basicConfig(level=logging.INFO, format='%(message)s', stream=sys.stdout)"
    )
    notebook.run("def log(x): logging.info('working on %s', x)")
    assert "working on 1" in notebook.run("ask(log, 1)").stdout


def test_what_it_prints_in_a_worker_is_the_workers_own(notebook: Kernel) -> None:
    notebook.run(
        "%%everywhere\nimport sys\nfrom multiprocessing import current_process\n"
        "print('born:', current_process().name, end=' ... ')\nprint('!', file=sys.stderr)"
    )
    notebook.run("def work(): print('worked')")
    shown = notebook.run("p = mp.Process(target=work, name='Anna'); p.start(); p.join()")
    notebook.run("%%everywhere --anew\n")
    is_run = "fork" != notebook.run("print(mp.get_start_method())").stdout.strip()
    expected = ("born: Anna ... worked\n", "!\n") if is_run else ("worked\n", "")
    assert expected == (shown.stdout, shown.stderr)


def test_a_syntax_error_names_the_cell_and_nothing_of_ours(notebook: Kernel) -> None:
    shown = notebook.run("%%everywhere\nx = 1\ny = = 2")
    number = notebook.run("len(In) - 2").text
    assert f"Cell In[{number}], line 3\n    y = = 2\n" in shown.traceback
    assert "manybrains" not in shown.traceback


def test_a_cell_may_use_what_the_notebook_has(notebook: Kernel) -> None:
    notebook.run("SIZE = 3\ndef double(x): return 2 * x")
    shown = notebook.run("%%everywhere\nimport math\nmath.size = double(SIZE)")
    assert "" == shown.error
    notebook.run("def read(): return math.size")
    assert "6" == notebook.run("ask(read)").text


def test_its_functions_and_values_are_those_of_now(notebook: Kernel) -> None:
    notebook.run("%%everywhere\nTABLE = {'a': 1}\ndef name(): return 'first'")
    notebook.run("TABLE['b'] = 2\ndef name(): return 'second'\ndef both(): return name(), TABLE")
    assert "('second', {'a': 1, 'b': 2})" == notebook.run("ask(both)").text


def test_what_it_makes_for_its_effect_each_worker_has_as_its_own(notebook: Kernel) -> None:
    notebook.run(
        "%%everywhere\nimport atexit, logging\nHANDLER = logging.StreamHandler()\n"
        "logging.getLogger('own').addHandler(HANDLER)"
    )
    notebook.run("def is_own(): return HANDLER in logging.getLogger('own').handlers")
    assert "True" == notebook.run("ask(is_own)").text


def test_an_error_here_is_shown_with_its_line_and_the_cell_does_not_count(
    notebook: Kernel,
) -> None:
    shown = notebook.run("%%everywhere\n\n1 / 0")
    assert "ZeroDivisionError: division by zero" == shown.error
    assert "" == notebook.run("ask(abs, -1)").error


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%%everywhere --here\npass", "'--here' is not known"),
        ("%%everywhere\n%matplotlib inline", "line 2 is a magic or a shell command"),
        ("%%everywhere\nx = 1\n!ls", "line 3 is a magic or a shell command"),
    ],
)
def test_what_workers_cannot_run_is_refused(cell: str, sentence: str, notebook: Kernel) -> None:
    assert sentence in notebook.run(cell).stderr


def test_anew_forgets_the_former_ones(notebook: Kernel) -> None:
    notebook.run("%%everywhere\nimport math\nmath.kept = 1")
    notebook.run("%%everywhere --anew\nimport math\nmath.other = 2")
    notebook.run("def kept(): return hasattr(math, 'kept'), math.other")
    method = notebook.run("mp.get_start_method()").text
    assert f"({method == repr('fork')}, 2)" == notebook.run("ask(kept)").text


FAILS_THERE = "%%everywhere\nimport os\nif os.getpid() != HERE:\n    raise ValueError('not here')"


def test_a_cell_that_fails_in_workers_is_an_error_of_the_pool_and_can_be_forgotten(
    notebook: Kernel,
) -> None:
    if "'fork'" == notebook.run("mp.get_start_method()").text:
        pytest.skip("a forked worker runs no such cell: its parent has")
    notebook.run("import os; HERE = os.getpid()")
    notebook.run(FAILS_THERE)
    shown = notebook.run("ask(abs, -1)")
    assert "ValueError: not here" == shown.error
    [error] = [output for output in shown.outputs if "ename" in output]
    text = "\n".join(error.traceback)
    assert "a cell with %%everywhere failed in it (Cell In[" in text
    assert "raise ValueError('not here')" in text
    notebook.run("%%everywhere --anew\npass")
    assert "1" == notebook.run("ask(abs, -1)").text
