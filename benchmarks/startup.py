"""Start-up: what the lens costs before anything is seen: imports, workers, the first picture.

Every import happens in a Python of its own, every first picture in a kernel of its own; what
is compared takes turns.
"""

import ast
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import nbformat
from contender import CONDITIONS, Figures, duel, ratios
from nbclient import NotebookClient
from report import (
    CHECKOUT,
    HERE,
    Aim,
    Options,
    Report,
    Table,
    at_most,
    judged,
    main,
    middle,
    spread,
)

sys.path.insert(0, str(CHECKOUT / "tests"))
from kernels import Kernel, bare_kernel

IMPORTS = {
    "import psutil": "psutil",
    "import manybrains": "the package alone: its names are loaded when first used",
    "from manybrains import count": "what a cell imports for its workers",
    "import manybrains.hooks.start_hooks": "what a spawned worker of a watched program imports",
    "from manybrains import watch": "what a script imports",
    "from manybrains import plot_timeline": "what a picture needs",
    "import matplotlib.pyplot": "pyplot",
}
TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
HEAVY = "import sys; import manybrains; print([m for m in {} if m in sys.modules])"
BLOCKS = """
import time
from manybrains import watch
for _ in range({}):
    began = time.perf_counter()
    with watch():
        pass
    print(time.perf_counter() - began)
"""
LOADED = "%load_ext manybrains"
WATCHED = "%%watch\npass"
PYPLOT = "import matplotlib.pyplot as plt"
FIGURE = "plt.figure()\nplt.plot([0, 1]);"


def printed(code: str) -> list[str]:
    """Return the lines that a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.splitlines()


def import_seconds(repeats: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {line: [] for line in IMPORTS}
    for line in took:
        printed(line)  # compiled from now on
    for _ in range(repeats):
        for line, seconds in took.items():
            seconds.append(float(printed(TIMED.format(line))[0]))
    return took


def block_seconds(repeats: int) -> tuple[list[float], list[float]]:
    """Return what empty watched blocks take: the first of a program, which is cold, and others."""
    cold, warm = [], []
    for _ in range(repeats):
        first, _, *others = map(float, printed(BLOCKS.format(20)))
        cold.append(first)
        warm.append(middle(others))
    return cold, warm


# --- in a kernel --------------------------------------------------------------------------


@contextlib.contextmanager
def fresh_kernel() -> Iterator[Kernel]:
    """Yield a kernel in which one cell has run, one that imports nothing."""
    client = NotebookClient(nbformat.v4.new_notebook(), timeout=120, kernel_name="python3")
    with client.setup_kernel(env={**os.environ, "MANYBRAINS_HEADLESS": "1"}):
        kernel = Kernel(client)
        kernel.run("pass")
        yield kernel


def cell_seconds(kernel: Kernel, source: str) -> float:
    """Return how long the client waited for a cell."""
    began = time.perf_counter()
    shown = kernel.run(source)
    took = time.perf_counter() - began
    if shown.error:
        raise RuntimeError(f"the cell {source!r} failed: {shown.error}")
    return took


def picture_seconds(repeats: int) -> dict[str, list[float]]:
    """Return what each cell takes on the way to a first picture, with the lens and with pyplot."""
    took: dict[str, list[float]] = {}
    for _ in range(repeats):
        with fresh_kernel() as kernel:
            took.setdefault("an empty cell", []).append(cell_seconds(kernel, "pass"))
            took.setdefault("%load_ext", []).append(cell_seconds(kernel, LOADED))
            took.setdefault("first %%watch", []).append(cell_seconds(kernel, WATCHED))
            later = [cell_seconds(kernel, WATCHED) for _ in range(5)]
            took.setdefault("a later %%watch", []).append(middle(later))
            quiet = [cell_seconds(kernel, WATCHED.replace("\n", " --quiet\n")) for _ in range(5)]
            took.setdefault("a later %%watch --quiet", []).append(middle(quiet))
        with fresh_kernel() as kernel:
            took.setdefault("import pyplot", []).append(cell_seconds(kernel, PYPLOT))
            took.setdefault("a bare figure", []).append(cell_seconds(kernel, FIGURE))
            later = [cell_seconds(kernel, FIGURE) for _ in range(5)]
            took.setdefault("a later bare figure", []).append(middle(later))
    return took


IN_A_NOTEBOOK = """
import multiprocessing, sys
sys.path.insert(0, {here!r})
import matplotlib.pyplot as plt
from contender import nothing_around, timed
from workloads import empty_workers
{lens}
context = multiprocessing.get_context("fork")
surroundings = {surroundings}
"""


def forked_in_notebooks(workers: int, repeats: int) -> Figures:
    """Return what workers take in a kernel, where a fork has more to copy than in a script.

    Only under fork are both the same: a bare kernel's cells reach no other workers.
    """
    lens = "%load_ext manybrains\nfrom manybrains import watch"
    figures: Figures = {"bare": [], "watched": []}
    with bare_kernel() as bare, bare_kernel() as watched:
        for kernel, set_up in ((bare, ("", "nothing_around")), (watched, (lens, "watch"))):
            words = {"here": str(HERE), "lens": set_up[0], "surroundings": set_up[1]}
            cell_seconds(kernel, IN_A_NOTEBOOK.format(**words))
        both = [("bare", bare), ("watched", watched)]
        for repeat in range(repeats + 1):
            for condition, kernel in both[:: -1 if repeat % 2 else 1]:
                work = f"timed(surroundings, lambda: empty_workers(context, {workers}))"
                figures[condition].append(ast.literal_eval(kernel.run(work).text))
    return {condition: runs[1:] for condition, runs in figures.items()}  # the first were cold


# --- together -----------------------------------------------------------------------------


def measure(options: Options) -> Report:
    """Measure imports, empty blocks, empty workers and first pictures."""
    imports = import_seconds(options.times(5, 30))
    cold, warm = block_seconds(options.times(3, 20))
    jobs, repeats = [("empty_workers", options.size(5, 20))], options.times(4, 10)
    batches = options.size(1, 4)
    workers = {
        method: duel(CONDITIONS, method, jobs, repeats, batches)["empty_workers"]
        for method in options.methods
    }
    if "fork" in workers:
        workers["fork, in a notebook"] = forked_in_notebooks(jobs[0][1], 2 * repeats * batches)
    pictures = picture_seconds(options.times(2, 10))
    heavy = printed(HEAVY.format(("matplotlib", "IPython", "ipywidgets", "psutil")))[0]
    tables = [
        Table(
            "An import in a fresh Python [ms]",
            ["line", "what it is", "median (quartiles)"],
            [[f"`{line}`", IMPORTS[line], spread(s, 1e-3, 1)] for line, s in imports.items()],
        ),
        Table(
            "An empty watched block [ms]",
            ["cold (starts the sampler)", "warm"],
            [[spread(cold, 1e-3, 2), spread(warm, 1e-3, 2)]],
        ),
        _workers_table(workers, jobs[0][1]),
        Table(
            "A cell in a fresh kernel, as its client sees it [ms]",
            ["cell", "median (quartiles)"],
            [[name, spread(seconds, 1e-3, 0)] for name, seconds in pictures.items()],
        ),
    ]
    note = f"heavy modules that `import manybrains` loads: {heavy}"
    figures = {"imports": imports, "cold": cold, "warm": warm, "workers": workers}
    aims = _aims(imports, cold, warm, workers, pictures)
    return Report("Start-up", tables, aims, [note], figures | {"pictures": pictures})


def _aims(
    imports: dict[str, list[float]],
    cold: list[float],
    warm: list[float],
    workers: dict[str, Figures],
    pictures: dict[str, list[float]],
) -> list[Aim]:
    pairs = zip(imports["import manybrains"], imports["import psutil"], strict=True)
    more = [one - other for one, other in pairs]
    pairs = zip(pictures["%load_ext"], pictures["first %%watch"], strict=True)
    lens = [sum(pair) for pair in pairs]
    bare = zip(pictures["import pyplot"], pictures["a bare figure"], strict=True)
    first = [one / sum(other) for one, other in zip(lens, bare, strict=True)]
    aims = [
        Aim(
            "`import manybrains` at most 60 ms above `import psutil`",
            f"{judged(more, 1e-3, 1)} ms",
            at_most(more, 0.06),
        ),
        Aim("an empty block, cold: 50 ms", f"{judged(cold, 1e-3, 1)} ms", at_most(cold, 0.05)),
        Aim("an empty block, warm: 1 ms", f"{judged(warm, 1e-3, 2)} ms", at_most(warm, 0.001)),
        Aim(
            "first picture at most 1.5 times pyplot and a bare figure",
            judged(first, 1, 2),
            at_most(first, 1.5),
        ),
    ]
    for method, figures in workers.items():
        says = f"start and join of an empty worker, {method}: at most 5 % dearer"
        dearer = ratios(figures, "watched")
        aims.append(Aim(says, f"{judged(dearer)} times", at_most(dearer, 1.05)))
    return aims


def _workers_table(workers: dict[str, Figures], each: int) -> Table:
    rows = []
    for method, figures in workers.items():
        bare = [run["wall"] for run in figures["bare"]]
        row = [method, spread(bare, 1e-3 * each, 2)]
        row += [spread(ratios(figures, "hooked")) if "hooked" in figures else ""]
        rows.append(
            [*row, spread(ratios(figures, "watched")), spread(ratios(figures, "watched", "cpu"))]
        )
    head = ["start method", "bare [ms]", "hooked / bare", "watched / bare", "CPU watched / bare"]
    return Table("Start and join of an empty worker", head, rows)


if __name__ == "__main__":
    main(measure, __doc__ or "")
