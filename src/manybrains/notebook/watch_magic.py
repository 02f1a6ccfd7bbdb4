"""The line `%%watch ...`: what it asks for, and what its cell shows at the end."""

import argparse
import ast
import base64
import builtins
import contextlib
import keyword
import re
import shlex
import sys
import unicodedata
from types import TracebackType
from typing import Any, NoReturn

from IPython.core.error import UsageError

from ..lens.watch import Watch, watch
from ..lens.watched_run import WatchedRun
from ..records.run import Run
from ..workers.hints import remedy
from .output_relay import current_relay

__all__ = ["MARK", "Wrap", "describe", "from_line", "mark"]

MARK = "__manybrains_watch__"  # the function that a %%watch line is turned into
LAST = "__manybrains_last__"


def mark(lines: list[str]) -> list[str]:
    """Turn a first line `%%watch ...` into a call of MARK, which `Wrap` finds; keep the others."""
    if not lines or not re.match(r"%%watch(\s|$)", lines[0]):
        return lines
    return [f"{MARK}({lines[0][len('%%watch') :].strip()!r})\n", *lines[1:]]


class Wrap(ast.NodeTransformer):
    """Puts the statements of a cell into a `with`, if the first line is marked."""

    def visit_Module(self, module: ast.Module) -> ast.Module:
        if not module.body or not _is_marked(module.body[0]):
            return module
        first, *body = module.body
        assert isinstance(first, ast.Expr)
        after: list[ast.stmt] = []
        if body and isinstance(body[-1], ast.Expr):  # the value of the cell: show it at the end
            last = body[-1]
            name = ast.Name(LAST, ast.Store())
            body[-1] = ast.copy_location(ast.Assign([name], last.value), last)
            after = [ast.copy_location(ast.Expr(ast.Name(LAST, ast.Load())), last)]
        block = ast.With([ast.withitem(first.value)], body or [ast.Pass()])
        empty = ast.Assign([ast.Name(LAST, ast.Store())], ast.Constant(None))
        module.body = [ast.copy_location(new, first) for new in (empty, block)] + after
        return ast.fix_missing_locations(module)


def _is_marked(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(ast.Call(ast.Name(id=name))):
            return name == MARK
    return False


class _Shown:
    """A watched cell: labels the lines of its workers; then names, sums up and draws the run."""

    def __init__(self, shell: Any, name: str, quiet: bool, watched: Watch) -> None:
        self._shell = shell
        self._name = name
        self._quiet = quiet
        self._watch = watched
        self._labels: Any = contextlib.nullcontext()

    def __enter__(self) -> None:
        if (relay := current_relay()) is not None:
            self._labels = relay.labels()
        self._labels.__enter__()
        try:
            self._watch.__enter__()
        except (OSError, RuntimeError) as error:  # no more files, no more threads
            self._labels.__exit__(None, None, None)
            raise UsageError(f"%%watch: {error}. {remedy(error)}") from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        over = self._watch.__exit__(kind, error, trace)
        self._labels.__exit__(None, None, None)
        run = self._watch.handle.run
        self._shell.user_ns[self._name] = run
        if not self._quiet:
            with contextlib.suppress(ValueError):  # the cell has closed its standard output
                print(run)
            if self._watch.trouble:
                print(self._watch.trouble, file=sys.stderr)
            _show_picture(run)
        return over


def _show_picture(run: Run) -> None:
    from IPython.display import display

    from ..plots.png import size_on_screen
    from ..plots.timeline import timeline_png

    png = timeline_png(run)
    picture = base64.b64encode(png).decode("ascii")
    data = {"image/png": picture, "text/plain": f"timeline of {run.name}"}
    metadata = {"image/png": size_on_screen(png)}
    display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%watch: {message}. {_USAGE}")


_USAGE = "Usage: %%watch [name] [--deadline SECONDS] [--interval SECONDS] [--quiet]"


def from_line(shell: Any, line: str) -> _Shown:
    """Return the watch that a `%%watch` line asks for.

    Raises:
        UsageError: if the line is wrong; the message says what, and how it should be.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="?", default="run")
    parser.add_argument("--deadline", type=float)
    parser.add_argument("--interval", type=float, default=0.05)
    parser.add_argument("--quiet", action="store_true")
    try:
        options = parser.parse_args(shlex.split(line, comments=True))
        name = unicodedata.normalize("NFKC", options.name)  # as Python reads it in a cell
        if not name.isidentifier() or keyword.iskeyword(name):
            parser.error(f"{name!r} cannot name a run, because it is no Python name")
        if hasattr(builtins, name):
            parser.error(f"{name!r} is a name of Python's own: choose another")
        if not isinstance(shell.user_ns.get(name), Run | WatchedRun | None):
            kind = type(shell.user_ns[name]).__name__
            parser.error(f"{name!r} is already a name of yours (of type {kind}): choose another")
        watched = watch(name, deadline=options.deadline, interval=options.interval, quiet=True)
    except (ValueError, argparse.ArgumentError) as error:
        raise UsageError(f"%%watch: {error}. {_USAGE}") from None
    return _Shown(shell, name, options.quiet, watched)


def describe(line: str, cell: str) -> NoReturn:  # noqa: ARG001 - IPython's signature
    """Watch this cell's workers: `%%watch [name] [--deadline S] [--interval S] [--quiet]`.

    Everything below the line is plain Python.  Afterwards the cell shows what the workers
    printed, one line that sums the run up, and the picture of it; `name` (or `run`) holds
    the Run.

    --deadline S    after S seconds end the workers and the cell; the kernel lives on
    --interval S    seconds between two looks at each worker (0.05)
    --quiet         show nothing, only bind the name
    """
    raise UsageError(f"%%watch has to be the first line of its cell. {_USAGE}")
