"""%load_ext manybrains: the notebook becomes a script, and `%%watch` shows a cell's workers."""

import argparse
import ast
import base64
import contextlib
import functools
import keyword
import multiprocessing
import os
import shlex
import sys
from multiprocessing import active_children
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from IPython.core.error import UsageError

from . import guard, hooks
from .relay import Relay
from .runs import Run
from .script import Script
from .session import Session, current
from .watching import Sampler, Watch, watch

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_MARK = "__manybrains_watch__"  # the function that a %%watch line is turned into
_LAST = "__manybrains_last__"
_loaded: "Extension | None" = None


def load_ipython_extension(shell: Any) -> None:
    """Make the notebook a script for multiprocessing, and offer `%%watch`."""
    global _loaded  # noqa: PLW0603 - the one installed extension
    if _loaded is None:
        _loaded = Extension(shell)


def unload_ipython_extension(shell: Any) -> None:  # noqa: ARG001 - IPython's signature
    """Restore multiprocessing, threading and the notebook exactly as they were."""
    global _loaded
    if _loaded is not None:
        extension, _loaded = _loaded, None
        extension.unload()


class Extension:
    """Everything that is installed in a notebook while the extension is loaded."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._undo = contextlib.ExitStack()
        self._streams = self._undo.enter_context(contextlib.ExitStack())
        method = os.environ.get("MANYBRAINS_START_METHOD")
        if method is not None:  # to try a lesson as it runs elsewhere
            multiprocessing.set_start_method(method, force=True)
        session = hooks.install()
        self._undo.callback(hooks.uninstall)
        self._cells = [*enumerate(shell.history_manager.input_hist_parsed)]
        session.script = Script(
            Path(session.folder),
            lambda: self._cells,
            shell.user_ns,
            self._cell_name,
        )
        self._alias_main()
        if hasattr(shell, "kernel"):
            session.relay = self._relay(session)
        session.sampler = Sampler(session)
        self._offer_watch()
        self._on("pre_run_cell", self._before_cell)
        self._on("post_run_cell", self._after_cell)
        self._before_cell()

    def unload(self) -> None:
        self._undo.close()

    def _on(self, event: str, do: Any) -> None:
        self._shell.events.register(event, do)
        self._undo.callback(self._shell.events.unregister, event, do)

    def _alias_main(self) -> None:
        """Let what workers send back, of classes that cells define, be found here."""
        before = sys.modules.get("__mp_main__")
        sys.modules["__mp_main__"] = self._shell.user_module

        def restore() -> None:
            if before is None:
                sys.modules.pop("__mp_main__", None)
            else:
                sys.modules["__mp_main__"] = before

        self._undo.callback(restore)

    def _cell_name(self, file: str) -> str | None:
        found = self._shell.compile.format_code_name(file)
        return None if found is None else " ".join(found)

    # --- output of workers ----------------------------------------------------------------

    def _relay(self, session: Session) -> Relay:
        """Show what workers print in the cell that started them."""
        assert session.script is not None
        streams: dict[int, Any] = {1: sys.stdout, 2: sys.stderr}
        self._writes: dict[int, Any] = {}

        def show(header: Any, number: int, text: str) -> None:
            stream = streams[number]
            write = self._writes.get(number, stream.write)
            if header is None or not hasattr(stream, "set_thread_parent"):
                write(text)
                return
            token = stream.set_thread_parent(header)
            try:
                write(text)
            finally:
                stream.reset_thread_parent(token)

        relay = Relay(Path(session.folder), show, session.script.readable)
        session.on_close.append(relay.close)
        return relay

    def _put_workers_first(self, relay: Relay) -> None:
        """Let workers' lines, if there are any, go before each that the notebook prints.

        For one cell at a time: IPython puts a `write` of its own around every cell.
        """
        for number, stream in ((1, sys.stdout), (2, sys.stderr)):
            write = self._writes[number] = stream.write

            def write_after_workers(text: str, write: Any = write) -> Any:
                relay.drain()
                return write(text)

            stream.write = write_after_workers  # type: ignore[method-assign]
            self._streams.callback(setattr, stream, "write", write)
        self._streams.callback(self._writes.clear)

    # --- around a cell --------------------------------------------------------------------

    def _note_cell(self, info: Any) -> None:
        """Keep the cell for the script, also where it is run without being stored.

        nbval does that.  IPython looks for a `;` at the end of what was stored last, so
        there such a cell stands as well, as long as it runs.
        """
        source = getattr(info, "transformed_cell", None)  # older IPythons do not tell
        if source is None:
            source = self._shell.transform_cell(info.raw_cell)
        inputs = self._shell.history_manager.input_hist_parsed
        self._cells.append((len(inputs), source))  # newer IPythons have counted it by now
        if not info.store_history:
            inputs.append(source)
            self._streams.callback(inputs.pop)

    def _before_cell(self, info: Any = None) -> None:
        if info is not None:
            self._note_cell(info)
        session = current()
        self._children = guard.children()
        if session is not None and session.relay is not None:
            session.relay.begin_cell(self._shell.kernel.get_parent("shell"))
            self._put_workers_first(session.relay)

    def _after_cell(self, result: Any) -> None:
        if guard.is_interrupt(getattr(result, "error_in_exec", None)):
            guard.end(guard.children() - self._children)
        session = current()
        if session is not None and session.relay is not None:
            session.relay.tidy(anyone_alive=bool(active_children()))
        self._streams.close()

    # --- %%watch --------------------------------------------------------------------------

    def _offer_watch(self) -> None:
        """Turn a first line `%%watch ...` into a `with` around all that follows.

        Not a classic cell magic, whose body runs without `await` and under line numbers of
        its own: an input transformer takes the line away, and the rest stays the cell's.
        """
        transformers = self._shell.input_transformers_cleanup
        wrapper = _Wrap()
        transformers.append(_mark)
        self._undo.callback(transformers.remove, _mark)
        self._shell.ast_transformers.append(wrapper)
        self._undo.callback(self._shell.ast_transformers.remove, wrapper)
        from_line = functools.partial(_from_line, self._shell)
        self._shell.user_ns[_MARK] = self._shell.user_ns_hidden[_MARK] = from_line
        self._undo.callback(self._shell.user_ns.pop, _MARK, None)
        magics = self._shell.magics_manager.magics["cell"]
        magics["watch"] = _describe
        self._undo.callback(magics.pop, "watch", None)


def _mark(lines: list[str]) -> list[str]:
    if not lines or not (lines[0] + " ").startswith(("%%watch ", "%%watch\n")):
        return lines
    return [f"{_MARK}({lines[0][len('%%watch') :].strip()!r})\n", *lines[1:]]


class _Wrap(ast.NodeTransformer):
    """Puts a cell's statements into the `with` that its marked first line asks for."""

    def visit_Module(self, module: ast.Module) -> ast.Module:
        if not module.body or not _is_marked(module.body[0]):
            return module
        first, *body = module.body
        assert isinstance(first, ast.Expr)
        after: list[ast.stmt] = []
        if body and isinstance(body[-1], ast.Expr):  # its value is the cell's: show it at the end
            last = body[-1]
            name = ast.Name(_LAST, ast.Store())
            body[-1] = ast.copy_location(ast.Assign([name], last.value), last)
            after = [ast.copy_location(ast.Expr(ast.Name(_LAST, ast.Load())), last)]
        block = ast.With([ast.withitem(first.value)], body or [ast.Pass()])
        empty = ast.Assign([ast.Name(_LAST, ast.Store())], ast.Constant(None))
        module.body = [ast.copy_location(new, first) for new in (empty, block)] + after
        return ast.fix_missing_locations(module)


def _is_marked(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(ast.Call(ast.Name(id=name))):
            return name == _MARK
    return False


class _Shown:
    """A watched cell: its workers' lines labelled, its run named, summed up and drawn."""

    def __init__(self, shell: Any, name: str, quiet: bool, watched: Watch) -> None:
        self._shell = shell
        self._name = name
        self._quiet = quiet
        self._watch = watched
        self._labels: Any = contextlib.nullcontext()

    def __enter__(self) -> None:
        session = current()
        if session is not None and session.relay is not None:
            self._labels = session.relay.labels()
        self._labels.__enter__()
        self._watch.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        over = self._watch.__exit__(kind, error, trace)
        self._labels.__exit__(None, None, None)
        run = self._watch.run
        self._shell.user_ns[self._name] = run
        if not self._quiet:
            print(run)
            _show_picture(run)
        return over


def _show_picture(run: Run) -> None:
    from IPython.display import display

    from .plots import timeline_png

    picture = base64.b64encode(timeline_png(run)).decode("ascii")
    data = {"image/png": picture, "text/plain": f"timeline of {run.name}"}
    display(data, raw=True)  # type: ignore[no-untyped-call]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%watch: {message}. {_USAGE}")


_USAGE = "Usage: %%watch [name] [--deadline SECONDS] [--interval SECONDS] [--quiet]"


def _from_line(shell: Any, line: str) -> _Shown:
    """Return the watch that a `%%watch` line asks for, or say what is wrong with the line."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="?", default="run")
    parser.add_argument("--deadline", type=float)
    parser.add_argument("--interval", type=float, default=0.05)
    parser.add_argument("--quiet", action="store_true")
    try:
        options = parser.parse_args(shlex.split(line, comments=True))
        name = options.name
        if not name.isidentifier() or keyword.iskeyword(name):
            parser.error(f"{name!r} cannot name a run, for it is no Python name")
        if not isinstance(shell.user_ns.get(name), Run | None):
            kind = type(shell.user_ns[name]).__name__
            parser.error(f"{name!r} is already a name of yours (of type {kind}): choose another")
        watched = watch(name, deadline=options.deadline, interval=options.interval, quiet=True)
    except (ValueError, argparse.ArgumentError) as error:
        raise UsageError(f"%%watch: {error}. {_USAGE}") from None
    return _Shown(shell, name, options.quiet, watched)


def _describe(line: str, cell: str) -> NoReturn:  # noqa: ARG001 - IPython's signature
    """Watch this cell's workers: `%%watch [name] [--deadline S] [--interval S] [--quiet]`.

    Everything below the line is plain Python.  Afterwards the cell shows what the workers
    printed, one line that sums the run up, and the picture of it; `name` (or `run`) holds
    the Run.

    --deadline S    after S seconds end the workers and the cell; the kernel lives on
    --interval S    seconds between two looks at each worker (0.05)
    --quiet         show nothing, only bind the name
    """
    raise UsageError(f"%%watch has to be the first line of its cell. {_USAGE}")
