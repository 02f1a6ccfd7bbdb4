"""The handle of a watched block: it has the Run once the block is over."""

from collections.abc import Callable
from typing import Any

from ..records.run import Run
from .growing_run import GrowingRun

__all__ = ["WatchedRun"]

_STILL_WATCHED = "this run is still being watched: {} can be asked for after the block"


class WatchedRun:
    """What `with watch() as run` yields: once the block is over, it answers for its Run.

    Every attribute of the Run is an attribute of this; `run` is the Run itself.
    """

    def __init__(self) -> None:
        self._run: Run | None = None
        self._grow: Callable[[], GrowingRun] | None = None

    @property
    def run(self) -> Run:
        """The Run.

        Raises:
            RuntimeError: while the block is still running.
        """
        if self._run is None:
            raise RuntimeError(_STILL_WATCHED.format("it"))
        return self._run

    def begin(self, grow: Callable[[], GrowingRun]) -> None:
        """Let `growing` return what this returns, until the Run is complete."""
        self._grow = grow

    def growing(self) -> GrowingRun:
        """Return what tells, each time it is asked, what is new in the block.

        Raises:
            RuntimeError: if the block is not running.
        """
        if self._grow is None:
            raise RuntimeError("only a block that is being watched grows: this one is over")
        return self._grow()

    def complete(self, run: Run) -> None:
        """Answer for this Run from now on."""
        self._run, self._grow = run, None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._run is None:
            raise AttributeError(_STILL_WATCHED.format(f"its {name}"))
        return getattr(self._run, name)

    def __eq__(self, other: object) -> bool:
        if self is other or self._run is None:
            return self is other
        return self._run == (other._run if isinstance(other, WatchedRun) else other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "a run that is still being watched" if self._run is None else repr(self._run)
