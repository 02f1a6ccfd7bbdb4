"""Comparison: the same work done in several ways; it is made from Runs only.

`compare` watches each contestant in turn.  It refuses to compare the times of contestants
whose answers differ.
"""

import asyncio
import contextlib
import inspect
import operator
import statistics
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

from ..lens.watch import watch
from ..records.frontend import in_notebook, is_headless
from ..records.run import Run
from ..workers.session import current_session

__all__ = ["Comparison", "Contestant", "compare"]

WIDTH = 80  # letters of the progress bar in a notebook


@dataclass(frozen=True)
class Contestant:
    """One way to do the work, and the run of every repeat."""

    name: str
    runs: tuple[Run, ...]

    @property
    def wall_seconds(self) -> tuple[float, ...]:
        """Wall time of every repeat."""
        return tuple(run.wall_seconds for run in self.runs)

    @property
    def median_wall_seconds(self) -> float:
        """The median of the repeats' wall times."""
        return statistics.median(self.wall_seconds)

    @property
    def cores_in_use(self) -> float:
        """The median of the repeats' cores in use."""
        return statistics.median(run.cores_in_use for run in self.runs)

    @property
    def peak_cores(self) -> float:
        """The most cores in use in any gap of any repeat; see `Run.peak_cores`."""
        return max(run.peak_cores for run in self.runs)

    def __repr__(self) -> str:
        repeats = f"{len(self.runs)} repeat{'' if len(self.runs) == 1 else 's'}"
        return (
            f"{self.name}: {self.median_wall_seconds:.2f} s wall, "
            f"{self.cores_in_use:.2f} cores in use (medians of {repeats})"
        )


@dataclass(frozen=True)
class Comparison:
    """What `compare` saw; its text is a table.

    Attributes:
        contestants: in the order in which they were given; the others are compared with
            the first.
        answer: what every contestant returned.
    """

    contestants: tuple[Contestant, ...]
    answer: Any = None

    def __getitem__(self, name: str) -> Contestant:
        for contestant in self.contestants:
            if contestant.name == name:
                return contestant
        known = ", ".join(repr(contestant.name) for contestant in self.contestants)
        raise KeyError(f"no contestant is called {name!r}: there are {known}")

    def speedup(self, name: str) -> float:
        """Return how many times as fast as the first a contestant was, by median wall time."""
        wall = self[name].median_wall_seconds
        return self.contestants[0].median_wall_seconds / wall if wall > 0 else 1.0

    def __repr__(self) -> str:
        repeats = len(self.contestants[0].runs)
        walls = [f"wall {repeat} [s]" for repeat in range(1, repeats + 1)]
        head = ["", *walls, "median [s]", "cores in use", "speedup"]
        rows = [head, *(self._row(contestant) for contestant in self.contestants)]
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                [row[0].ljust(widths[0])]
                + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            ).rstrip()
            for row in rows
        )

    def _row(self, contestant: Contestant) -> list[str]:
        return [
            contestant.name,
            *(f"{seconds:.3f}" for seconds in contestant.wall_seconds),
            f"{contestant.median_wall_seconds:.3f}",
            f"{contestant.cores_in_use:.2f}",
            f"{self.speedup(contestant.name):.2f}",
        ]


def compare(
    contestants: Mapping[str, Callable[[], Any]],
    repeats: int = 3,
    *,
    deadline: float | None = None,
) -> Comparison:
    """Run every contestant `repeats` times, and return their runs as a Comparison.

    Each repeat runs every contestant in turn, so that a busy moment of the machine does not
    hit one contestant alone.  A contestant is called without arguments.  If it returns a
    coroutine, the coroutine is run to its end.

    Args:
        contestants: functions by name; the others are compared with the first.
        repeats: how many times each of them runs.
        deadline: seconds that a single run may take; its workers are then killed.

    Raises:
        ValueError: if there is no contestant or no repeat, or if two answers differ: then
            the contestants did not do the same work.
        TypeError: if a contestant cannot be called or its name is no line of text, or if two
            answers cannot be compared; the message names the contestant.
        TimeoutError: if a run has not ended at the deadline.
        Exception: whatever a contestant raises, with a note that names it and the repeat.
    """
    names, repeats = _checked(contestants, repeats)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    first: tuple[str, Any] | None = None
    with _progress(len(names) * repeats) as step:
        for repeat in range(1, repeats + 1):
            for name in names:
                with _noted(f"raised by contestant {name!r} in repeat {repeat} of {repeats}"):
                    run, answer = _watched(name, contestants[name], deadline)
                first = first or (name, answer)
                _require_same(first, (name, answer))
                runs[name].append(run)
                step()
    assert first is not None
    return Comparison(tuple(Contestant(name, tuple(runs[name])) for name in names), first[1])


def _checked(contestants: Mapping[str, Callable[[], Any]], repeats: int) -> tuple[list[str], int]:
    example = 'compare({"serial": count, "threads": in_threads})'
    if not isinstance(contestants, Mapping) or not contestants:
        raise ValueError(f"nothing to compare in {contestants!r}: give named functions: {example}")
    for name, work in contestants.items():
        if not isinstance(name, str) or not name.strip() or "\n" in name:
            raise TypeError(f"a contestant has the name {name!r}: give it a name of one line")
        if not callable(work):
            raise TypeError(
                f"contestant {name!r} is {_short(work)}, which cannot be called: give the function "
                "itself, without parentheses, or a lambda around a call with arguments"
            )
    try:
        number = operator.index(repeats)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"repeats is {repeats!r}: give at least 1, or 3 to see the noise")
    return list(contestants), number


def _watched(name: str, work: Callable[[], Any], deadline: float | None) -> tuple[Run, Any]:
    answer = None
    with watch(name=name, deadline=deadline, quiet=True) as watched:
        answer = work()
        if inspect.iscoroutine(answer):
            answer = _to_its_end(answer)
    run = watched.run
    if not run.finished:  # at its deadline, `watch` ends a block without an exception
        raise TimeoutError(f"{name!r} did not finish: {run.note}")
    return run, answer


def _to_its_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what the coroutine returns.

    If an event loop runs already, as in a notebook, ``asyncio.run`` refuses to run a second
    one in the same thread.  Then the coroutine gets a new thread with a loop of its own.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    tasks: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def noted() -> Any:
        tasks.append((asyncio.get_running_loop(), asyncio.current_task()))
        return await coroutine

    with ThreadPoolExecutor(1, thread_name_prefix="event loop") as thread:
        outcome = thread.submit(asyncio.run, noted())
        try:
            return outcome.result()
        except BaseException:  # an interrupt here must end the coroutine too
            for loop, task in tasks:
                with contextlib.suppress(RuntimeError):  # its loop has ended already
                    loop.call_soon_threadsafe(task.cancel if task else loop.stop)
            raise


@contextlib.contextmanager
def _noted(note: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(note)
        raise


def _require_same(first: tuple[str, Any], other: tuple[str, Any]) -> None:
    try:
        same = _equal(first[1], other[1])
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the answers of {first[0]!r} and {other[0]!r} cannot be compared ({error}): "
            "let contestants return a number, a text, a list of those, or a NumPy array"
        ) from error
    if not same:
        _refuse(first, other)


def _refuse(first: tuple[str, Any], other: tuple[str, Any]) -> NoReturn:
    if first[0] == other[0]:
        raise ValueError(
            f"{first[0]!r} answered {_short(first[1])} and then {_short(other[1])}: "
            "a contestant must give the same answer every time"
        )
    raise ValueError(
        f"{first[0]!r} answered {_short(first[1])}, {other[0]!r} answered {_short(other[1])}: "
        "they did different work, so their times cannot be compared; "
        "correct the wrong one (or round results that differ only in the last digits)"
    )


def _equal(one: Any, other: Any) -> bool:
    if hasattr(one, "shape") and hasattr(other, "shape"):
        import numpy

        return bool(numpy.array_equal(one, other))
    return bool(one == other)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[], object]]:
    """Yield a function to call after each step; after one second a progress bar appears.

    Afterwards it is gone, from a stored notebook as well.
    """
    session = current_session()
    if is_headless() or not (session is None or session.has_reader):
        yield lambda: None
        return
    from tqdm import tqdm

    is_stored = in_notebook()

    class Bar(tqdm):  # type: ignore[type-arg]
        monitor_interval = 0  # no thread of its own: the lens would watch it too

        def close(self) -> None:
            super().close()
            if is_stored and self.last_print_t - self.start_t >= 1:  # it was shown
                # tqdm leaves spaces, and they would be stored: a notebook takes them back.
                self.fp.write(" " * WIDTH + "\b" * WIDTH)

    # tqdm's own lock fixes the start method: set_start_method() would fail from then on.
    Bar.set_lock(threading.RLock())
    # A notebook shows stderr as if something were wrong.  The bar is text everywhere: a bar
    # as a widget would leave a view without a model in the notebook after it has vanished.
    how = {"file": sys.stdout, "ncols": WIDTH} if is_stored else {"file": sys.stderr}
    with Bar(total=total, delay=1, leave=False, desc="comparing", unit="run", **how) as bar:
        yield bar.update
