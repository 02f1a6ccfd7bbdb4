"""The library has the shape of its data flow: imports go one way, and importing has no effects."""

import ast
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from course import ask_for

SOURCE = Path(__file__).resolve().parent.parent / "src" / "manybrains"
# The way that a cell takes: a room imports only rooms before it.
ROOMS = (
    "records",
    "workers",
    "hooks",
    "sampler",
    "deadlines",
    "lens",
    "comparisons",
    "lessons",
    "plots",
    "snapshots",
    "notebook",
    "widgets",
)
MODULES = [
    path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".")
    for room in ROOMS
    for path in sorted((SOURCE / room).glob("*.py"))
    if path.stem != "__init__"
]
HEAVY = {"IPython", "anywidget", "ipywidgets", "matplotlib", "numpy", "tqdm"}
MAY_LOAD = {
    "plots": {"matplotlib", "numpy"},
    "notebook": {"IPython"},
    "notebook.live_lanes": {"anywidget", "ipywidgets", "matplotlib", "numpy"},  # --live loads it
    "widgets.own_keys": {"anywidget", "ipywidgets"},  # the panel loads it
    "widgets.stepper": {"IPython", "anywidget", "ipywidgets"},
}
# Nor should a worker that asks for one name pay for these.
SLOW = HEAVY | {"asyncio", "multiprocessing", "psutil"}
LINES = 250  # code of a module; about 200 are wanted
DOORS = {
    "deadlines.thread_internals",
    "hooks.worker_internals",
    "notebook.ipython_internals",
    "widgets.kernel_internals",
    "workers.stdlib_internals",
}
# Private by their spelling only: the documentation has them.
DOCUMENTED = {"_asdict", "_current_frames", "_exit", "_fields", "_is_gil_enabled", "_replace"}
DOCUMENTED |= {"_name", "_objects"}  # of ctypes
# Private in spite of their spelling: no documentation has them.
UNDOCUMENTED = {
    "INIT",
    "TERMINATE",
    "ast_transformers",
    "format_code_name",
    "get_parent",
    "get_preparation_data",
    "get_spawning_popen",
    "get_temp_dir",
    "history_manager",
    "input_hist_parsed",
    "input_transformers_cleanup",
    "magics_manager",
    "reset_thread_parent",
    "set_thread_parent",
    "transformed_cell",
    "user_ns_hidden",
}

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
        "hooks": [id(f) for f in (threads.start, threads.run, run.start, run._bootstrap)],
    }}

seen = {{}}
for module in {MODULES}:
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


def file_of(module: str) -> Path:
    return SOURCE.joinpath(*module.split(".")).with_suffix(".py")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


def own_imports(module: str) -> set[str]:
    """The modules of the package that it imports, at its top or anywhere inside."""
    found = {name for node in ast.walk(tree_of(module)) for name in imported_by(node, module)}
    return {name for name in found if name in MODULES}


def imported_by(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.removeprefix("manybrains.") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = ["manybrains", *module.split(".")][: -node.level] if node.level else []
        origin = ".".join([*above, *filter(None, [node.module])]).removeprefix("manybrains.")
        yield origin
        yield from (f"{origin}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    return module.partition(".")[0]


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


def has(module: str) -> set[str]:
    """The names that the module binds at its top."""
    body = tree_of(module).body
    named = {node.name for node in body if hasattr(node, "name")}
    named |= {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)}
    return named | {
        a.asname or a.name for s in body if isinstance(s, ast.ImportFrom) for a in s.names
    }


def lines_of_code(module: str) -> int:
    lines = file_of(module).read_text(encoding="utf-8").splitlines()
    return sum(not line.strip().startswith("#") for line in lines if line.strip())


def private(name: str) -> bool:
    # A name such as _repr_png_ is IPython's public protocol of display.
    is_private = name.startswith("_") and not name.startswith("__") and not name.endswith("_")
    return (is_private and name not in DOCUMENTED) or name in UNDOCUMENTED


def names_touched(module: str) -> Iterator[tuple[int, str]]:
    """Line and name of each attribute that the module reads or sets, by spelling or by text."""
    for node in ast.walk(tree_of(module)):
        match node:
            case ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.Call(ast.Name("getattr" | "hasattr" | "setattr"), [_, ast.Constant(name), *_]):
                yield node.lineno, name
            case ast.Call(ast.Name("wrap"), [_, ast.Constant(name), *_]):  # puts a hook there
                yield node.lineno, name
            case ast.Subscript(ast.Call(ast.Name("vars")), ast.Constant(str(name))):
                yield node.lineno, name


def names_made(module: str) -> set[str]:
    """The attributes that the module gives to its own objects: methods, fields, what it sets."""
    made: set[str] = set()
    for node in ast.walk(tree_of(module)):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                made.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                made.add(name)
            case ast.ClassDef(body=body):
                made |= {s.target.id for s in body if isinstance(s, ast.AnnAssign)}
            case ast.Assign([ast.Name("__slots__")], value):
                made |= set(ast.literal_eval(value))
    return made


def private_imports(module: str) -> Iterator[tuple[int, str]]:
    """Line and name of each import of a private module, or of a private name of another's."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            parts = [part for alias in node.names for part in alias.name.split(".")]
        else:
            continue
        yield from ((node.lineno, part) for part in parts if private(part))


def test_every_module_stands_in_a_room():
    files = {path.relative_to(SOURCE).parts for path in SOURCE.rglob("*.py")} - {("__init__.py",)}
    assert set(ROOMS) == {parts[0] for parts in files}
    assert {2} == {len(parts) for parts in files}


def test_a_room_says_what_it_is_for_and_does_nothing_else():
    for room in ROOMS:
        body = ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8")).body
        assert [ast.Expr] == [type(node) for node in body], room


def test_a_room_imports_only_rooms_before_it():
    ask_for(
        f"{module} imports {other}"
        for module in MODULES
        for other in own_imports(module)
        if ROOMS.index(room_of(other)) > ROOMS.index(room_of(module))
    )


def test_only_the_doors_touch_what_is_private_to_others():
    ask_for(
        f"{module}:{line} touches {name}: give {' or '.join(sorted(DOORS))} a function for it"
        for module in sorted({*MODULES} - DOORS)
        for line, name in [*names_touched(module), *private_imports(module)]
        if private(name) and name not in names_made(module)
    )


def test_modules_do_not_import_each_other_in_a_circle():
    graphlib.TopologicalSorter({m: own_imports(m) - {m} for m in MODULES}).prepare()


def test_a_module_has_a_docstring_of_at_most_five_lines():
    docstrings = {module: ast.get_docstring(tree_of(module)) or "" for module in MODULES}
    ask_for(
        f"{module}: {len(text.splitlines())} lines"
        for module, text in docstrings.items()
        if not 1 <= len(list(filter(None, text.splitlines()))) <= 5
    )


def test_a_module_says_what_it_offers_and_has_it():
    ask_for(f"{m} has no __all__" for m in MODULES if offered(m) is None)
    ask_for(f"{m} has no {name}" for m in MODULES for name in set(offered(m) or []) - has(m))


def test_what_a_module_offers_has_a_docstring():
    ask_for(
        f"{module}.{node.name}"
        for module in MODULES
        for node in public(module)
        if ast.get_docstring(node) is None
    )


def test_a_module_is_short():
    ask_for(
        f"{module} has {lines} lines of code, at most {LINES}: split it"
        for module in MODULES
        if (lines := lines_of_code(module)) > LINES
    )


def test_importing_a_module_changes_nothing(imported):
    ask_for(f"{m} changes {what}" for m in MODULES for what in imported[m]["changed"])


def test_heavy_packages_are_loaded_only_where_they_are_used(imported):
    ask_for(
        f"{module} loads {package}"
        for module in MODULES
        for package in {name.partition(".")[0] for name in imported[module]["loaded"]}
        if package in HEAVY - MAY_LOAD.get(room_of(module), set()) - MAY_LOAD.get(module, set())
    )


def test_importing_the_package_loads_nothing_slow():
    loaded = in_fresh_python(LOADED.format("import manybrains")).split()
    assert set() == {name.partition(".")[0] for name in loaded} & (SLOW | {"dataclasses", "typing"})


def test_importing_the_package_loads_no_module_of_it():
    loaded = in_fresh_python(LOADED.format("import manybrains")).split()
    assert ["manybrains"] == [name for name in loaded if name.startswith("manybrains")]


def test_no_room_takes_the_place_of_a_public_name():
    said = in_fresh_python(
        "import manybrains as m; before = {n: getattr(m, n) for n in m.__all__};"
        "print(*(n for n in m.__all__ if getattr(m, n) is not before[n] or n in "
        f"{ROOMS!r}))"
    )
    assert "" == said.strip()


def test_a_worker_that_counts_loads_nothing_heavy():
    loaded = in_fresh_python(LOADED.format("from manybrains import count, fetch, tick")).split()
    assert set() == {name.partition(".")[0] for name in loaded} & (SLOW - {"multiprocessing"})


def test_asking_for_a_name_that_is_not_there_says_so():
    said = in_fresh_python(
        "import manybrains\ntry: manybrains.nothing\nexcept AttributeError as e: print(e)"
    )
    assert "module 'manybrains' has no attribute 'nothing'\n" == said
