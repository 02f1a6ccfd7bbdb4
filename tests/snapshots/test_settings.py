"""Settings that would change answers silently: each worker has those of the notebook."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import START_METHODS
from kernels import Kernel, kernel

PREPARE = """\
import decimal, logging, multiprocessing as mp, os, sys
import numpy as np

def ask(f):
    with mp.Pool(1) as pool:
        return pool.apply(f)
"""


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param) as one:
        assert "" == one.run(PREPARE + "ask(int)").error  # now a fork server runs
        yield one


def test_the_environment_is_that_of_now(notebook: Kernel) -> None:
    notebook.run("os.environ['MANY'] = 'brains'\ndef read(): return os.environ.get('MANY')")
    assert "'brains'" == notebook.run("ask(read)").text
    notebook.run("del os.environ['MANY']")
    assert "" == notebook.run("ask(read)").text


def test_numbers_are_computed_as_in_the_notebook(notebook: Kernel) -> None:
    notebook.run(
        "decimal.getcontext().prec = 5; sys.setrecursionlimit(4321)\n"
        "def third(): return str(decimal.Decimal(1) / 3), sys.getrecursionlimit()"
    )
    assert "('0.33333', 4321)" == notebook.run("ask(third)").text
    notebook.run(
        "np.seterr(divide='raise')\ndef divide():\n    try: np.float64(1) / 0\n"
        "    except FloatingPointError: return 'raised'"
    )
    assert "'raised'" == notebook.run("ask(divide)").text


def test_what_basic_config_has_set_holds_for_the_logs_of_workers(notebook: Kernel) -> None:
    notebook.run(
        "logging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s', "
        "stream=sys.stdout)\ndef log(): logging.info('at work')"
    )
    assert ["INFO at work"] == notebook.run("ask(log)").stdout.split("\n")[:1]


def test_a_module_of_the_readers_own_is_imported_for_its_effect(
    notebook: Kernel, tmp_path: Path
) -> None:
    (tmp_path / "table_here.py").write_text("TABLE = {}\n")
    (tmp_path / "plugin_here.py").write_text("import table_here\ntable_here.TABLE['a'] = 1\n")
    notebook.run(f"os.chdir({str(tmp_path)!r}); sys.path.insert(0, {str(tmp_path)!r})")
    notebook.run("import table_here, plugin_here\ndef look(): return table_here.TABLE")
    assert "{'a': 1}" == notebook.run("ask(look)").text
