"""Births and ends of workers, written down where they happen: one file, one line for each.

Every process appends whole lines; `parse` reads a line.  The clock is `time.perf_counter`,
which all processes of a machine share.  Workers and the sampler import this: it is light.
"""

import os
import sys

__all__ = ["Event", "EventLog", "open_to_append", "open_to_read", "parse"]


class Event:
    """One line of the log; a figure is None if this kind of event does not have it.

    Attributes:
        kind: ``"requested"``: ``start()`` was called, noted by the process that called it;
            ``"born"``: the first own instruction; ``"finished"``: the last own instruction,
            which is not yet the end of the process; ``"reaped"``: another process was told
            how it ended; ``"signalled"``: another process is about to send it a signal.
        pid: the process, or the process of the thread.
        thread: the native id of a thread.
        asker: the process that called ``start()``.
        parent: the process that really started it.
        requested: for the birth of a thread, when ``start()`` was called.
        moment: when it happened; for ``"requested"``, when ``start()`` was called.
        cpu: CPU seconds by then.
        children_cpu: CPU seconds of the children for which it has waited.
        code: the exit code.
        name: of the worker.
    """

    __slots__ = (
        "asker",
        "children_cpu",
        "code",
        "cpu",
        "kind",
        "moment",
        "name",
        "parent",
        "pid",
        "requested",
        "thread",
    )

    def __init__(
        self,
        kind: str,
        pid: int,
        thread: int | None = None,
        asker: int | None = None,
        parent: int | None = None,
        requested: float | None = None,
        moment: float | None = None,
        cpu: float | None = None,
        children_cpu: float | None = None,
        code: int | None = None,
        name: str = "",
    ) -> None:
        self.kind = kind
        self.pid = pid
        self.thread = thread
        self.asker = asker
        self.parent = parent
        self.requested = requested
        self.moment = moment
        self.cpu = cpu
        self.children_cpu = children_cpu
        self.code = code
        self.name = name


class EventLog:
    """The writing side: one appended line for each event, from any process.

    An append of one short line is a single write, so lines of several processes never mix.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = open_to_append(path)

    def note(
        self,
        kind: str,
        pid: int,
        *,
        thread: int | None = None,
        asker: int | None = None,
        parent: int | None = None,
        requested: float | None = None,
        moment: float | None = None,
        cpu: float | None = None,
        children_cpu: float | None = None,
        code: int | None = None,
        name: str = "",
    ) -> None:
        """Append an event; if the disk is full, the event is lost, and no error is raised."""
        # Plain code: after a fork, each piece of Python that is used for the first time copies
        # a page of memory.
        line = f"{kind}\t{pid}"
        for figure in (thread, asker, parent, requested, moment, cpu, children_cpu, code):
            line += "\t" if figure is None else f"\t{figure!r}"
        if not name.isascii() or not name.isprintable() or "\\" in name:
            name = name.encode("unicode_escape").decode("ascii")
        try:  # noqa: SIM105 - see above
            os.write(self._descriptor, f"{line}\t{name}\n".encode())
        except OSError:
            pass

    def close(self) -> None:
        """Close the file; the lines stay in it."""
        try:  # noqa: SIM105
            os.close(self._descriptor)
        except OSError:
            pass


def parse(line: bytes) -> Event | None:
    """Return the event of a line; None if the line is incomplete, as on a full disk."""
    try:
        kind, pid, *figures, name = line.decode("ascii").split("\t")
        thread, asker, parent, requested, moment, cpu, children_cpu, code = figures
        return Event(
            kind,
            int(pid),
            _whole(thread),
            _whole(asker),
            _whole(parent),
            _number(requested),
            _number(moment),
            _number(cpu),
            _number(children_cpu),
            _whole(code),
            name.encode("ascii").decode("unicode_escape"),
        )
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text else None


def _number(text: str) -> float | None:
    return float(text) if text else None


def open_to_append(path: str) -> int:
    """Open a file to which several processes append; each write stays in one piece."""
    if sys.platform == "win32":
        from .stdlib_internals import open_to_append_on_windows

        return open_to_append_on_windows(path)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def open_to_read(path: str | os.PathLike[str], create: bool = False) -> int:
    """Open such a file for reading, byte by byte as it was written."""
    binary: int = getattr(os, "O_BINARY", 0)  # else Windows changes line ends, and ends at ^Z
    return os.open(path, os.O_RDONLY | binary | (os.O_CREAT if create else 0), 0o600)
