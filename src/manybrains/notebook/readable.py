"""Tracebacks and warnings of workers, as the reader should see them: cells by their names."""

import re
import sysconfig
from collections.abc import Callable

__all__ = ["Readable"]

_FILE_LINE = re.compile(r'File "([^"\n]+)", line (\d+)')
_WARNING = re.compile(r"^(/[^:\n]+|[A-Za-z]:\\[^:\n]+):(\d+): (?=\w+: )", re.MULTILINE)
_OUR_FRAMES = re.compile(  # in an exception group's text each line has bars before it
    r'^([ |]*)  File "[^"\n]*manybrains[/\\]\w+[/\\]\w+\.py", line \d+, '
    r"in \S+\n"
    r"(?:\1    .*\n)*",
    re.MULTILINE,
)
_LIBRARIES = [sysconfig.get_path(key) + "/" for key in ("purelib", "platlib", "stdlib")]


class Readable:
    """Makes the text of tracebacks readable.

    Args:
        cell_name: returns "Cell In[3]" for the file name that the code of a cell has, else None.
    """

    def __init__(self, cell_name: Callable[[str], str | None]) -> None:
        self._cell_name = cell_name

    def __call__(self, text: str) -> str:
        """Return a text with the names of cells, and without our own frames."""
        text = _FILE_LINE.sub(self._file_line, _OUR_FRAMES.sub("", text))
        return _WARNING.sub(lambda match: f"{self.place(match[1])}:{match[2]}: ", text)

    def place(self, file: str) -> str:
        """Return the name of a cell, or the own part of a library's path."""
        name = self._cell_name(file)
        if name is None:
            name = next((file[len(p) :] for p in _LIBRARIES if file.startswith(p)), file)
        return name

    def _file_line(self, match: re.Match[str]) -> str:
        return f'File "{self.place(match[1])}", line {match[2]}'
