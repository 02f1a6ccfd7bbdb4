"""The text that a cell shows, as workers and the notebook itself write it in turn.

Pure.  A worker's whole line begins on a line of its own, also where the beginning of another
worker's line stands.  A name stands at the beginning of a line and nowhere else.  Progress bars
stay in the last line.
"""

import re

from .progress_bars import ProgressBars, draws

__all__ = ["ShownLines"]

_OWN = "notebook"  # the notebook itself; workers are known by their pids
_LINE = re.compile(r"\n(?=[^\n]*?\S)")  # the beginning of one that shows something
_MOST_KEPT = 1000  # characters of the beginning of a line


class ShownLines:
    """Knows whose line the shown text ends with, for one of the two streams of a cell."""

    def __init__(self) -> None:
        self._open: str | None = None  # whose line is not ended
        self._begun: dict[str, str] = {}  # beginnings of lines that are shown, by worker
        self._bars = ProgressBars()
        self._bar_line = ""  # what the last line shows of them

    def write_own(self, text: str) -> str:
        """Note what the notebook itself writes; return what has to be shown before it."""
        before = "\n" if self._bar_line and text[:1] not in ("\r", "\n") else ""
        if text:
            self._bar_line = ""
            self._open = None if text.endswith("\n") else _OWN
        return before

    def write(self, pid: str, label: str, text: str) -> str:
        """Return the text of a worker as it is to be shown here.

        Args:
            pid: the worker; empty if nobody knows whose text it is.
            label: what stands before each line; empty: nothing.
            text: what it has printed, as far as that can be shown.
        """
        if pid in self._bars or draws(text):
            return self._drawn(pid, label, text)
        shown = self._placed(pid, label, text)
        if not self._bar_line:
            return shown
        first, end, rest = shown.partition("\n")
        above = self._over_bars(first) + end + rest
        return above + self._redrawn() if shown.endswith("\n") else above

    def _placed(self, pid: str, label: str, text: str) -> str:
        """Return a text with labels, and with a line end before it if it must not go on here."""
        goes_on = self._open == pid
        is_apart = self._open is not None and self._is_another_line(pid, label, text)
        if label:
            text = _LINE.sub("\n" + label.replace("\\", r"\\"), text if goes_on else "\n" + text)
            text = text if goes_on else text[1:]
        last = text[text.rfind("\n") + 1 :]
        if last:
            before = self._begun.get(pid, "") if len(last) == len(text) else ""
            self._open, self._begun[pid] = pid, (before + last)[-_MOST_KEPT:]
        else:
            self._open = None
            self._begun.pop(pid, None)
        return "\n" + text if is_apart else text

    def _is_another_line(self, pid: str, label: str, text: str) -> bool:
        """Tell whether a text must not go on where the shown text ends, in the middle of a line."""
        if self._open == pid or text.startswith("\n"):
            return False
        return bool(label) or (self._open != _OWN and pid not in self._begun)

    def _drawn(self, pid: str, label: str, text: str) -> str:
        """Return what draws the bars again, with what a worker has drawn, in the last line."""
        shown, begun = "", self._begun.pop(pid, "")
        if self._open == pid:  # it draws over what it has printed
            self._bar_line, text = begun, begun.removeprefix(label) + text
        elif self._open is not None:
            shown = "\n"
        self._open = None
        for row in self._bars.draw(pid, label, text):
            shown += self._over_bars(row) + "\n"
        return shown + self._redrawn()

    def _over_bars(self, text: str) -> str:
        """Return a text that stands where the bars are shown now."""
        back = "\r" if self._bar_line else ""
        text, self._bar_line = text.ljust(len(self._bar_line)), ""
        return back + text

    def _redrawn(self) -> str:
        line = self._bars.line
        if line == self._bar_line:
            return ""
        shown = self._over_bars(line)
        self._bar_line = line
        return shown if line else shown + "\r"
