"""What the tests of pictures share: runs to draw, and how to read what was drawn."""

import dataclasses
from pathlib import Path

import matplotlib
from made_up import MAIN, process, run_of
from matplotlib.text import Text

from manybrains.comparisons.comparison import Comparison, Contestant
from manybrains.comparisons.scaling import Scaling, ScalingPoint
from manybrains.lessons.workloads import Ticks
from manybrains.records.run import Run

matplotlib.use("agg")

RECORDED = sorted((Path(__file__).parents[1] / "data").glob("*.json"))
DUEL = run_of(
    process("Process-1", 0.01, 0.6, cores=0.98),
    process("Process-2", 0.02, 0.62, cores=0.97, pid=102),
    name="duel",
    wall=0.62,
    core=lambda lane, _: lane - 1 if lane else 0,
)
CROWD = run_of(
    *(process(f"Process-{k}", k / 600, k / 600 + 0.005, cores=0.9) for k in range(1, 501)),
    looks=0,
)
SIXTY_FOUR = run_of(
    *(process(f"ForkPoolWorker-{k}", 0.1, 0.9, cores=0.1, exit_code=-9) for k in range(1, 64))
)
EMPTY = Run("empty", DUEL.machine, 0.0, (), ())


def one_of(name, *walls, cores=1.0):
    main = dataclasses.replace(MAIN, cpu_seconds=1.0)
    return Contestant(
        name,
        tuple(
            run_of(main=dataclasses.replace(main, cpu_seconds=cores * wall), wall=wall)
            for wall in walls
        ),
    )


RACE = Comparison((one_of("serial", 1.3, 1.2, 1.4), one_of("processes", 0.7, 0.6, 0.9, cores=1.9)))
TURNS = [
    Ticks("Thread-1", 7, tuple((10 + k / 100, 10.005 + k / 100) for k in range(40))),
    Ticks("Thread-2", 7, tuple((10.005 + k / 100, 10.01 + k / 100) for k in range(40))),
]
TOGETHER = [Ticks("Process-1", 7, ((10.0, 10.4),)), Ticks("Process-2", 8, ((10.02, 10.42),))]


def point(workers, *walls):
    name = f"{workers} worker{'' if workers == 1 else 's'}"
    return ScalingPoint(name, tuple(run_of(name=name, wall=wall) for wall in walls), workers)


# A program of which a fifth is serial: 1, 0.6, 0.4 seconds.
AMDAHL = Scaling((point(1, 1.0, 1.1, 0.9), point(2, 0.6, 0.6, 9.0), point(4, 0.4, 0.4, 0.4)), [7])


def words_of(ax):
    """All texts of a picture, in the order in which they were written."""
    return [text.get_text() for text in ax.findobj(Text) if text.get_text()]


def drawn(ax):
    """Draw the picture, so that what stands in it has its place."""
    ax.figure.canvas.draw()
    return ax
