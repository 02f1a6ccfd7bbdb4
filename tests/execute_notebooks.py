"""Runs notebooks from their first cell to their last and stores what they show.

    python tests/execute_notebooks.py notebooks/01-processes.ipynb ...

Each runs in a new kernel, in its own folder.  What is stored depends on nothing
but the code: no times, no versions, no widget views, which an untrusted clone
would show as raw text, and tracebacks name `json/decoder.py`, wherever Python is
installed.  A notebook that fails, or whose output still names a place on this
machine, is left as it was, and the exit status is 1.
"""

import base64
import os
import platform
import re
import site
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

CHECKOUT = Path(__file__).resolve().parent.parent
CELL_SECONDS = 300  # a cell that takes longer is stuck
# The pictures show how workers are started: as a new Python does where it is not asked.
WANTED = (3, 14)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
PREFIXES = {sys.prefix, sys.base_prefix}
# Pictures on the first pages of project and site: of which notebook, in which cells.
PICTURES = {"06-the-speed-comparison": ("threads", "processes")}
FIRST_PAGES = CHECKOUT / "docs" / "pictures"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def main(paths: list[str]) -> None:
    """Afterwards every notebook is stored, or what is wrong with it was printed."""
    os.environ["MANYBRAINS_HEADLESS"] = "1"  # nobody is there to click, or to watch a bar grow
    if not paths:
        sys.exit("Which notebooks? Name at least one, as in: notebooks/01-processes.ipynb")
    if sys.version_info < WANTED:
        print(
            f"This is Python {platform.python_version()}: for what is to be committed, run it with "
            f"Python {WANTED[0]}.{WANTED[1]} or newer, whose start method the pictures show.",
            file=sys.stderr,
        )
    failed = [
        path
        for place, path in enumerate(paths, start=1)
        if not execute_and_store(Path(path), f"{place} of {len(paths)}")
    ]
    if failed:
        sys.exit(f"Not stored: {', '.join(failed)}")


def execute_and_store(path: Path, place: str = "1 of 1") -> bool:
    """Whether the notebook ran and was stored; `place` is where it stands among all."""
    began = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    try:
        execute(notebook, path.parent, f"{place}: {path.stem}")
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{path}, after {cells_run(notebook)} cells: {error}", file=sys.stderr)
        return False
    tidy(notebook)
    leaks = list(places_named(notebook))
    for cell_id, text in leaks:
        print(f"{path}, cell {cell_id}: names a place on this machine: {text}", file=sys.stderr)
    if leaks:
        return False
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    if path.stem in PICTURES:
        keep_pictures(notebook, PICTURES[path.stem])
    seconds = time.perf_counter() - began
    print(f"{path}: {cells_run(notebook)} cells, {seconds:.1f} s ({place})", flush=True)
    return True


def execute(notebook: NotebookNode, folder: Path, name: str = "") -> None:
    """Afterwards each code cell has the outputs of this run, and of no run before.

    Who reads along in a terminal sees at which notebook it is, and how far.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.update(outputs=[], execution_count=None)
    bar = tqdm(total=len(code), desc=name, unit="cell", leave=False, disable=None)
    client = NotebookClient(
        notebook,
        kernel_name=METADATA["kernelspec"]["name"],
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        timeout=CELL_SECONDS,
        on_cell_executed=lambda **_: bar.update(),
    )
    with bar:
        client.execute()


def keep_pictures(notebook: NotebookNode, cell_ids: tuple[str, ...]) -> None:
    """Afterwards the first pages show the pictures that these cells have now."""
    for cell_id, picture in pictures_of(notebook, cell_ids).items():
        (FIRST_PAGES / f"{cell_id}.png").write_bytes(picture)


def pictures_of(notebook: NotebookNode, cell_ids: tuple[str, ...]) -> dict[str, bytes]:
    """The first picture of each of these cells."""
    return {
        cell.id: base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        if cell.id in cell_ids
        for output in reversed(cell.outputs)
        if "image/png" in output.get("data", {})
    }


def cells_run(notebook: NotebookNode) -> int:
    return sum(bool(cell.get("execution_count")) for cell in notebook.cells)


def tidy(notebook: NotebookNode) -> None:
    """Afterwards the notebook holds only what its code and its text decide."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = whole_streams(without_widget_views(cell.outputs))
            shorten_frames(cell.outputs)


def without_widget_views(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs whose data is more than a widget: its repr alone tells a reader nothing."""
    return [output for output in outputs if WIDGET_VIEW not in output.get("data", {})]


def whole_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The same text, with neighbours of one stream joined: how it was cut is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            joined.append(output)
    return joined


def shorten_frames(outputs: list[NotebookNode]) -> None:
    """Afterwards the lines `File ...` of tracebacks name modules by their place in the library."""
    libraries = [sysconfig.get_path("stdlib"), *site.getsitepackages(), str(CHECKOUT)]
    named = "|".join(map(re.escape, as_shown(sorted(map(Path, libraries), reverse=True))))
    frame = re.compile(rf'(File (?:\x1b\[[\d;]*m)*"?)(?:{named})[/\\]')
    for output in outputs:
        if "text" in output:
            output.text = frame.sub(r"\1", output.text)
        if "traceback" in output:
            output.traceback = [frame.sub(r"\1", line) for line in output.traceback]


def places_named(notebook: NotebookNode) -> list[tuple[str, str]]:
    """The id of each cell whose output names a place on this machine, with the line that does."""
    folders = [CHECKOUT, Path.home(), Path(tempfile.gettempdir()), *map(Path, PREFIXES)]
    named = "|".join(map(re.escape, as_shown(folders)))
    place = re.compile(rf"(?:{named})(?![\w.-])|ipykernel_\d+")
    return [
        (cell.id, line.strip())
        for cell in notebook.cells
        for text in texts(cell.get("outputs", []))
        for line in text.splitlines()
        if place.search(line)
    ]


def as_shown(folders: list[Path]) -> list[str]:
    """The folders as they are written out, and as IPython does, with `~` for the home folder."""
    home = Path.home()
    in_home = [f"~/{each.relative_to(home)}" for each in folders if home in each.parents]
    # A home of "/" (in containers) would be found in every path.
    return [str(each) for each in folders if len(each.parts) > 1] + in_home


def texts(outputs: list[NotebookNode]) -> list[str]:
    """All that is text in them: streams, tracebacks, and results that are not pictures."""
    found = [output.get("text", "") for output in outputs]
    found += ["\n".join(output.get("traceback", [])) for output in outputs]
    for output in outputs:
        found += [str(data) for mime, data in output.get("data", {}).items() if "image" not in mime]
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
