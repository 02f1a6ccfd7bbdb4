"""%load_ext manybrains: the notebook becomes a script, and `%%watch` shows a cell's workers."""

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
from ..workers.interrupts import is_interrupt
from ..workers.session import Session, current_session
from .inline_figures import show_sharply
from .output_relay import Relay
from .script import Script
from .spawn_hooks import HOOKS_OF_A_NOTEBOOK
from .watch_magic import MARK, Wrap, describe, from_line, mark

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_loaded: "Extension | None" = None


def load_ipython_extension(shell: Any) -> None:
    """Make the notebook a script for multiprocessing, and offer `%%watch`."""
    global _loaded  # noqa: PLW0603 - the one installed extension
    if _loaded is not None:
        return
    try:
        _loaded = Extension(shell)
    except (OSError, RuntimeError) as error:  # no folder to write to, no room, no more threads
        hooks.uninstall()
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
        self._undo = contextlib.ExitStack()
        self._streams = self._undo.enter_context(contextlib.ExitStack())
        method = os.environ.get("MANYBRAINS_START_METHOD")
        if method is not None:  # to try a lesson as it runs elsewhere
            multiprocessing.set_start_method(method, force=True)
        session = hooks.install()
        self._undo.callback(hooks.release)
        self._cells = [*enumerate(shell.history_manager.input_hist_parsed)]
        session.script = Script(
            Path(session.folder),
            lambda: self._cells,
            shell.user_ns,
            self._cell_name,
        )
        session.hook(HOOKS_OF_A_NOTEBOOK)
        self._alias_main()
        if hasattr(shell, "kernel"):
            session.relay = self._relay(session)
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
        streams = self._notebook_streams = {1: sys.stdout, 2: sys.stderr}
        self._writes: dict[int, Any] = {}

        def show(header: Any, number: int, text: str) -> None:
            stream: Any = streams[number]
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
            if stream is not self._notebook_streams[number]:  # a reader's own: as it is
                continue
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
        session = current_session()
        self._children = children()
        if session is not None and isinstance(session.relay, Relay):
            session.relay.begin_cell(self._shell.kernel.get_parent("shell"))
            self._put_workers_first(session.relay)

    def _after_cell(self, result: Any) -> None:
        if is_interrupt(getattr(result, "error_in_exec", None)):
            end_since(self._children)
        session = current_session()
        if session is not None and isinstance(session.relay, Relay):
            self._mend_streams()
            session.relay.tidy(set(active_children()))
            for own in self._notebook_streams.values():  # the kernel flushes a reader's own alone
                if own not in (sys.stdout, sys.stderr):
                    own.flush()
        self._streams.close()

    def _mend_streams(self) -> None:
        """Put the notebook's streams back where a cell has left none that can be written to.

        IPython asks them for `write` and `flush` around every cell, and answers none without.
        """
        for name, own in zip(("stdout", "stderr"), self._notebook_streams.values(), strict=True):
            stream = getattr(sys, name)
            able = hasattr(stream, "write") and hasattr(stream, "flush")
            if not able or getattr(stream, "closed", False):
                setattr(sys, name, own)

    # --- %%watch --------------------------------------------------------------------------

    def _offer_watch(self) -> None:
        """Turn a first line `%%watch ...` into a `with` around all that follows.

        Not a classic cell magic, whose body runs without `await` and under line numbers of
        its own: an input transformer takes the line away, and the rest stays the cell's.
        """
        transformers = self._shell.input_transformers_cleanup
        wrapper = Wrap()
        transformers.append(mark)
        self._undo.callback(transformers.remove, mark)
        self._shell.ast_transformers.append(wrapper)
        self._undo.callback(self._shell.ast_transformers.remove, wrapper)
        watched = functools.partial(from_line, self._shell)
        self._shell.user_ns[MARK] = self._shell.user_ns_hidden[MARK] = watched
        self._undo.callback(self._shell.user_ns.pop, MARK, None)
        magics = self._shell.magics_manager.magics["cell"]
        magics["watch"] = describe
        self._undo.callback(magics.pop, "watch", None)
