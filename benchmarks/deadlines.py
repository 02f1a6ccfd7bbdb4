"""Deadlines: how long after its deadline a cell that hangs has ended, in a real kernel.

The cells are those of tests/test_faults.py.  The clock stops when the cell is over for the
reader: its workers killed, its Run named, its picture drawn.
"""

import sys

from report import CHECKOUT, Aim, Options, Report, Table, main, spread

sys.path.insert(0, str(CHECKOUT / "tests"))
from kernels import Kernel, kernel
from test_faults import DEFINITIONS, HANGS

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


def seconds_late(one: Kernel, name: str) -> float:
    """Return how long after its deadline the cell has ended."""
    before, line, _ = HANGS[name]
    one.run(f"%%watch hung --deadline {DEADLINE:g}\n{before}\n{line}")
    return float(one.run("print(clock.took)").stdout) - DEADLINE


def measure(options: Options) -> Report:
    """Let each kind of hang meet its deadline, under every start method."""
    trials = options.times(1, 10)
    found: dict[str, list[float]] = {}
    for method in options.methods:
        with kernel(method, seconds=100) as one:
            for cell in (DEFINITIONS, CLOCK, "%%watch\np = Process(target=len); p.start()"):
                one.run(cell)
            for name in HANGS:
                found[f"{name}, {method}"] = [seconds_late(one, name) for _ in range(trials)]
    rows, aims = [], []
    for what, late in found.items():
        within = sum(one <= WANTED for one in late)
        rows.append([what, str(len(late)), spread(late), f"{max(late):.3f}"])
        rows[-1].append(f"{within} of {len(late)}")
    every = [one for late in found.values() for one in late]
    within = sum(one <= WANTED for one in every)
    says = f"a cell ends within {WANTED:g} s of its deadline"
    aims = [Aim(says, f"{within} of {len(every)}", within == len(every))]
    head = ["hang", "trials", "after the deadline [s]", "at most [s]", f"within {WANTED:g} s"]
    return Report("Deadlines", [Table("Cells that hang", head, rows)], aims, (), found)


if __name__ == "__main__":
    main(measure, __doc__ or "")
