"""Progress bars of workers, drawn in the one line that a cell can draw again: its last.

Pure.  A bar that is not the first goes to its line by control characters that move the cursor up
and down (ECMA-48), as in a terminal.  A notebook knows "\\r" and no others.  So each worker draws
on a small screen of its own, and the cell's last line shows what is on all of them.
"""

import re

__all__ = ["ProgressBars", "draws"]

_CONTROL = re.compile(r"\x1b\[\??(\d*)[\d;]*([A-HJKSTfhlsu])")
_TOKEN = re.compile(rf"{_CONTROL.pattern}|[\r\n\b]|(?:(?!{_CONTROL.pattern})[^\r\n\b])+")
_DRAWS = re.compile(rf"\r(?!\n)|{_CONTROL.pattern}")
_MOST_ROWS = 100  # of a screen
_GAP = "   "  # between the bars of two workers


def draws(text: str) -> bool:
    """Tell whether a text moves the cursor to what is there already."""
    return _DRAWS.search(text) is not None


class ProgressBars:
    """The screens of the workers that draw."""

    def __init__(self) -> None:
        self._screens: dict[str, _Screen] = {}  # by pid

    def __contains__(self, pid: str) -> bool:
        return pid in self._screens

    def draw(self, pid: str, label: str, text: str) -> list[str]:
        """Draw what a worker has printed; return the lines with which it has done."""
        screen = self._screens.setdefault(pid, _Screen())
        screen.label = label
        screen.draw(text)
        done = screen.take_done()
        if not screen.shown:
            del self._screens[pid]
        return [label + row for row in done]

    @property
    def line(self) -> str:
        """All bars, from top to bottom."""
        screens = sorted(self._screens.values(), key=lambda screen: screen.top)
        return _GAP.join(screen.label + _GAP.join(screen.shown) for screen in screens)


class _Screen:
    """What a terminal would show of one worker, from the line where the cursor stands."""

    def __init__(self) -> None:
        self.label = ""
        self._rows = [""]
        self._row = self._column = 0
        self._is_fresh = False  # whether something was put into a row since the cursor came there

    @property
    def shown(self) -> list[str]:
        return [row.rstrip() for row in self._rows if row.strip()]

    @property
    def top(self) -> int:
        return next((place for place, row in enumerate(self._rows) if row.strip()), 0)

    def draw(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            if token[2]:
                self._control(token[2], int(token[1] or 0))
            elif token[0] == "\n":
                self._go_down()
            elif token[0] == "\r":
                self._column = 0
            elif token[0] == "\b":
                self._column = max(0, self._column - 1)
            else:
                self._put(token[0])

    def take_done(self) -> list[str]:
        """Return the rows above the cursor: the worker has gone on, and does not come back.

        An empty row is none: to go to its bar, a worker writes a line end first.  What it has
        left below is the old state of a bar that it has drawn for the last time, further up.
        """
        done = [row.rstrip() for row in self._rows[: self._row] if row.strip()]
        del self._rows[: self._row]
        self._row = 0
        if done and not self._is_fresh:
            self._rows = [""]
        return done

    def _put(self, text: str) -> None:
        row, column = self._rows[self._row], self._column
        self._rows[self._row] = row[:column].ljust(column) + text + row[column + len(text) :]
        self._column += len(text)
        self._is_fresh = True

    def _go_down(self) -> None:
        self._row, self._column, self._is_fresh = self._row + 1, 0, False
        if self._row == len(self._rows):
            self._rows.append("")

    def _control(self, letter: str, number: int) -> None:
        row, column = self._rows[self._row], self._column
        if letter == "A":
            for _ in range(min(number or 1, _MOST_ROWS)):
                if self._row:
                    self._row -= 1
                elif len(self._rows) < _MOST_ROWS:
                    self._rows.insert(0, "")
        elif letter == "B":
            self._row = min(self._row + (number or 1), len(self._rows) - 1)
        elif letter == "G":
            self._column = max(0, number - 1)
        elif letter == "K":
            self._rows[self._row] = "" if number == 2 else row[:column]
