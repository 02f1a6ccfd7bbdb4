"""The notebook as a script: what a worker that was not forked gets to import."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from manybrains.notebook.script import NOT_SENT, Script


def imported(folder: Path, *cells: str) -> dict[str, Any]:
    """Run the cells, write the script, and return what a worker that imports it has."""
    return runpy.run_path(str(written(folder, *cells).write()), run_name="__mp_main__")


def written(folder: Path, *cells: str) -> Script:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        exec(cell, namespace)
    return Script(folder, lambda: [*enumerate(["", *cells])], namespace)


def test_a_function_of_a_cell_is_there(tmp_path: Path) -> None:
    assert 9 == imported(tmp_path, "def square(x):\n    return x * x")["square"](3)


def test_an_import_that_a_function_uses_is_there(tmp_path: Path) -> None:
    names = imported(tmp_path, "import math", "def root(x):\n    return math.sqrt(x)")
    assert 3.0 == names["root"](9)


def test_an_import_that_no_function_uses_costs_the_worker_nothing(tmp_path: Path) -> None:
    assert "math" not in imported(tmp_path, "import math", "def one():\n    return 1")


def test_a_constant_has_its_present_value(tmp_path: Path) -> None:
    cells = ["size = 1", "for size in range(8):\n    pass", "def double():\n    return 2 * size"]
    assert 14 == imported(tmp_path, *cells)["double"]()


def test_a_changed_function_replaces_the_former_one(tmp_path: Path) -> None:
    assert 2 == imported(tmp_path, "def f():\n    return 1", "def f():\n    return 2")["f"]()


def test_a_changed_function_gives_a_file_of_another_name(tmp_path: Path) -> None:
    cells = ["", "def f():\n    return 1"]
    script = Script(tmp_path, lambda: [*enumerate(cells)], {"f": None})
    first = script.write()
    cells.append("def f():\n    return 2")
    assert first != script.write()


def test_the_same_definitions_give_the_same_file(tmp_path: Path) -> None:
    script = written(tmp_path, "def f():\n    return 1")
    assert script.write() == script.write()


def test_a_class_comes_after_its_base_even_if_its_cell_ran_first(tmp_path: Path) -> None:
    cells = ["", "class B(A):\n    pass", "class A:\n    pass"]
    script = Script(tmp_path, lambda: [*enumerate(cells)], {"A": None, "B": None})
    assert "B" in runpy.run_path(str(script.write()))


def test_a_decorator_and_a_default_are_defined_before_their_function(tmp_path: Path) -> None:
    wrapper = "    @functools.wraps(f)\n    def inner(x=size):\n        return 2 * f(x)\n"
    decorator = f"def twice(f):\n{wrapper}    return inner"
    same = "@twice\ndef same(x):\n    return x"
    assert 6 == imported(tmp_path, "import functools\nsize = 3", decorator, same)["same"]()


def test_a_type_parameter_is_no_missing_name(tmp_path: Path) -> None:
    try:
        compile("def f[T](x: T) -> T: return x", "", "exec")
    except SyntaxError:
        pytest.skip("type parameters came with Python 3.12")
    assert 5 == imported(tmp_path, "def f[T](x: T) -> T:\n    return x")["f"](5)


def test_what_lives_in_memory_only_is_named_as_not_sent(tmp_path: Path) -> None:
    cells = ["import queue\nletters = queue.Queue()", "def post(x):\n    letters.put(x)"]
    assert ("letters",) == imported(tmp_path, *cells)[NOT_SENT]


def test_a_function_that_needs_such_a_thing_to_be_defined_is_left_out(tmp_path: Path) -> None:
    cells = ["import queue\nletters = queue.Queue()", "def post(to=letters):\n    pass"]
    assert "post" not in imported(tmp_path, *cells)


def test_a_name_that_was_computed_later_is_no_longer_the_function(tmp_path: Path) -> None:
    cells = ["def f():\n    return 1", "f = f()", "def g():\n    return f"]
    assert 1 == imported(tmp_path, *cells)["g"]()


def test_the_main_guard_of_a_pasted_script_does_not_run_in_workers(tmp_path: Path) -> None:
    cells = ["ran = []\ndef f():\n    return 1\nif __name__ == '__main__':\n    ran.append(f())"]
    assert "ran" not in imported(tmp_path, *cells)


def test_an_import_with_a_fallback_is_there(tmp_path: Path) -> None:
    fallback = "try:\n    import nowhere\nexcept ImportError:\n    nowhere = None"
    assert imported(tmp_path, fallback, "def f():\n    return nowhere")["f"]() is None


def test_a_star_import_is_there(tmp_path: Path) -> None:
    assert 2.0 == imported(tmp_path, "from math import *", "def f():\n    return sqrt(4)")["f"]()


def test_definitions_below_a_timing_magic_are_there(tmp_path: Path) -> None:
    magic = "get_ipython().run_cell_magic('time', '', 'def f():\\n    return 4\\n')"
    script = Script(tmp_path, lambda: [(1, magic)], {"f": None})
    assert 4 == runpy.run_path(str(script.write()))["f"]()


def test_a_cell_that_is_no_python_is_passed_over(tmp_path: Path) -> None:
    script = Script(tmp_path, lambda: [(1, "def f(:"), (2, "def f():\n    return 1")], {"f": None})
    assert 1 == runpy.run_path(str(script.write()))["f"]()


def test_a_traceback_names_the_cell_and_its_own_line(tmp_path: Path) -> None:
    script = written(tmp_path, "# a remark\n\ndef f():\n    return 1 / 0")
    path = script.write()
    line = path.read_text().split("\n").index("    return 1 / 0") + 1
    text = f'  File "{path}", line {line}, in f'
    assert '  File "Cell In[1]", line 4, in f' == script.readable(text)


@pytest.mark.parametrize(
    "value", ["7", "-2.5", "'text'", "None", "True", "(1, [2, {'a': 3}])", "{1, 2}", "frozenset()"]
)
def test_plain_values_arrive_as_they_are(tmp_path: Path, value: str) -> None:
    expected = eval(value)
    assert expected == imported(tmp_path, f"x = {value}", "def f():\n    return x")["f"]()


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "object()", "[object()]"])
def test_what_repr_cannot_write_is_not_sent(tmp_path: Path, value: str) -> None:
    assert ("x",) == imported(tmp_path, f"x = {value}", "def f():\n    return x")[NOT_SENT]
