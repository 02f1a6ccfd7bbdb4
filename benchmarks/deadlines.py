"""Deadlines: how long after its deadline a cell that hangs has ended, in a real kernel.

The cells are those of tests/notebook/test_faults.py.  The clock stops when the cell is over for the
reader: its workers killed, its Run named, its picture drawn.
"""

import sys

from report import CHECKOUT, Aim, Options, Report, Table, main, spread

sys.path.insert(0, str(CHECKOUT / "tests"))
sys.path.insert(0, str(CHECKOUT / "tests" / "notebook"))
from kernels import Kernel, kernel
from test_faults import DEFINITIONS, HANGS, HANGS_OF_MAIN

EVERY_HANG = HANGS | HANGS_OF_MAIN
DEADLINE = 2.0  # seconds
WANTED = 0.5  # seconds after it
CLOCK = """
import time
class Clock:
    def begin(self, _): self.began = time.perf_counter()
    def end(self, _): self.took = time.perf_counter() - self.began
clock = Clock()
get_ipython().events.register("pre_run_cell", clock.begin)
get_ipython().events.register("post_run_cell", clock.end)
_ = clock.begin(None)
"""


def seconds_late(one: Kernel, name: str) -> tuple[float, float]:
    """Return how long after its deadline the code was left, and the cell has ended."""
    before, line, _ = EVERY_HANG[name]
    one.run(f"%%watch hung --deadline {DEADLINE:g}\n{before}\n{line}")
    code, cell = one.run("print(hung.wall_seconds, clock.took)").stdout.split()
    return float(code) - DEADLINE, float(cell) - DEADLINE


def measure(options: Options) -> Report:
    """Let each kind of hang meet its deadline, under every start method."""
    trials = options.times(1, 10)
    found: dict[str, list[tuple[float, float]]] = {}
    for method in options.methods:
        with kernel(method, seconds=100) as one:
            for cell in (
                DEFINITIONS,
                CLOCK,
                "%%watch\np = Process(target=int); p.start(); p.join()",
            ):
                one.run(cell)
            for name in EVERY_HANG:
                found[f"{name}, {method}"] = [seconds_late(one, name) for _ in range(trials)]
    rows = []
    for what, late in found.items():
        codes, cells = zip(*late, strict=True)
        rows.append([what, str(trials), spread(codes), f"{max(codes):.3f}"])
        rows[-1] += [spread(cells), f"{max(cells):.3f}"]
    every = [cell for late in found.values() for _, cell in late]
    within = sum(cell <= WANTED for cell in every)
    says = f"a cell ends within {WANTED:g} s of its deadline"
    aims = [Aim(says, f"{within} of {len(every)}", within == len(every))]
    head = ["hang", "trials", "code is left [s]", "at most [s]"]
    head += ["cell has ended [s]", "at most [s]"]
    table = Table("Seconds after the deadline", head, rows)
    return Report("Deadlines", [table], aims, (), found)


if __name__ == "__main__":
    main(measure, __doc__ or "")
