"""The library has the shape of its data flow: imports go one way, and importing has no effects."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "manybrains"
# A module imports only modules before it.
ORDER = (
    # what this machine is, and what happens inside of workers
    *(
        "machine",
        "definitions",
        "script",
        "journal",
        "guard",
        "output",
        "session",
        "remedies",
        "carrying",
    ),
    *("explaining", "reaping", "births", "hooks", "ending", "relay"),
    # from workers to Runs
    *("plain_data", "runs", "lives", "assembling", "looking", "waiting", "sampler", "sampling"),
    *("deadline", "watching"),
    # from Runs to verdicts
    *(
        "predictions",
        "side_by_side",
        "comparing",
        "scaling",
        "fetching",
        "server",
        "work",
        "claims",
    ),
    # from data to pictures
    *("rows", "canvas", "lanes", "tree", "races", "speedups", "plots"),
    # the notebook
    *("watch_line", "magics"),
)
HEAVY = {"IPython", "ipywidgets", "matplotlib", "numpy", "tqdm"}
MAY_LOAD = {
    **dict.fromkeys(("canvas", "lanes", "tree", "races", "speedups", "plots"), "matplotlib numpy"),
    **dict.fromkeys(("watch_line", "magics"), "IPython"),
}
# Nor should a worker that asks for one name pay for these.
SLOW = HEAVY | {"asyncio", "multiprocessing", "psutil"}
LINES = 250  # code of a module; about 200 are wanted

WATCH_AN_IMPORT = f"""
import importlib, json, multiprocessing, os, psutil, signal, sys, threading

def state():
    threads, run = threading.Thread, multiprocessing.process.BaseProcess
    return {{
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "processes": [child.pid for child in psutil.Process().children(recursive=True)],
        "signal handlers": [str(signal.getsignal(number)) for number in signal.valid_signals()],
        "environment": dict(os.environ),
        "working folder": os.getcwd(),
        "path": list(sys.path),
        "streams": [id(sys.stdin), id(sys.stdout), id(sys.stderr)],
        "excepthooks": [id(sys.excepthook), id(threading.excepthook)],
        "start method": multiprocessing.get_start_method(allow_none=True),
        "joints": [id(f) for f in (threads.start, threads.run, run.start, run._bootstrap)],
    }}

seen = {{}}
for module in {ORDER}:
    before, known = state(), set(sys.modules)
    importlib.import_module("manybrains." + module)
    after = state()
    changed = [what for what in after if before[what] != after[what]]
    seen[module] = {{"changed": changed, "loaded": sorted(set(sys.modules) - known)}}
print(json.dumps(seen))
"""
LOADED = "import sys; known = set(sys.modules); {}; print(*set(sys.modules) - known)"


def in_fresh_python(code: str) -> str:
    """What the code prints, run by an interpreter of its own."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def imported() -> dict[str, dict[str, list[str]]]:
    """What the import of each module, in their order, changed and loaded."""
    return dict(json.loads(in_fresh_python(WATCH_AN_IMPORT)))


@pytest.fixture(params=ORDER)
def module(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tree_of(module: str) -> ast.Module:
    return ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))


def own_imports(module: str) -> Iterator[str]:
    """The modules of the package that it imports, at its top or anywhere inside."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (n.partition(".")[2] for n in names if n.partition(".")[0] == "manybrains")
        elif isinstance(node, ast.ImportFrom):
            path = (node.module or "").split(".") if node.module else []
            if node.level == 0 and path[:1] != ["manybrains"]:
                continue
            inside = path if node.level else path[1:]
            yield from inside[:1] or (alias.name for alias in node.names)


def public(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The functions and classes that the module offers."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body = tree_of(module).body
    return [n for n in body if isinstance(n, kinds) and n.name in (offered(module) or [])]


def offered(module: str) -> list[str] | None:
    """Its `__all__`, if it has one."""
    for node in tree_of(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def lines_of_code(module: str) -> int:
    lines = (SOURCE / f"{module}.py").read_text(encoding="utf-8").splitlines()
    return sum(not line.strip().startswith("#") for line in lines if line.strip())


def test_every_module_has_its_place_in_the_order():
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}
    assert sorted(ORDER) == sorted(modules)


def test_a_module_imports_only_modules_before_it(module):
    before = set(ORDER[: ORDER.index(module)])
    assert set() == set(own_imports(module)) - before


def test_a_module_has_a_docstring_of_at_most_five_lines(module):
    docstring = ast.get_docstring(tree_of(module)) or ""
    assert 1 <= len(list(filter(None, docstring.splitlines()))) <= 5


def test_a_module_says_what_it_offers(module):
    assert offered(module) is not None


def test_a_module_has_what_it_offers(module):
    body = tree_of(module).body
    named = {node.name for node in body if hasattr(node, "name")}
    named |= {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)}
    named |= {a.asname or a.name for s in body if isinstance(s, ast.ImportFrom) for a in s.names}
    assert set() == set(offered(module) or []) - named


def test_what_a_module_offers_has_a_docstring(module):
    assert [] == [node.name for node in public(module) if ast.get_docstring(node) is None]


def test_a_module_is_short(module):
    lines = lines_of_code(module)
    assert lines <= LINES, f"{module}.py has {lines} lines of code: split it"


def test_importing_a_module_changes_nothing(module, imported):
    assert [] == imported[module]["changed"]


def test_heavy_packages_are_loaded_only_where_they_are_used(module, imported):
    loaded = {name.partition(".")[0] for name in imported[module]["loaded"]}
    assert set() == loaded & HEAVY - set(MAY_LOAD.get(module, "").split())


def test_importing_the_package_loads_nothing_slow():
    loaded = in_fresh_python(LOADED.format("import manybrains")).split()
    assert set() == {name.partition(".")[0] for name in loaded} & (SLOW | {"dataclasses", "typing"})


def test_importing_the_package_loads_no_module_of_it():
    loaded = in_fresh_python(LOADED.format("import manybrains")).split()
    assert ["manybrains"] == [name for name in loaded if name.startswith("manybrains")]


def test_a_worker_that_counts_loads_nothing_heavy():
    loaded = in_fresh_python(LOADED.format("from manybrains import count, fetch, tick")).split()
    assert set() == {name.partition(".")[0] for name in loaded} & (SLOW - {"multiprocessing"})


def test_asking_for_a_name_that_is_not_there_says_so():
    said = in_fresh_python(
        "import manybrains\ntry: manybrains.nothing\nexcept AttributeError as e: print(e)"
    )
    assert "module 'manybrains' has no attribute 'nothing'\n" == said
