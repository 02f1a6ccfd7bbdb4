"""How the line `%%watch ...` becomes a `with` around the rest of its cell.

`mark` runs on the lines of a cell, before IPython looks for magics.  `Wrap` runs on the syntax
tree.  Whatever has a place that Python or IPython demands keeps it: `from __future__` comes first,
a cell magic below the line has the rest of the cell, and every statement has its own line.
"""

import ast
import re
import tokenize
from collections.abc import Iterable
from typing import Any

from .ipython_internals import as_cell_magic, assigned_and_shown

__all__ = ["MARK", "Wrap", "mark"]

MARK = "__manybrains_watch__"  # the object that a %%watch line is turned into, see `WatchLine`
_WATCH = re.compile(r"%%watch(\s|$)")
_NO_CODE = re.compile(r"\s*(#|$)")
# Magics that would measure the picture too, or that do not know %%watch: it is taken from below
# them and put above.  All others have what stands below them, %%capture with the picture.
_BELOW = re.compile(r"%%(time|timeit|prun|bash|sh|script)(\s|$)")


def mark(lines: list[str]) -> list[str]:
    """Turn a first line `%%watch ...` into a call of MARK, which `Wrap` finds; keep the others.

    Blank lines and comments may stand above it.
    """
    lines = _with_watch_above(lines)
    first = _first_code(lines)
    if first == len(lines) or not _WATCH.match(lines[first]):
        return lines
    above, body = lines[:first], lines[first + 1 :]
    call = f"{MARK}({lines[first][len('%%watch') :].strip()!r})"
    magic = _first_code(body)
    if magic < len(body) and body[magic].startswith("%%"):
        return [*above, f"{call}\n", *body[:magic], *as_cell_magic(body[magic:])]
    end = _end_of_futures(body)
    if end is None:
        return [*above, f"{call}\n", *body]
    line, column = end
    body[line] = f"{body[line][:column]}; {call}{body[line][column:]}"
    return [*above, "\n", *body]


def _with_watch_above(lines: list[str]) -> list[str]:
    """Put a line `%%watch ...` above the magic below which it stands, if that is one of _BELOW."""
    first = _first_code(lines)
    second = first + 1 + _first_code(lines[first + 1 :])
    if second >= len(lines) or not (_BELOW.match(lines[first]) and _WATCH.match(lines[second])):
        return lines
    above, magic, between = lines[:first], lines[first], lines[first + 1 : second]
    return [*above, lines[second], magic, *between, *lines[second + 1 :]]


def _first_code(lines: list[str]) -> int:
    """Return the index of the first line that has more than a comment."""
    return next((n for n, line in enumerate(lines) if not _NO_CODE.match(line)), len(lines))


def _end_of_futures(lines: list[str]) -> tuple[int, int] | None:
    """Return the line and column where the last `from __future__ import ...` at the top ends."""
    end, statement = None, list[tokenize.TokenInfo]()
    try:
        for token in tokenize.generate_tokens(iter([*lines, "\n"]).__next__):
            if token.type in (tokenize.COMMENT, tokenize.NL):
                continue
            if token.type != tokenize.NEWLINE and token.string != ";":
                statement.append(token)
                continue
            if [part.string for part in statement[:2]] == ["from", "__future__"]:
                line, column = statement[-1].end
                end = line - 1, column
            elif any(part.type != tokenize.STRING for part in statement):  # it is no docstring
                break
            statement = []
    except (tokenize.TokenError, SyntaxError):  # IPython's own syntax, or what is no syntax
        pass
    return end


class Wrap(ast.NodeTransformer):
    """Puts the statements of a cell into a `with`, if it is marked."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def visit_Module(self, module: ast.Module) -> ast.Module:
        place = next((n for n, node in enumerate(module.body) if _is_marked(node)), None)
        if place is None:
            return module
        # In a `with` no `from __future__` may stand; IPython permits it also further below.
        rest = module.body[place + 1 :]
        above = [*module.body[:place], *filter(_is_future, rest)]
        body = [node for node in rest if not _is_future(node)]
        body += assigned_and_shown(self._shell, body)
        after: list[ast.stmt] = []
        if body and isinstance(body[-1], ast.Expr):  # the value of the cell: show it at the end
            last = body[-1]
            body[-1] = ast.copy_location(ast.Expr(_call("keep", [last.value])), last)
            after = [ast.copy_location(ast.Expr(_call("kept", [])), last)]
        marked = module.body[place]
        assert isinstance(marked, ast.Expr)
        assert isinstance(marked.value, ast.Call)
        begin = _call("begin", marked.value.args)
        block = ast.With([ast.withitem(begin)], body or [ast.Pass()])
        module.body = [*above, ast.copy_location(block, marked), *after]
        return ast.fix_missing_locations(module)


def _is_marked(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(ast.Call(ast.Name(id=name))):
            return name == MARK
    return False


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _call(method: str, arguments: Iterable[ast.expr]) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(MARK, ast.Load()), method, ast.Load()), [*arguments], [])
