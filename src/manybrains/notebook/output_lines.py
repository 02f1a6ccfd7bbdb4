"""The text that a cell shows, as workers and the notebook itself write it in turn.

Pure.  A worker's whole line begins on a line of its own, also where the beginning of another
worker's line stands.  A name stands at the beginning of a line and nowhere else.  What moves the
cursor, as progress bars do, is left as it is.
"""

import re

__all__ = ["ShownLines"]

_OWN = "notebook"  # the notebook itself; workers are known by their pids
# "\r", and what ECMA-48 calls cursor movement, erasing and scrolling; not colours.
_MOVE = r"\x1b\[[0-9;?]*[A-HJKSTfhlsu]"
_MOVES = re.compile(rf"[\r\n\b]|{_MOVE}")
_LINE = re.compile(rf"([\r\n](?:{_MOVE})*+)(?=[^\r\n]*?[^\s\b])")  # one that shows something


class ShownLines:
    """Knows whose line the shown text ends with, for one of the two streams of a cell."""

    def __init__(self) -> None:
        self._open: str | None = None  # whose line is not ended
        self._begun: set[str] = set()  # the workers of whose lines a beginning is shown

    def write_own(self, text: str) -> None:
        """Note what the notebook itself writes."""
        if text:
            self._open = None if text.endswith("\n") else _OWN

    @property
    def is_in_own_line(self) -> bool:
        """Whether the notebook itself has begun a line and not ended it."""
        return self._open == _OWN

    def write(self, pid: str, label: str, text: str) -> str:
        """Return the text of a worker as it is to be shown here.

        Args:
            pid: the worker; empty if nobody knows whose text it is.
            label: what stands before each line; empty: nothing.
            text: what it has printed, as far as that can be shown.
        """
        before = ""
        if self._open is not None and self._is_another_line(pid, label, text):
            before, self._open = "\n", None
        if label:
            text = self._labelled(pid, label, text)
        if text.endswith("\n"):
            self._open = None
            self._begun.discard(pid)
        else:
            self._open = pid
            self._begun.add(pid)
        return before + text

    def _is_another_line(self, pid: str, label: str, text: str) -> bool:
        """Tell whether a text must not go on where the shown text ends, in the middle of a line."""
        if self._open == pid or _MOVES.match(text):
            return False
        return bool(label) or (self._open != _OWN and pid not in self._begun)

    def _labelled(self, pid: str, label: str, text: str) -> str:
        begins = self._open != pid
        labelled = _LINE.sub(lambda found: found[1] + label, "\n" + text if begins else text)
        return labelled[1:] if begins else labelled
