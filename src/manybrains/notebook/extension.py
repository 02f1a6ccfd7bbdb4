"""%load_ext manybrains: a cell behaves as a script does, and `%%watch` shows its workers."""

import contextlib
import functools
import multiprocessing
import os
import sys
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ..lens import hooks
from ..lens.sampler_client import Sampler
from ..workers.cleanup import children, end_since
from ..workers.hints import remedy
from ..workers.interrupts import NotedInterrupts, is_interrupt
from .cell_streams import CellStreams
from .inline_figures import show_sharply
from .ipython_internals import (
    cell_name,
    hide_name,
    is_kernel,
    offer_cell_magic,
    original_descriptor,
    put_with_stored_cells,
    request_of_cell,
    source_of_cell,
    stored_cells,
    transform_cells,
)
from .output_relay import Relay, current_relay
from .script import Script
from .spawn_hooks import HOOKS_OF_A_NOTEBOOK
from .watch_magic import MARK, Wrap, describe, from_line, mark

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
        self._cell = contextlib.ExitStack()  # what is undone after each cell
        self._interrupts = NotedInterrupts()
        with contextlib.ExitStack() as undo:  # what is there already, if the rest fails
            self._undo = undo
            self._install()
            self._undo = undo.pop_all()

    def _install(self) -> None:
        shell = self._shell
        method = os.environ.get("MANYBRAINS_START_METHOD")
        if method is not None:  # to try a lesson as it runs elsewhere
            multiprocessing.set_start_method(method, force=True)
        self._undo.callback(self._cell.close)
        self._undo.callback(self._interrupts.end)
        session = hooks.install()
        self._undo.callback(hooks.release)
        self._cells = stored_cells(shell)
        session.script = script = Script(
            Path(session.folder),
            lambda: self._cells,
            shell.user_ns,
            functools.partial(cell_name, shell),
        )
        session.hook(HOOKS_OF_A_NOTEBOOK)
        self._alias_main()
        if is_kernel(shell):
            self._streams = CellStreams()
            self._undo.callback(self._streams.let_go)
            log = original_descriptor(sys.stderr)
            session.terminals = (2,) if log is None else (2, log)
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
        sys.modules["__mp_main__"] = self._shell.user_module

        def restore() -> None:
            if before is None:
                sys.modules.pop("__mp_main__", None)
            else:
                sys.modules["__mp_main__"] = before

        self._undo.callback(restore)

    def _offer_watch(self) -> None:
        """Turn a first line `%%watch ...` into a `with` around all that follows.

        This is no classic cell magic: the body of one runs without `await`, and its line numbers
        are its own.  An input transformer takes the first line away, and the rest is the cell's.
        """
        for undo in (
            transform_cells(self._shell, mark, Wrap()),
            hide_name(self._shell, MARK, functools.partial(from_line, self._shell)),
            offer_cell_magic(self._shell, "watch", describe),
        ):
            self._undo.callback(undo)

    # --- around a cell --------------------------------------------------------------------

    def _before_cell(self, info: Any = None) -> None:
        if info is not None:
            self._note_cell(info)
        self._children = children()
        self._interrupts.begin()
        if (relay := current_relay()) is not None:
            relay.begin_cell(request_of_cell(self._shell))
            self._streams.begin_cell(relay.drain)

    def _note_cell(self, info: Any) -> None:
        """Keep the cell for the script, also where it runs without being stored.

        nbval runs cells that way.
        """
        number, source = source_of_cell(self._shell, info)
        self._cells.append((number, source))
        if not info.store_history:
            self._cell.callback(put_with_stored_cells(self._shell, source))

    def _after_cell(self, result: Any) -> None:
        self._interrupts.end()
        # Whatever the cell has done with it: it may have caught it, or left by sys.exit.
        if self._interrupts.came or is_interrupt(getattr(result, "error_in_exec", None)):
            end_since(self._children)
        if (relay := current_relay()) is not None:
            self._streams.mend()
            relay.tidy(set(active_children()))
            self._streams.end_cell()
        self._cell.close()
