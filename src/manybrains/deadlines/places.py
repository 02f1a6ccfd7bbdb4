"""Where a stack stands, in words: the reader's own line, or what Python waits for.

Pure, except that `linecache` reads source lines.
"""

import linecache
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from ..workers.stdlib_internals import FORK_CALL, KNOWN_CALLS
from .stacks import Frame, Stack

__all__ = ["is_readers", "place_of", "place_of_worker", "sentence_of"]

_KEYS = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = (
    str(Path(__file__).parents[1]),
    *(path for key in _KEYS if (path := sysconfig.get_path(key))),
)
_MOST_LETTERS = 60  # of a source line
_MOST_GROUPS = 4  # of a sentence

Renamed = Callable[[str], str]  # from 'File "...", line 3' to the same with a cell's name


def place_of(stack: Stack, renamed: Renamed = str) -> str:
    """Return where a stack stands: "`lock.acquire()` (line 3, in take_both)".

    That is the innermost line of the reader's own code.  If there is none, it says what Python
    is doing; for an empty stack it is empty text.

    Args:
        renamed: replaces the name of a file by that of its cell, in a line of a traceback.
    """
    for frame in stack:
        if is_readers(frame):
            return _line(frame, renamed)
    for (file, function), words in KNOWN_CALLS:
        if any(_is_at(frame, file, function) for frame in stack):
            return words
    if not stack:
        return ""
    innermost = stack[0]
    return f"in `{innermost.function}` of {_last_part(innermost.file)}"


def place_of_worker(stacks: Sequence[Stack], renamed: Renamed = str) -> str:
    """Return where the main thread of a worker stands, and threads that run the reader's code."""
    stacks = [_of_the_worker(stack) for stack in stacks]
    first, *others = [place_of(stack, renamed) for stack in stacks] or [""]
    theirs = [
        place
        for stack, place in zip(stacks[1:], others, strict=True)
        if any(map(is_readers, stack))
    ]
    return "; a thread at ".join([first, *theirs[:2]])


def _of_the_worker(stack: Stack) -> Stack:
    """Return the stack without the calls of the parent, which a forked worker inherits."""
    for place, frame in enumerate(stack):
        if _is_at(frame, *FORK_CALL):
            return stack[:place]
    return stack


def _is_at(frame: Frame, file: str, function: str) -> bool:
    return frame.function == function and frame.file.replace("\\", "/").endswith(file)


def is_readers(frame: Frame) -> bool:
    """Tell whether a call is of the reader's own code: of a cell, or of a file of theirs."""
    return not frame.file.startswith(("<", *_LIBRARIES))


def _line(frame: Frame, renamed: Renamed) -> str:
    text = linecache.getline(frame.file, frame.line).strip()
    if len(text) > _MOST_LETTERS:
        text = text[: _MOST_LETTERS - 1].rstrip() + "…"
    name = renamed(f'File "{frame.file}", line {frame.line}')
    file, _, line = name.removeprefix('File "').rpartition('", line ')
    where = f"line {line}"
    if not file.startswith("Cell "):
        where += f" of {_last_part(file)}"
    if frame.function != "<module>" and not frame.function.startswith("<cell"):
        where += f", in {frame.function}"
    return f"`{text}` ({where})" if text else where


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def sentence_of(stood: Sequence[tuple[str, str]]) -> str:
    """Return one sentence for (name, place) pairs; names at the same place come together."""
    groups: dict[str, list[str]] = {}
    for name, place in stood:
        if place:
            groups.setdefault(place, []).append(name)
    told = [_told(names, place) for place, names in groups.items()]
    if len(told) > _MOST_GROUPS:
        told[_MOST_GROUPS:] = [f"{len(told) - _MOST_GROUPS} more stood elsewhere"]
    return "; ".join(told)


def _told(names: Sequence[str], place: str) -> str:
    if place.startswith(("stopped ", "not asked")):  # no place, but why there is none
        return f"{_names(names)} {'was' if len(names) == 1 else 'were'} {place}"
    at = "" if place.startswith(("in ", "at ")) else "at "
    return f"{_names(names)} stood {at}{place}"


def _names(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} others"
