"""%load_ext manybrains: a cell behaves as a script does, and `%%watch` shows its workers."""

import builtins
import contextlib
import functools
import multiprocessing
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ..lens import hooks
from ..lens.sampler_client import Sampler
from ..workers.cleanup import children, end_since
from ..workers.hints import remedy
from ..workers.interrupts import is_interrupt
from .cell_streams import Captured, CellStreams
from .inline_figures import show_sharply
from .ipython_internals import (
    cell_name,
    is_kernel,
    offer_cell_magic,
    put_with_stored_cells,
    request_of_cell,
    source_of_cell,
    stored_cells,
    transform_cells,
)
from .output_relay import Relay, current_relay
from .script import Script
from .spawn_hooks import HOOKS_OF_A_NOTEBOOK
from .watch_magic import WatchLine, describe
from .watch_syntax import MARK, Wrap, mark

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_loaded: "Extension | None" = None


def load_ipython_extension(shell: Any) -> None:
    """Make cells behave as scripts do under multiprocessing, and offer `%%watch`."""
    global _loaded  # noqa: PLW0603 - the one installed extension
    if _loaded is not None:
        return
    try:
        _loaded = Extension(shell)
    except (OSError, RuntimeError) as error:  # no folder to write to, no room, no more threads
        advice = remedy(error) or (
            "It needs a folder to write to: set the environment variable TMPDIR to one before "
            "the kernel starts."
        )
        raise UsageError(f"manybrains could not be loaded: {error}. {advice}") from None


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
        self._running: list[_RunningCell] = []  # one inside the other
        with contextlib.ExitStack() as undo:  # what is there already, if the rest fails
            self._undo = undo
            self._install()
            self._undo = undo.pop_all()

    def _install(self) -> None:
        shell = self._shell
        method = os.environ.get("MANYBRAINS_START_METHOD")
        if method is not None:  # to try a lesson as it runs elsewhere
            multiprocessing.set_start_method(method, force=True)
        self._undo.callback(self._end_cells)
        session = hooks.install()
        self._undo.callback(hooks.release)
        self._cells = stored_cells(shell)
        session.script = script = Script(
            Path(session.folder),
            lambda: self._cells,
            shell.user_ns,
            functools.partial(cell_name, shell),
        )
        session.main = shell.user_module
        session.hook(HOOKS_OF_A_NOTEBOOK)
        self._alias_main()
        if is_kernel(shell):
            self._streams = CellStreams()
            self._undo.callback(self._streams.let_go)
            session.relay = relay = Relay(Path(session.folder), self._streams.show, script.readable)
            session.on_close.append(relay.close)
        session.sampler = Sampler(session)
        self._offer_watch()
        self._undo.callback(show_sharply(shell))
        self._on("pre_run_cell", self._before_cell)
        self._on("post_run_cell", self._after_cell)
        self._before_cell()

    def unload(self) -> None:
        self._undo.close()

    def _on(self, event: str, do: Any) -> None:
        self._shell.events.register(event, do)
        self._undo.callback(self._shell.events.unregister, event, do)

    def _alias_main(self) -> None:
        """Let this process find the classes of cells that workers name in what they send back."""
        before = sys.modules.get("__mp_main__")
        self._main_is_the_notebook()

        def restore() -> None:
            if before is None:
                sys.modules.pop("__mp_main__", None)
            else:
                sys.modules["__mp_main__"] = before

        self._undo.callback(restore)

    def _main_is_the_notebook(self) -> None:  # once more after `%run`, see `spawn_hooks`
        sys.modules["__mp_main__"] = self._shell.user_module

    def _offer_watch(self) -> None:
        """Turn a first line `%%watch ...` into a `with` around all that follows.

        This is no classic cell magic: the body of one runs without `await`, and its line numbers
        are its own.  An input transformer takes the first line away, and the rest is the cell's.
        """
        for undo in (
            transform_cells(self._shell, mark, Wrap(self._shell)),
            _add_builtin(MARK, WatchLine(self._shell)),  # which `%reset` does not take away
            offer_cell_magic(self._shell, "watch", describe),
        ):
            self._undo.callback(undo)

    # --- around a cell --------------------------------------------------------------------

    def _before_cell(self, info: Any = None) -> None:
        relay = current_relay()
        request = request_of_cell(self._shell) if relay is not None else None
        if relay is not None and self._running and self._running[-1].request is not request:
            self._end_cells()  # one that was given up has never come to its end
        cell = _RunningCell(request, children())
        if relay is not None and not self._running:
            relay.begin_cell(request)
            self._streams.begin_cell(relay.drain)
            cell.undo.callback(self._end_output, relay)
        elif relay is not None and self._streams.are_replaced():  # `%%capture` runs it inside
            captured = Captured()
            cell.undo.enter_context(captured.after(relay.drain))
            cell.undo.enter_context(relay.inside(captured))
        self._running.append(cell)
        if info is not None:
            self._note_cell(info, cell)

    def _note_cell(self, info: Any, cell: "_RunningCell") -> None:
        """Keep the cell for the script, also where it runs without being stored.

        nbval runs cells that way.
        """
        number, source = source_of_cell(self._shell, info)
        self._cells.append((number, source))
        if not info.store_history:
            cell.undo.callback(put_with_stored_cells(self._shell, source))

    def _after_cell(self, result: Any) -> None:
        if not self._running:
            return
        cell = self._running.pop()
        if is_interrupt(getattr(result, "error_in_exec", None)):
            end_since(cell.children)
        cell.undo.close()
        self._main_is_the_notebook()

    def _end_cells(self) -> None:
        while self._running:
            self._running.pop().undo.close()

    def _end_output(self, relay: Relay) -> None:
        self._streams.mend()
        relay.tidy(set(active_children()))
        self._streams.end_cell()


@dataclass(frozen=True, slots=True)
class _RunningCell:
    """A cell that runs, or one that a magic of such a cell runs inside it."""

    request: Any  # the message that asked for it; the cell inside has the same
    children: set[Any]  # that it began with
    undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


def _add_builtin(name: str, value: object) -> Callable[[], None]:
    setattr(builtins, name, value)
    return functools.partial(delattr, builtins, name)
