"""What the statements of a cell define, read from their source.

Pure: it runs nothing, and looks no name up.
"""

import ast
import cmath
from collections.abc import Iterator
from typing import Any

__all__ = ["bound", "defines", "imported", "is_plain", "needed", "statements"]

_MOST_ITEMS = 10_000  # of a constant; a larger one should be an argument
_PLAIN = (bool, int, str, bytes, type(None), type(...))
_SHELVES = (tuple, list, set, frozenset, dict)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_TRANSPARENT_MAGICS = {"capture", "prun", "time"}  # they run the cell's body unchanged


def statements(source: str) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the top-level statements of a cell, each with the source in which its lines count."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):  # such a cell defines nothing
        return
    for node in body:
        match node:
            case ast.Expr(
                ast.Call(
                    ast.Attribute(attr="run_cell_magic"),
                    [ast.Constant(str(magic)), _, ast.Constant(str(inner))],
                )
            ) if magic in _TRANSPARENT_MAGICS:
                yield from statements("\n" + inner)  # the magic's own line counts
            case _:
                yield node, source


def defines(node: ast.stmt) -> bool:
    """Tell whether a statement only imports and defines, as the top level of a module does."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.If():
            return not _is_main_guard(node) and all(map(defines, [*node.body, *node.orelse]))
        case ast.Try():
            handlers = [statement for h in node.handlers for statement in h.body]
            whole = [*node.body, *handlers, *node.orelse, *node.finalbody]
            return all(defines(s) or _is_plain_assignment(s) for s in whole)
        case _:
            return type(node).__name__ == "TypeAlias"


def _is_main_guard(node: ast.If) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test))


def _is_plain_assignment(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    )


def bound(node: ast.AST) -> Iterator[str]:
    """Yield the global names that a statement binds."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, _IMPORTS):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.id
    elif not isinstance(node, (ast.Lambda, ast.comprehension)):
        for child in ast.iter_child_nodes(node):
            yield from bound(child)


def imported(source: str) -> Iterator[str]:
    """Yield the full names of the modules that this source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def needed(node: ast.AST) -> Iterator[str]:
    """Yield the global names that a statement needs when it runs."""
    if isinstance(node, _IMPORTS):
        return
    if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        own = {parameter.name for parameter in getattr(node, "type_params", ())}
        outside = [node.args, *getattr(node, "decorator_list", ())]
        if getattr(node, "returns", None):
            outside.append(node.returns)  # type: ignore[union-attr]
        inside = [name for part in outside for name in needed(part)]
        yield from (name for name in inside if name not in own)
    elif isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            yield node.id
    else:
        own = set(_bound_inside(node)) | {p.name for p in getattr(node, "type_params", ())}
        for child in ast.iter_child_nodes(node):
            yield from (name for name in needed(child) if name not in own)


def _bound_inside(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.comprehension):
        yield from (n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        for generator in node.generators:
            yield from _bound_inside(generator)
    elif isinstance(node, ast.stmt):
        for child in ast.iter_child_nodes(node):
            yield from bound(child)


def is_plain(value: Any, room: int = _MOST_ITEMS) -> bool:
    """Tell whether Python reads the `repr` of a value as the same value."""
    if type(value) in (float, complex):
        return cmath.isfinite(value)
    if type(value) in _PLAIN:
        return not isinstance(value, (str, bytes)) or len(value) <= 100 * room
    if type(value) not in _SHELVES or len(value) > room:
        return False
    items = [*value.keys(), *value.values()] if type(value) is dict else value
    return all(is_plain(item, room // 10) for item in items)
