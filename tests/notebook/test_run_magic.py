"""`%run`: a script keeps its own main module, and the cells of a notebook are the notebook's."""

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from conftest import START_METHODS
from kernels import Kernel, kernel

SCRIPT = '''"""A script with a main of its own."""
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool, Process

FACTOR = len(sys.argv[0]) > 0 and 3

class Point:
    def __init__(self, x):
        self.x = x

def cube(x):
    return FACTOR * x**3

def point(x):
    return Point(x)

def say(x):
    print("worker has", x)

def fail(x):
    raise ValueError(f"no {x}")

def main(words):
    with Pool(1) as pool, ProcessPoolExecutor(1) as executor:
        print(pool.map(cube, [1, 2]), executor.submit(cube, 3).result())
        for answer in (pool.map(point, [4])[0], executor.submit(point, 4).result()):
            print(type(answer) is Point, answer.x)
        worker = Process(target=say, args=(words,))
        worker.start()
        worker.join()
        print("ended with", worker.exitcode)
        if "fail" in words:
            pool.map(fail, [5])
        if "lambda" in words:
            pool.map(lambda x: x, [6])

if __name__ == "__main__":
    main(sys.argv[1:])
'''
SAID = "[3, 24] 81\nTrue 4\nTrue 4\n"
CELLS = [
    "from multiprocessing import Pool\ndef twice(x): return 2 * x",
    "%%watch inner\nwith Pool(1) as pool: print(pool.map(twice, [4]))",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    for path in (folder / "script.py", folder / "package" / "module.py"):
        path.write_text(SCRIPT)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "cells.ipynb")
    return folder


@pytest.fixture(scope="module", params=START_METHODS)
def notebook(request: pytest.FixtureRequest, folder: Path) -> Iterator[Kernel]:
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    with kernel(request.param, env={"PYTHONPATH": path}) as one:
        one.run(
            "from multiprocessing import Pool, Process\n"
            "class Spot:\n    def __init__(self, x): self.x = x\n"
            "def spot(x): return Spot(x)\n"
            "early = Pool(1)\n"
            "def spots():\n"
            "    with Pool(1) as late: answers = [p.map(spot, [7])[0] for p in (early, late)]\n"
            "    return [type(answer) is Spot and answer.x for answer in answers]"
        )
        yield one


@pytest.fixture(params=["script.py", "-m package.module"])
def script(request: pytest.FixtureRequest, folder: Path) -> str:
    """What stands after `%run`."""
    return f"{folder}/script.py" if request.param == "script.py" else str(request.param)


@pytest.mark.parametrize("options", ["", "-t", "-N 2 -t"])
def test_a_script_has_its_own_main_module_each_time(
    notebook: Kernel, script: str, options: str
) -> None:
    for words in ("one two", ""):
        shown = notebook.run(f"%run {options} {script} {words}")
        assert "" == shown.error
        assert shown.stdout.lstrip().startswith(SAID)
        assert f"worker has {words.split()}\nended with 0\n" in shown.stdout


def test_the_notebook_is_the_main_module_of_its_own_workers_afterwards(
    notebook: Kernel, script: str
) -> None:
    assert "[7, 7]" == notebook.run("spots()").text
    for words in ("", "fail"):
        notebook.run(f"%run {script} {words}")
        assert "[7, 7]" == notebook.run("spots()").text
    shown = notebook.run(f"%run {script}\nspots()")
    assert ("[7, 7]", "") == (shown.text, shown.error)


def test_a_script_below_watch_has_its_lanes(notebook: Kernel, script: str) -> None:
    for _ in range(2):
        shown = notebook.run(f"%%watch duel\n%run {script} a")
        assert ("", 1) == (shown.error, shown.pictures)
        assert "worker has ['a']\n" in shown.stdout
        assert "3" == notebook.run("len(duel.workers)").text


def test_an_error_in_a_script_is_the_error_of_the_cell(notebook: Kernel, script: str) -> None:
    for line in ("%run", "%%watch duel\n%run"):
        shown = notebook.run(f"{line} {script} fail")
        assert "ValueError: no 5" == shown.error
        [error] = [output for output in shown.outputs if "ename" in output]
        file = "script.py" if script.endswith("script.py") else "module.py"
        assert file in "".join(error.traceback)
    assert "[7, 7]" == notebook.run("spots()").text


def test_a_lambda_of_a_script_is_refused_as_in_a_script(notebook: Kernel, script: str) -> None:
    shown = notebook.run(f"%run {script} lambda")
    assert "lambda" in shown.error
    assert "cell" not in shown.error


def test_the_cells_of_a_notebook_are_cells_of_this_one(notebook: Kernel, folder: Path) -> None:
    shown = notebook.run(f"%run {folder}/cells.ipynb")
    assert ("", 1, True) == (shown.error, shown.pictures, "[8]\n" in shown.stdout)
    assert "[6]" == notebook.run("with Pool(1) as pool: answer = pool.map(twice, [3])\nanswer").text
    shown = notebook.run(f"%%watch outer\n%run {folder}/cells.ipynb")
    assert ("", 2, True) == (shown.error, shown.pictures, "[8]\n" in shown.stdout)
    assert "[1, 1]" == notebook.run("[len(run.workers) for run in (inner, outer)]").text
