"""The code has the project's format and types, that of the lessons too."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
WATCH = re.compile(r"^%%watch(?: +([A-Za-z_]\w*))?.*$", re.MULTILINE)
# What a lesson may do and a module may not: see pyproject.toml.
LESSON_RULES = "lint.per-file-ignores = {'*.ipynb' = ['E402', 'F811', 'I001']}"


def check(*arguments: str, cwd: Path = CHECKOUT) -> None:
    """Fails with all that a tool complains about, if it does."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def bare_copy(notebook: Path, folder: Path) -> tuple[Path, set[str]]:
    """A copy in which ruff sees the cells under %%watch, and the names of their Runs."""
    copy, names = nbformat.read(notebook, as_version=4), {"run"}
    for cell in copy.cells:
        names.update(filter(None, WATCH.findall(cell.source)))
        cell.source = WATCH.sub("# %%watch", cell.source)
        if cell.cell_type == "code":
            cell.outputs = []
    path = folder / notebook.name
    nbformat.write(copy, path)
    return path, names


def test_ruff_finds_nothing_to_complain_about():
    check("ruff", "check", "--output-format=concise", ".")


def test_every_file_has_the_format_of_ruff():
    check("ruff", "format", "--diff", ".")


@pytest.mark.timeout(300)
def test_the_library_is_typed_strictly():
    check("mypy", "--strict", "src")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_ruff_finds_nothing_in_watched_cells(notebook, tmp_path):
    path, names = bare_copy(notebook, tmp_path)
    config = ["--config", str(CHECKOUT / "pyproject.toml"), "--config", LESSON_RULES]
    builtins = ["--config", f"builtins = {sorted(names)}"]
    style = ["--output-format=concise", "--no-cache"]
    check("ruff", "check", *config, *builtins, *style, str(path), cwd=tmp_path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_watched_cells_have_the_format_of_ruff(notebook, tmp_path):
    path, _ = bare_copy(notebook, tmp_path)
    config = ["--config", str(CHECKOUT / "pyproject.toml")]
    check("ruff", "format", "--diff", *config, str(path), cwd=tmp_path)
