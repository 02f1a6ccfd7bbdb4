"""What every benchmark shares: its options, its tables, its aims, the machine and its load.

A benchmark is a function that takes `Options` and returns a `Report`; `main` runs it from
the command line, prints the report as Markdown and stores it beside its figures.  Nothing
here is a threshold: an aim is text that says whether a figure is where the design wants it.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from manybrains import this_machine

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
RESULTS = HERE / "results"
UNTOLD = (
    "Where an aim cannot be told, the 95 % interval of the median lies on both sides of it, "
    "or the notes say why."
)
VERDICTS = {True: "met", False: "not met", None: "cannot be told here"}


@dataclass(frozen=True)
class Options:
    """How much to measure.

    Attributes:
        quick: seconds instead of minutes: to see that it works, not for figures to quote.
        repeats: how often everything is measured; None: as the benchmark thinks best.
        methods: the start methods to measure.
    """

    quick: bool = False
    repeats: int | None = None
    methods: tuple[str, ...] = tuple(multiprocessing.get_all_start_methods())

    def times(self, quick: int, full: int) -> int:
        """Return how often to measure."""
        return self.repeats or (quick if self.quick else full)

    def size(self, quick: Any, full: Any) -> Any:
        """Return what to measure with."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; what stands in a cell is said in the title."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", _row(self.head), _row(["---"] * len(self.head))]
        return "\n".join([*lines, *map(_row, self.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


@dataclass(frozen=True)
class Aim:
    """What the design wants, what was measured, and whether the one is the other."""

    says: str
    figure: str
    met: bool | None

    def __str__(self) -> str:
        return f"- {self.says}: **{VERDICTS[self.met]}** ({self.figure})"


@dataclass(frozen=True)
class Report:
    """What a benchmark found.

    Attributes:
        title: its message.
        tables, aims, notes: for people.
        figures: everything that was measured, for programs.
    """

    title: str
    tables: Sequence[Table]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = ()
    figures: dict[str, Any] = field(default_factory=dict)

    def markdown(self, circumstances: dict[str, Any]) -> str:
        parts = [f"## {self.title}", in_words(circumstances)]
        parts += ["\n".join(map(str, self.aims))] if self.aims else []
        parts += [UNTOLD] if any(aim.met is None for aim in self.aims) else []
        parts += [table.markdown() for table in self.tables]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n\n".join(parts) + "\n"


def in_words(circumstances: dict[str, Any]) -> str:
    """Return a sentence about the machine and what else it did meanwhile."""
    c = circumstances
    size = "quick, not for figures to quote" if c["quick"] else "full"
    return (
        f"{c['machine']}. {c['when']}, {size}, {c['seconds']:.0f} s; meanwhile others kept "
        f"{c['cores_used_by_others']:.2f} cores busy, {100 * c['stolen']:.1f} % of the time was "
        f"stolen by the hypervisor, load average {c['load_before']:.1f} before, "
        f"{c['load_after']:.1f} after."
    )


@contextlib.contextmanager
def circumstances(options: Options) -> Iterator[dict[str, Any]]:
    """Yield a dict that afterwards tells on what machine, and beside whom, the block ran."""
    told: dict[str, Any] = {"machine": repr(this_machine()), "quick": options.quick}
    told["when"] = time.strftime("%Y-%m-%d %H:%M")
    told["load_before"] = _load()
    began, busy, own, stolen = time.perf_counter(), _busy(), _own(), _stolen()
    yield told
    wall = time.perf_counter() - began
    others = (_busy() - busy) - (_own() - own)
    told["seconds"] = wall
    told["cores_used_by_others"] = max(0.0, others / wall)
    told["stolen"] = (_stolen() - stolen) / wall / (psutil.cpu_count() or 1)
    told["load_after"] = _load()


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _busy() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0)
    # Linux counts a guest's time as the user's as well.
    twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - twice)


def _own() -> float:
    return sum(os.times()[:4])  # of this process and of all its children that have ended


def _stolen() -> float:
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


# --- figures as text ----------------------------------------------------------------------


def middle(values: Sequence[float]) -> float:
    """Return the median; nan of nothing."""
    return statistics.median(values) if values else float("nan")


def spread(values: Sequence[float], unit: float = 1, digits: int = 3) -> str:
    """Return "median (lower quartile to upper quartile)" in units of `unit`."""
    if not values:
        return "none"
    scaled = [value / unit for value in values]
    if len(scaled) == 1:
        return f"{scaled[0]:.{digits}f}"
    low, median, high = statistics.quantiles(scaled, n=4, method="inclusive")
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return between which two of the values the true median lies, with a confidence of 95 %.

    Their ranks come from the binomial distribution: each value is as likely to lie below the
    median as above it.  Of fewer than six values these are the least and the greatest.
    """
    ordered, rank, outside = sorted(values), -1, 0.0
    while (outside := outside + 2 * math.comb(len(ordered), rank + 1) / 2 ** len(ordered)) <= 0.05:
        rank += 1
    rank = max(rank, 0)
    return ordered[rank], ordered[-1 - rank]


def at_most(values: Sequence[float], limit: float) -> bool | None:
    """Tell whether the median of some figures is within a limit; None if that cannot be told."""
    if not values:
        return None
    low, high = interval(values)
    return True if high <= limit else False if low > limit else None


def at_least(values: Sequence[float], limit: float) -> bool | None:
    """Tell whether the median of some figures reaches a limit; None if that cannot be told."""
    return at_most([-value for value in values], -limit)


def judged(values: Sequence[float], unit: float = 1, digits: int = 3) -> str:
    """Return what `spread` does, and the interval by which the median is judged."""
    if len(values) < 2:
        return spread(values, unit, digits)
    low, high = (f"{value / unit:.{digits}f}" for value in interval(values))
    return f"{spread(values, unit, digits)}, the median within {low} to {high}"


# --- the command line ---------------------------------------------------------------------


def main(measure: Callable[[Options], Report], description: str) -> None:
    """Run one benchmark as the command line wants it."""
    parser = argparse.ArgumentParser(description=description)
    add_arguments(parser)
    arguments = parser.parse_args()
    _keep_bytecode()
    options = Options(arguments.quick, arguments.repeats, tuple(arguments.methods))
    os.environ.setdefault("MANYBRAINS_HEADLESS", "1")  # no progress bars
    # Spawned workers import the main module if it has a file: they would pay for what is ours.
    del sys.modules["__main__"].__file__
    with circumstances(options) as told:
        report = measure(options)
    store(Path(sys.argv[0]).stem, report, told, arguments.results)
    print(report.markdown(told))


def _keep_bytecode() -> None:
    """Start anew where Python may not store what it compiled: every import would compile again.

    It is stored beside the results, so that nobody else's environment is changed.
    """
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(RESULTS / "bytecode"))
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", "") and os.name == "posix":
        os.execv(sys.executable, [sys.executable, *sys.argv])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    methods = multiprocessing.get_all_start_methods()
    parser.add_argument("--quick", action="store_true", help="a look, not figures to quote")
    parser.add_argument("--repeats", type=int, help="how often everything is measured")
    parser.add_argument("--methods", nargs="+", choices=methods, default=methods, metavar="METHOD")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the reports")


def store(name: str, report: Report, told: dict[str, Any], folder: Path) -> None:
    """Write the report as Markdown and as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(report.markdown(told), encoding="utf-8")
    data = {"circumstances": told, **dataclasses.asdict(report)}
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
