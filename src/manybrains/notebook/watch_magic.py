"""The line `%%watch ...`: what it asks for, and what its cell shows at the end."""

import argparse
import base64
import builtins
import contextlib
import keyword
import shlex
import sys
import unicodedata
from types import TracebackType
from typing import Any, NoReturn

from IPython.core.error import UsageError

from ..hooks.hints import remedy
from ..lens.watch import Watch, watch
from ..lens.watched_run import WatchedRun
from ..records.run import Run
from .live_view import LiveView, live_view
from .output_relay import current_relay

__all__ = ["WatchLine", "describe", "from_line"]

DEFAULT_NAME = "run"


class WatchLine:
    """What the code of a watched cell calls, see `watch_syntax`; one for a notebook."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._value: object = None

    def __call__(self, line: str) -> NoReturn:  # noqa: ARG002 - what a %%watch line has
        """Refuse a cell whose syntax tree was not changed: `%%memit` executes its text.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "%%watch cannot work below this magic, which runs the cell in a way of its own. "
            "Put %%watch on the first line, above it."
        )

    def begin(self, line: str) -> "_Shown":
        """Return the watch that a `%%watch` line asks for."""
        self._value = None
        return from_line(self._shell, line)

    def keep(self, value: object) -> None:
        """Keep the value of a cell until its run has been shown."""
        self._value = value

    def kept(self) -> object:
        """Return that value, and let go of it; None if the cell was stopped before."""
        value, self._value = self._value, None
        return value


class _Shown:
    """A watched cell: labels the lines of its workers; then names, sums up and draws the run."""

    def __init__(self, shell: Any, options: argparse.Namespace, watched: Watch) -> None:
        self._shell = shell
        self._name = options.name
        self._quiet = options.quiet
        is_live = options.live and not options.quiet
        self._live = live_view(shell, options.name) if is_live else None
        self._watch = watched
        self._labels: Any = contextlib.nullcontext()
        self._before = shell.user_ns.get(options.name)

    def __enter__(self) -> None:
        if (relay := current_relay()) is not None:
            self._labels = relay.labels()
        self._labels.__enter__()
        if self._live is not None:
            self._live.show()
        try:
            self._watch.__enter__()
        except (OSError, RuntimeError) as error:  # no more files, no more threads
            self._labels.__exit__(None, None, None)
            if self._live is not None:
                self._live.close()
            raise UsageError(f"%%watch: {error}. {remedy(error)}") from None
        if self._live is not None:
            self._live.follow(self._watch.handle)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            over = self._watch.__exit__(kind, error, trace)
            self._labels.__exit__(None, None, None)
            self._show(self._watch.handle.run)
        finally:
            if self._live is not None:
                self._live.close()
        return over

    def _show(self, run: Run) -> None:
        self._bind(run)
        if not self._quiet:
            with contextlib.suppress(ValueError):  # the cell has closed its standard output
                print(run)
            if self._watch.trouble:
                print(self._watch.trouble, file=sys.stderr)
            _show_picture(run, self._live)

    def _bind(self, run: Run) -> None:
        """Give the Run its name, except where that is a name of the reader's own."""
        name, names = self._name, self._shell.user_ns
        now = names.get(name)
        if now is None or (now is self._before and isinstance(now, Run | WatchedRun)):
            names[name] = run
            return
        other = "duel" if name == DEFAULT_NAME else f"{name}_run"
        print(
            f"{name}: {name!r} is a name of yours (of type {type(now).__name__}), and stays so. "
            f"To keep the Run, name it on the first line of the cell: %%watch {other}",
            file=sys.stderr,
        )


def _show_picture(run: Run, view: LiveView | None) -> None:
    """Show the timeline: in the place of the view in which it grew, if there is one."""
    from IPython.display import display

    from ..plots.alt_text import alt_text
    from ..plots.png import size_on_screen
    from ..plots.timeline import timeline_png

    png = timeline_png(run)
    picture = base64.b64encode(png).decode("ascii")
    data = {"image/png": picture, "text/plain": f"timeline of {run.name}"}
    metadata = {"image/png": {**size_on_screen(png), "alt": alt_text(run)}}
    if view is None:
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
    else:
        view.replace(data, metadata)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%watch: {message}. {_USAGE}")


_USAGE = (
    "Usage: %%watch [name] [--deadline SECONDS] [--interval SECONDS] [--live] [--memory] [--quiet]"
)


def from_line(shell: Any, line: str) -> _Shown:
    """Return the watch that a `%%watch` line asks for.

    Raises:
        UsageError: if the line is wrong; the message says what, and how it should be.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--deadline", type=float)
    parser.add_argument("--interval", type=float, default=0.05)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    try:
        options = parser.parse_args(shlex.split(line, comments=True))
        is_named = options.name is not None
        # As Python reads it.
        options.name = name = unicodedata.normalize("NFKC", options.name or DEFAULT_NAME)
        if not name.isidentifier() or keyword.iskeyword(name):
            parser.error(f"{name!r} cannot name a run, because it is no Python name")
        if hasattr(builtins, name):
            parser.error(f"{name!r} is a name of Python's own: choose another")
        is_free = isinstance(shell.user_ns.get(name), Run | WatchedRun | None)
        if is_named and not is_free:
            kind = type(shell.user_ns[name]).__name__
            parser.error(f"{name!r} is already a name of yours (of type {kind}): choose another")
        watched = watch(
            name,
            deadline=options.deadline,
            interval=options.interval,
            memory=options.memory,
            quiet=True,
        )
    except (ValueError, argparse.ArgumentError) as error:
        raise UsageError(f"%%watch: {error}. {_USAGE}") from None
    return _Shown(shell, options, watched)


def describe(line: str, cell: str) -> NoReturn:  # noqa: ARG001 - IPython's signature
    """Watch this cell's workers: `%%watch [name] [--deadline S] [--live] ...`.

    Everything below the line is plain Python.  Afterwards the cell shows what the workers
    printed, one line that sums the run up, and the picture of it; `name` (or `run`) holds
    the Run.  A name that the cell itself gives to something else stays the cell's.

    Other magics may stand below the line.  `%%capture` above it captures line and picture too.

    --deadline S    after S seconds end the workers and the cell; the kernel lives on
    --interval S    seconds between two looks at each worker (0.05)
    --live          show the lanes while they grow, where a person can see that
    --memory        look at the memory of each process too, for `plot_memory`
    --quiet         show nothing, only bind the name
    """
    raise UsageError(f"%%watch has to be the first line of its cell. {_USAGE}")
