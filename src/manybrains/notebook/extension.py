"""%load_ext manybrains: a cell behaves as a script does, and `%%watch` shows its workers."""

import builtins
import contextlib
import functools
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ..deadlines.places import is_readers, place_of, sentence_of
from ..deadlines.stacks import stacks_here
from ..hooks.hints import remedy
from ..lens import installation
from ..lens.sampler_client import Sampler
from ..snapshots.script import Script
from ..workers.cleanup import end_since, there
from ..workers.interrupts import GOES_ON, NotedInterrupts, is_interrupt
from ..workers.output import WorkerStreams
from ..workers.session import current_session
from .cell_streams import CellStreams
from .everywhere import Everywhere
from .inline_figures import show_sharply
from .ipython_internals import (
    cell_name,
    is_hidden,
    is_kernel,
    keep_names_from_workers,
    offer_cell_magic,
    original_descriptor,
    put_with_stored_cells,
    reads_when_the_cell_is_over,
    request_of_cell,
    transform_cells,
)
from .output_relay import Relay, current_relay
from .readable import Readable
from .spawn_hooks import HOOKS_OF_A_NOTEBOOK
from .watch_magic import WatchLine, describe
from .watch_syntax import MARK, Wrap, mark

_LEAVING = ("watch_magic.py", os.path.join("lens", "watch.py"))  # noqa: PTH118 - of a text

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
        self._request: Any = None  # the message that asked for it
        self._inside: list[contextlib.ExitStack] = []  # the same for cells inside it
        self._interrupts = NotedInterrupts(self._tell_that_it_goes_on)
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
        session = installation.install()
        self._undo.callback(installation.release)
        session.script = script = Script(
            Path(session.folder),
            shell.user_ns,
            functools.partial(is_hidden, shell),
            Readable(functools.partial(cell_name, shell)),
        )
        session.main = shell.user_module
        session.hook(HOOKS_OF_A_NOTEBOOK)
        self._alias_main()
        self._undo.callback(keep_names_from_workers(shell))
        if is_kernel(shell):
            self._streams = CellStreams()
            self._undo.callback(self._streams.close)
            log = original_descriptor(sys.stderr)
            session.terminals = (2,) if log is None else (2, log)
            session.relay = relay = Relay(
                Path(session.folder),
                self._streams.show,
                script.readable,
                reads_when_the_cell_is_over,
            )
            session.streams = WorkerStreams()
            session.on_close.append(relay.close)
        session.sampler = Sampler(session)
        self._offer_watch()
        everywhere = Everywhere(shell, script.everywhere)
        self._undo.callback(offer_cell_magic(shell, "everywhere", everywhere.magic))
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
        if self._is_inside():
            self._begin_inside(info)
            return
        self._note_cell(info, self._cell)
        self._there = there()
        self._interrupts.begin()
        if (relay := current_relay()) is not None:
            self._request = request_of_cell(self._shell)
            if (session := current_session()) is not None:
                session.has_reader = reads_when_the_cell_is_over(self._request)
            relay.begin_cell(self._request)
            self._streams.begin_cell(relay.write_own)

    def _note_cell(self, info: Any, undo: contextlib.ExitStack) -> None:
        """Put a cell that is not stored, as nbval runs them, where IPython looks for a `;`."""
        if info is not None and not info.store_history:
            undo.callback(put_with_stored_cells(self._shell, info.raw_cell))

    def _after_cell(self, result: Any) -> None:
        if not self._inside:
            self._interrupts.end()
        # Whatever the cell has done with it: it may have caught it, or left by sys.exit.
        if self._interrupts.came or is_interrupt(getattr(result, "error_in_exec", None)):
            end_since(self._there)
        if self._inside:
            self._inside.pop().close()
            return
        if (relay := current_relay()) is not None:
            self._streams.mend()
            relay.end_cell(set(active_children()))
            self._streams.end_cell()
        self._cell.close()
        self._request = None
        self._main_is_the_notebook()

    def _tell_that_it_goes_on(self) -> None:
        """Tell the reader of a cell that an interrupt has not ended."""
        session = current_session()
        if session is None or session.script is None:
            return
        stack = stacks_here().get(threading.main_thread().ident or 0, ())
        is_left = any(frame.file.endswith(_LEAVING) for frame in stack)
        if is_left or not any(map(is_readers, stack)):  # its picture or its traceback is made
            return
        place = sentence_of([("main", place_of(stack, session.script.readable))])
        print(
            f"Interrupted {GOES_ON:g} s ago, and the cell still runs: {place}. If it should not, "
            "interrupt it again; if that does not help, restart the kernel, which ends the "
            "workers as well.",
            file=sys.stderr,
        )

    # --- around a cell that a magic runs inside a cell, as `%%capture` does ---------------

    def _is_inside(self) -> bool:
        """Tell whether the cell that begins is asked for by the cell that runs."""
        if self._request is not None and self._request is request_of_cell(self._shell):
            return True
        while self._inside:  # their cell was given up, and has never come to its end
            self._inside.pop().close()
        return False

    def _begin_inside(self, info: Any) -> None:
        self._inside.append(undo := contextlib.ExitStack())
        self._note_cell(info, undo)
        if (relay := current_relay()) is not None and self._streams.are_replaced():
            undo.enter_context(self._streams.captured(self._request, relay.write_own))
            undo.callback(lambda: relay.drain(rest=not active_children()))


def _add_builtin(name: str, value: object) -> Callable[[], None]:
    setattr(builtins, name, value)
    return functools.partial(delattr, builtins, name)
