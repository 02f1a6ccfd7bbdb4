"""The course: how long its notebooks take under nbval, and where the time goes."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from report import CHECKOUT, Options, Report, Table, main, spread

NOTEBOOKS = CHECKOUT / "notebooks"
SLOWEST = 15
PATIENCE = 1200
# 2.44s call     notebooks/06-the-speed-comparison.ipynb::Cell 21
DURATION = re.compile(r"^([\d.]+)s (setup|call|teardown) +\S*::Cell (\d+)$", re.MULTILINE)


def tested(notebook: Path) -> tuple[float, bool, dict[int, float], float]:
    """Return wall seconds, whether all passed, seconds by cell, and those of its kernel."""
    sanitize = CHECKOUT / "tests" / "nbval_sanitize.cfg"
    command = [sys.executable, "-m", "pytest", "--nbval", f"--nbval-sanitize-with={sanitize}"]
    command += ["-q", "--durations=0", "--durations-min=0.005", "-p", "no:cacheprovider"]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [*command, f"--basetemp={folder}/tests", str(notebook)],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        wall = time.perf_counter() - began
    cells: dict[int, float] = {}
    around = 0.0
    for seconds, phase, cell in DURATION.findall(done.stdout):
        if phase == "call":
            cells[int(cell)] = float(seconds)
        else:
            around += float(seconds)
    return wall, done.returncode == 0, cells, around


def cell_ids(notebook: Path) -> list[str]:
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell.id for cell in cells if cell.cell_type == "code"]


def measure(options: Options) -> Report:
    """Run every notebook as the tests do, each alone."""
    notebooks = sorted(NOTEBOOKS.glob("*.ipynb"))[: options.size(1, None)]
    walls: dict[str, list[float]] = {notebook.stem: [] for notebook in notebooks}
    rows, slow, failed = [], [], []
    for notebook in notebooks:
        for _ in range(options.times(1, 3)):
            wall, passed, cells, around = tested(notebook)
            walls[notebook.stem].append(wall)
            failed += [] if passed else [notebook.stem]
        in_cells = sum(cells.values())
        figures = (in_cells, around, wall - in_cells - around)
        rows.append(
            [notebook.stem, spread(walls[notebook.stem], 1, 1), str(len(cell_ids(notebook)))]
        )
        rows[-1] += [f"{seconds:.1f}" for seconds in figures]
        ids = cell_ids(notebook)
        slow += [(took, notebook.stem, ids[place]) for place, took in cells.items()]
    slow.sort(reverse=True)
    total = sum(min(each) for each in walls.values())
    head = ["notebook", "wall [s]", "code cells", "in cells [s]", "kernel start and end [s]"]
    tables = [
        Table("Notebooks under nbval, each in a pytest of its own", [*head, "pytest [s]"], rows),
        Table(
            f"The {SLOWEST} slowest cells",
            ["notebook", "cell", "[s]"],
            [[name, cell, f"{took:.2f}"] for took, name, cell in slow[:SLOWEST]],
        ),
    ]
    notes = [f"all together {total:.0f} s (fastest of each)"]
    notes += [f"failed meanwhile: {', '.join(sorted(set(failed)))}"] if failed else []
    return Report("The course", tables, (), notes, {"walls": walls, "cells": slow})


if __name__ == "__main__":
    main(measure, __doc__ or "")
