"""The memory of each process at one moment, drawn: what it has alone, and what it shares."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from ..records.memory_look import MemoryLook
from ..records.run import Lane, Run
from .style import (
    ACCENT,
    FAINT,
    INK,
    QUIET,
    SOFT,
    run_given,
    set_labels,
    styled_axes,
)
from .words import shortened

__all__ = ["Memory", "memories_of", "plot_memory"]

MEGABYTE = 1e6
MOST_PROCESSES = 6  # side by side; more have no room for their words
MOST_THREADS = 4  # boxes of one process
INCHES = 3.6
# Heights as shares of the Axes: of the largest memory, of the boxes of threads, of the names.
MEMORY, THREADS, NAME = 0.6, 0.75, 0.92
HALF, BAR = 0.46, 0.84  # of the width of a process: half of its frame, and its bar


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process had at the moment of the picture.

    Attributes:
        name: of the process.
        threads: the names of its threads that are known; the main thread comes first.
        private_bytes: what no other process had; None if the system did not tell.
        shared_bytes: what other processes had as well; all of it if the system did not tell.
    """

    name: str
    threads: tuple[str, ...]
    private_bytes: int | None
    shared_bytes: int


def plot_memory(run: Run, ax: Axes | None = None) -> Axes:
    """Draw each process with its threads around its memory: the private and the shared part.

    The picture shows one moment: when most processes were there, and had most memory of their
    own.  The shared part counts in each process that has it, so do not add up these parts.
    Of the threads, those that began inside the block are shown, and the main threads.  The run
    has looks at the memory if it was watched with ``memory=True`` (``%%watch --memory``).

    Raises:
        TypeError: if `run` is no Run or `ax` no Axes.
    """
    run = run_given("plot_memory", run)
    everybody = memories_of(run)
    drawn = everybody[:MOST_PROCESSES]
    with styled_axes(ax, INCHES) as ax:
        top = max((_resident(each) for each in drawn), default=1.0)
        edge = 0.5 if len(drawn) > 1 else 0.75  # a single frame is not as wide as the figure
        ax.set_xlim(-edge, max(1, len(drawn)) - 1 + edge)
        ax.set_ylim(0, top / MEMORY)
        ax.set_xticks([])
        ax.set_yticks([tick for tick in MaxNLocator(3).tick_values(0, top) if tick <= top])
        set_labels(ax, _title(run, everybody), "", "resident memory (MB)")
        ax.yaxis.label.set(y=MEMORY / 2)
        ax.spines[["left", "bottom"]].set_visible(False)
        for place, each in enumerate(drawn):
            _draw_frame(ax, place, each)
            _draw_threads(ax, place, each)
            _draw_memory(ax, place, each)
    return ax


def memories_of(run: Run) -> tuple[Memory, ...]:
    """Return what each process had at the moment of the picture; nothing if nobody looked."""
    rounds: dict[float, list[MemoryLook]] = {}
    for look in run.memory:
        rounds.setdefault(look.time, []).append(look)
    if not rounds:
        return ()
    shown = max(rounds.values(), key=lambda looks: (len(looks), sum(map(_own, looks))))
    return tuple(_memory(run, look) for look in sorted(shown, key=lambda look: look.lane))


def _own(look: MemoryLook) -> int:
    return look.resident_bytes if look.private_bytes is None else look.private_bytes


def _memory(run: Run, look: MemoryLook) -> Memory:
    process = run.lanes[look.lane]
    threads = [
        lane.name
        for lane in run.lanes
        if lane.kind == "thread" and lane.pid == process.pid and _was_there(lane, look.time)
    ]
    shared = look.resident_bytes - (look.private_bytes or 0)
    return Memory(process.name, ("main thread", *threads), look.private_bytes, shared)


def _was_there(lane: Lane, time: float) -> bool:
    begun = lane.started if lane.started is not None else lane.requested
    return (begun or 0.0) <= time and (lane.ended is None or time <= lane.ended)


def _resident(memory: Memory) -> float:
    return ((memory.private_bytes or 0) + memory.shared_bytes) / MEGABYTE


def _title(run: Run, everybody: Sequence[Memory]) -> str:
    name = shortened(run.name, 24)
    if not everybody:
        return f"{name}: nobody looked at its memory; watch it with --memory, or memory=True"
    if len(everybody) == 1:
        threads = len(everybody[0].threads)
        return f"{name}: one process, one memory, {threads} thread{'' if threads == 1 else 's'}"
    some = f" ({MOST_PROCESSES} drawn)" if len(everybody) > MOST_PROCESSES else ""
    return f"{name}: {len(everybody)} processes, each with private memory{some}"


def _draw_frame(ax: Axes, place: int, memory: Memory) -> None:
    upright = ax.get_xaxis_transform()  # x as the places of processes, y as a share of the height
    frame = FancyBboxPatch((place - HALF, 0), 2 * HALF, 0.99, "round,pad=0,rounding_size=0.03")
    frame.set(transform=upright, clip_on=False, facecolor="none", edgecolor=FAINT)
    ax.add_patch(frame)
    words = shortened(memory.name, 22)
    ax.text(place, NAME, words, transform=upright, ha="center", va="center", color=INK)


def _draw_threads(ax: Axes, place: int, memory: Memory) -> None:
    """Draw the threads side by side, each with a line to the memory that all of them use."""
    upright = ax.get_xaxis_transform()
    names = [shortened(name, 14) for name in memory.threads]
    if len(names) > MOST_THREADS:
        names[MOST_THREADS - 1 :] = [f"{len(names) - MOST_THREADS + 1} more"]
    top = _resident(memory) / ax.get_ylim()[1]
    for number, name in enumerate(names):
        x = place - BAR / 2 + BAR * (number + 0.5) / len(names)
        ax.plot([x, x], [THREADS, top], transform=upright, color=FAINT, linewidth=1)
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": QUIET}
        words = ax.text(x, THREADS, name, transform=upright, bbox=box, fontsize=8.5, color=INK)
        words.set(ha="center", va="center")


def _draw_memory(ax: Axes, place: int, memory: Memory) -> None:
    """Draw the memory as a bar, the shared part below the private part; the words stand below."""
    shared, private = memory.shared_bytes / MEGABYTE, (memory.private_bytes or 0) / MEGABYTE
    ax.bar(place, shared, BAR, color=SOFT, zorder=2)
    ax.bar(place, private, BAR, bottom=shared, color=ACCENT, zorder=2)
    if memory.private_bytes is None:
        _explain(ax, place, 1, SOFT, f"{shared:.0f} MB, private or shared")
    else:
        _explain(ax, place, 1, ACCENT, f"{private:.0f} MB private")
        _explain(ax, place, 2, SOFT, f"{shared:.0f} MB shared")


def _explain(ax: Axes, place: int, line: int, ink: str, words: str) -> None:
    """Write below a process what an ink means there."""
    y, upright = -0.075 * line, ax.get_xaxis_transform()
    ax.plot(place - 0.3, y, "s", color=ink, markersize=6, transform=upright, clip_on=False)
    ax.text(place - 0.26, y, words, transform=upright, va="center", color=INK, fontsize=8.5)
