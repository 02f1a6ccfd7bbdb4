"""The line `%%watch ...` becomes a `with` around its cell, and everything keeps its place."""

import ast
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from manybrains.notebook.watch_syntax import MARK, Wrap, mark

SHELL = SimpleNamespace(ast_node_interactivity="last_expr")


class Watched:
    """Stands for the object that the code of a watched cell calls; it notes what happens."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def begin(self, line: str) -> "Watched":
        self.told.append(line)
        return self

    def __enter__(self) -> None:
        self.told.append("begins")

    def __exit__(self, *_: object) -> None:
        self.told.append("ends")

    def keep(self, value: object) -> None:
        self.told.append(value)

    def kept(self) -> object:
        return self.told[-2]


def marked(cell: str) -> str:
    """The cell as IPython has it after all changes of its lines."""
    manager = TransformerManager()
    manager.cleanup_transforms.append(mark)
    return manager.transform_cell(cell)


def wrapped(cell: str) -> ast.Module:
    tree = Wrap(SHELL).visit(ast.parse(marked(cell)))
    assert isinstance(tree, ast.Module)
    return tree


def told_by(cell: str) -> list[Any]:
    """What the cell does, beginning with what stands after %%watch."""
    watched = Watched()
    code = compile(wrapped(cell), "cell", "exec", dont_inherit=True)
    exec(code, {MARK: watched, "say": watched.told.append})
    return watched.told


@pytest.mark.parametrize(
    "above", ["", "# a comment\n", "# one\n\n    # two\n", "\n\n", "#!/usr/bin/env python\n"]
)
def test_blank_lines_and_comments_may_stand_above(above: str) -> None:
    assert ["w --quiet", "begins", 5, "ends"] == told_by(f"{above}%%watch w --quiet\nsay(5)\npass")


@pytest.mark.parametrize("cell", ["x = 1\n%%watch w\nx = 2", "%%watcher\nx", "'%%watch'\nx", ""])
def test_another_cell_is_left_alone(cell: str) -> None:
    lines = cell.splitlines(keepends=True)
    assert lines == mark(lines)


@pytest.mark.parametrize(
    ("above", "statement"),
    [
        ("", "from __future__ import annotations"),
        ("", "from __future__ import annotations, division  # so"),
        ("# so\n\n", "from __future__ import (\n    annotations,\n    division,\n)"),
        ('"""What it is."""\n', "from __future__ import annotations"),
        ("'''What\nit is.'''\n\n# so\n", "from __future__ import annotations"),
        ("", "from __future__ import division\nfrom __future__ import annotations"),
        ("", "from __future__ import division; from __future__ import annotations"),
        ("", "from __future__ import annotations; import math"),
        ("say(0)\n", "from __future__ import annotations"),
        ("!echo 0\n", "from __future__ import annotations"),
    ],
)
def test_an_import_from_the_future_comes_first_and_works(above: str, statement: str) -> None:
    cell = f"%%watch w\n{above}{statement}\ndef f(x: Later): pass\nsay(f.__annotations__)\npass"
    told = told_by(cell.replace("!echo 0\n", "say(0)\n"))
    assert ["w", "begins"] == told[:2]
    assert [{"x": "Later"}, "ends"] == told[-2:]
    assert marked(cell).count("\n") == marked(cell.replace("%%watch w", "")).count("\n") + 1


@pytest.mark.parametrize("docstring", ["", '"""What it is."""\n'])
def test_a_cell_with_an_import_from_the_future_may_await(docstring: str) -> None:
    cell = f"%%watch w\n{docstring}from __future__ import annotations\nawait something"
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for source in (marked(cell), wrapped(cell)):  # IPython looks at both
        code = compile(source, "cell", "exec", flags=flags, dont_inherit=True)
        assert code.co_flags & inspect.CO_COROUTINE


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "from __future__ import annotations\n{}",
        "# so\n\n{}",
        "from __future__ import (annotations,\n    division)\n\n{}",
        "def f():\n    pass\n{}",
    ],
)
def test_each_statement_stays_on_its_own_line(body: str) -> None:
    cell = "# above\n%%watch w\n" + body.format("here = 1")
    [line] = [
        node.lineno
        for node in ast.walk(wrapped(cell))
        if isinstance(node, ast.Name) and node.id == "here"
    ]
    assert len(cell.splitlines()) == line


@pytest.mark.parametrize(
    ("body", "line"),
    [("x = 1\nreturn 5", 3), ("break", 2), ("x = 1\ny = [1 2]", 3), ("x = 1\n1 = x", 3)],
)
def test_an_error_of_syntax_is_on_its_own_line(body: str, line: int) -> None:
    with pytest.raises(SyntaxError) as caught:
        compile(wrapped(f"%%watch w\n{body}"), "cell", "exec")
    assert line == caught.value.lineno


def test_a_magic_below_has_the_rest_of_the_cell() -> None:
    tree = wrapped("%%watch w\n# so\n\n%%time -r 1\nx = 1\ny = 2\n")
    assert "get_ipython().run_cell_magic('time', '-r 1', 'x = 1\\ny = 2\\n')" in ast.unparse(tree)
    assert "begin('w')" in ast.unparse(tree)


@pytest.mark.parametrize("magic", ["time", "timeit -n 1", "prun", "bash", "sh", "script sh"])
@pytest.mark.parametrize("between", ["", "\n# so\n"])
def test_a_magic_that_would_measure_the_picture_is_put_below(magic: str, between: str) -> None:
    tree = wrapped(f"# above\n%%{magic}\n{between}%%watch w\nx = 1\n")
    name, _, line = magic.partition(" ")
    called = f"get_ipython().run_cell_magic({name!r}, {line!r}, {between + 'x = 1' + chr(10)!r})"
    assert [True] * 2 == [part in ast.unparse(tree) for part in ("begin('w')", called)]


@pytest.mark.parametrize("magic", ["capture out", "writefile x.py", "shout"])
def test_any_other_magic_keeps_what_stands_below_it(magic: str) -> None:
    name, _, line = magic.partition(" ")
    called = f"get_ipython().run_cell_magic({name!r}, {line!r}, '%%watch w\\nx = 1\\n')\n"
    assert called == marked(f"%%{magic}\n%%watch w\nx = 1\n")


@pytest.mark.parametrize(
    ("mode", "body", "value"),
    [
        ("last_expr", "6 * 7", 42),
        ("last_expr", "x = 6", None),
        ("last_expr_or_assign", "x = 6", 6),
        ("last_expr_or_assign", "x = 6\nx += 1", 7),
        ("last_expr_or_assign", "x: int = 6", 6),
        ("last_expr_or_assign", "x, y = 6, 7", None),
    ],
)
def test_the_value_that_ipython_would_show_stands_at_the_end(
    mode: str, body: str, value: object
) -> None:
    tree = Wrap(SimpleNamespace(ast_node_interactivity=mode)).visit(
        ast.parse(marked(f"%%watch w\n{body}"))
    )
    last = tree.body[-1]
    assert (value is not None) == isinstance(last, ast.Expr)
    if isinstance(last, ast.Expr):
        space = {MARK: Watched()}
        exec(compile(ast.Module(tree.body[:-1], []), "cell", "exec"), space)
        assert value == eval(compile(ast.Expression(last.value), "cell", "eval"), space)
