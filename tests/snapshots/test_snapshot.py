"""What a worker that is not forked gets: the same names, with the same answers, as a script's."""

import decimal
import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from manybrains.notebook.readable import Readable
from manybrains.snapshots.script import Script

# What multiprocessing.spawn does with the main module of the parent, and then a question to it.
WORKER = """\
import json, multiprocessing.spawn, pickle, sys
sys.path[:0] = json.loads(sys.argv[3])
multiprocessing.spawn._fixup_main_from_path(sys.argv[1])
class Names(dict):
    def __missing__(self, name):
        try:
            return getattr(sys.modules["__main__"], name)
        except AttributeError:
            raise KeyError(name) from None
print(repr(eval(sys.argv[2], Names())))
"""


def asked(main: Path, question: str, *paths: Path) -> str:
    """Return the answer, as text, of a process that has this file as its main module."""
    folders = json.dumps([str(path) for path in paths])
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(main), question, folders],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


class Notebook:
    """A notebook without a kernel: cells run in a main module of their own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.module = types.ModuleType("__main__")
        patch.setitem(sys.modules, "__main__", self.module)
        self._cells: list[str] = []
        self.folder = folder
        self.script = Script(folder, vars(self.module), self._is_hidden, Readable(lambda _: None))

    def _is_hidden(self, name: str) -> bool:
        return name in {"exit", "In"}

    def run(self, *cells: str) -> "Notebook":
        for cell in cells:
            self._cells.append(cell)
            exec(compile(cell, f"cell {len(self._cells)}", "exec"), vars(self.module))
        return self

    def ask(self, question: str) -> str:
        return asked(self.script.write(), question)

    def ask_script(self, question: str) -> str:
        path = self.folder / "as_script.py"
        path.write_text("\n".join(self._cells))
        return asked(path, question)


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return Notebook(tmp_path, monkeypatch)


def read_cases(path: Path) -> dict[str, tuple[list[str], str]]:
    """Return the cells and the question of each case in a file; its first lines say how."""
    cases = {}
    for case in re.split(r"^## ", path.read_text(), flags=re.MULTILINE)[1:]:
        name, _, rest = case.partition("\n")
        cells, _, question = rest.rpartition("\n? ")
        cases[name] = cells.split("\n---\n"), question.strip()
    return cases


SAME_AS_A_SCRIPT = read_cases(Path(__file__).with_name("same_as_a_script.txt"))
SAME_AS_A_SCRIPT["a chain of five hundred functions"] = (
    [
        "def f0(): return 0",
        *(f"def f{n}(): return {n % 100} and f{n - 1}()" for n in range(1, 500)),
    ],
    "f499()",
)


@pytest.mark.parametrize("name", SAME_AS_A_SCRIPT)
def test_the_answer_is_that_of_a_scripts_worker(name: str, notebook: Notebook) -> None:
    cells, question = SAME_AS_A_SCRIPT[name]
    notebook.run(*cells)
    expected = notebook.ask_script(question)
    assert expected == notebook.ask(question)
    assert "Error" not in expected


def test_a_value_is_that_of_now(notebook: Notebook) -> None:
    notebook.run("N = 1", "def f(): return N", "for N in range(8): pass")
    assert "7" == notebook.ask("f()")


def test_a_cell_that_failed_half_way_has_defined_its_first_half(notebook: Notebook) -> None:
    with pytest.raises(ZeroDivisionError):
        notebook.run("def f(): return 1\n1 / 0\ndef g(): return 2")
    assert "1" == notebook.ask("f()")
    assert "NameError: name 'g' is not defined" == notebook.ask("g()")


def test_the_top_level_does_not_run_again(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(f"def f(): return open({str(tmp_path / 'ran')!r}).read()")
    notebook.run(f"with open({str(tmp_path / 'ran')!r}, 'a') as file: file.write('once')")
    assert "'once'" == notebook.ask("f()")


def test_functions_of_a_file_that_run_has_read_share_its_names(notebook: Notebook) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec("N = 0\ndef up():\n    global N\n    N += 1\ndef read():\n    up()\n    return N", names)
    vars(notebook.module).update(up=names["up"], read=names["read"])
    notebook.run("N = 50\ndef f(): return up(), read(), N")
    assert "(None, 2, 50)" == notebook.ask("f()")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="before, such a name is in quotes")
@pytest.mark.parametrize("arguments", ["", "(frozen=True, slots=True)", "(order=True)"])
def test_a_dataclass_that_names_itself_arrives(arguments: str, notebook: Notebook) -> None:
    notebook.run(
        f"from dataclasses import dataclass, fields\n@dataclass{arguments}\nclass Node:\n"
        "    n: int\n    left: Node | None = None\n    more: list[Later] = ()"
    )
    notebook.run("@dataclass\nclass Later:\n    n: int\ndef f(): return Node(1, Node(2))")
    wanted = "Node(n=1, left=Node(n=2, left=None, more=()), more=())"
    assert wanted == notebook.ask("f()")
    assert "['n', 'left', 'more']" == notebook.ask("[*Node.__dataclass_fields__]")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
@pytest.mark.parametrize(
    ("cells", "question"),
    [
        (["def f[T](x: T) -> T: return x"], "f(5), f.__type_params__[0].__name__"),
        (["class Box[T]:\n    def __init__(self, v: T): self.v = v"], "Box(1).v, Box[int](2).v"),
        (["type V = list[float]\ndef f(v: V) -> V: return v"], "f([1.0]), V.__value__"),
        (["type J = dict[str, J] | int\ndef f(v: J) -> J: return v"], "f(1)"),
    ],
)
def test_type_parameters_arrive(cells: Sequence[str], question: str, notebook: Notebook) -> None:
    notebook.run(*cells)
    assert notebook.ask_script(question) == notebook.ask(question)


def test_a_worker_that_uses_plain_functions_imports_no_cloudpickle(notebook: Notebook) -> None:
    notebook.run(
        "import functools, sys\nN = [1]\ndef g(): return N[0]",
        "def f(x: int = 2) -> list: return [y + g() for y in range(x)]",
        "@functools.cache\ndef h(): return f(), 'cloudpickle' in sys.modules",
    )
    assert "([1, 2], False)" == notebook.ask("h()")


def test_a_module_that_the_work_does_not_need_is_not_imported(notebook: Notebook) -> None:
    notebook.run(
        "import sys, wave",
        "def f(): return 'wave' in sys.modules",
        "def g(): return wave.__name__",
    )
    assert "False" == notebook.ask("f()")
    assert "('wave', True)" == notebook.ask("g(), f()")


def test_the_same_definitions_give_the_same_file_and_others_another_one(notebook: Notebook) -> None:
    notebook.run("def f(): return 1")
    first = notebook.script.write()
    assert first == notebook.script.write()
    notebook.run("def f(): return 2")
    assert first != notebook.script.write()


def test_a_large_value_is_written_once_for_each_version(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run("import numpy as np\nDATA = np.zeros(3_000_000)\ndef f(): return DATA[0]")

    def values() -> int:
        return len(list(notebook.folder.glob("value_*")))

    for n in range(3):
        notebook.run(f"def other(): return {n}")
        notebook.script.write()
    assert 1 == values()
    told = capsys.readouterr().err
    assert 1 == told.count("Each worker gets a copy of 'DATA' (24 MB), because 'f' uses it")
    notebook.run("DATA[0] = 5")
    assert "np.float64(5.0)" in notebook.ask("f()") or "5.0" == notebook.ask("f()")
    assert 2 == values()


def test_old_values_are_removed_when_there_are_too_many(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manybrains.snapshots.files._MOST_BYTES", 3_000_000)
    notebook.run("DATA = bytes(1_000_000)\ndef f(): return len(DATA), DATA[0]")
    for n in range(6):
        notebook.run(f"DATA = bytes([{n}]) * 1_000_000")
        main = notebook.script.write()
    assert len(list(notebook.folder.glob("value_*"))) <= 3
    assert "(1000000, 5)" == asked(main, "f()")


NOT_SENT = {
    "a queue": ("import multiprocessing as mp\nX = mp.Queue()", "a Queue is not copied"),
    "a lock of processes": ("import multiprocessing as mp\nX = mp.Lock()", "a Lock is not copied"),
    "a pool": (
        "from concurrent.futures import ThreadPoolExecutor\nX = ThreadPoolExecutor(1)",
        "a ThreadPoolExecutor stays in the process that made it",
    ),
    "an open file": ("X = open('/dev/null')", "an open file cannot be sent"),
    "a generator": ("X = (n for n in [1])", "it cannot be copied (TypeError: cannot pickle"),
    "what is made from it": (
        "import multiprocessing as mp\nY = mp.Queue()\nX = {'queue': Y}",
        "it is made from 'Y', and a Queue is not copied",
    ),
}


@pytest.mark.parametrize("name", NOT_SENT)
def test_what_cannot_be_sent_is_left_out_with_the_reason(name: str, notebook: Notebook) -> None:
    cell, why = NOT_SENT[name]
    notebook.run(cell, "def f(): return X", "def g(): return 1")
    notebook.script.write()
    assert why in notebook.script.not_sent["X"]
    assert "NameError: name 'X' is not defined" == notebook.ask("f()")
    assert "1" == notebook.ask("g()")
    notebook.run("if hasattr(X, 'close'): X.close()")


def test_a_thing_that_cannot_be_read_there_does_not_hinder_what_needs_it_not(
    notebook: Notebook,
) -> None:
    notebook.run(
        "class Odd:\n    def __reduce__(self): return int, ('no number',)\nX = Odd()",
        "def f(n): return X if n else 'fine'",
    )
    assert "'fine'" == notebook.ask("f(0)")
    assert "NameError: name 'X' is not defined" == notebook.ask("f(1)")


def test_settings_that_would_change_answers_travel(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook.run(
        "import decimal, sys\ndef f():\n"
        "    return sys.getrecursionlimit(), str(decimal.Decimal(1) / 3)"
    )
    usual = sys.getrecursionlimit()
    with decimal.localcontext() as context:
        context.prec = 5
        sys.setrecursionlimit(usual + 4321)
        try:
            main = notebook.script.write()
        finally:
            sys.setrecursionlimit(usual)
    assert f"({usual + 4321}, '0.33333')" == asked(main, "f()")
