"""The command `manybrains`: a copy of the course beside the reader, opened in JupyterLab.

What the reader has changed is never written over: a second call brings what is new, and says what
it has left alone.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["copy_course", "main"]

_FIRST = "notebooks/00-start-here.ipynb"
_KINDS = frozenset([".csv", ".ipynb", ".json", ".md", ".png"])
_NOTE = ".manybrains.json"  # what was copied: a digest for each file
_PACKAGE = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Copy the course, say what was done, and open JupyterLab until it is left.

    Raises:
        SystemExit: with a sentence, if nothing can be copied there; with JupyterLab's exit code.
    """
    parser = argparse.ArgumentParser(
        prog="manybrains",
        description="Copy the course to a folder, and open it in JupyterLab. What you have "
        "changed there is kept.",
    )
    parser.add_argument("folder", nargs="?", default="many-brains", type=Path)
    parser.add_argument("--no-lab", action="store_true", help="copy only")
    options = parser.parse_args(arguments)
    try:
        new, kept = copy_course(options.folder)
    except OSError as error:
        sys.exit(f"The course cannot be copied to {options.folder}: {error}. Name another folder.")
    print(f"The course is in {options.folder}: {_files(len(new))} copied.")
    if kept:
        print("Left alone, because you have changed them: " + ", ".join(kept) + ".")
        print("To get the new version of one, rename yours, and repeat the command.")
    if not options.no_lab:
        sys.exit(_open_lab(options.folder))


def copy_course(folder: Path) -> tuple[list[str], list[str]]:
    """Copy what is new of the course to the folder; change nothing of the reader's.

    Returns:
        The files that were copied, and those that have a new version but that the reader has
        changed: paths inside the folder.

    Raises:
        OSError: if the folder cannot be read or written.
    """
    copied = _noted(folder)
    new, kept = [], []
    for name, source in _course():
        target, text = folder / name, source.read_bytes()
        now = _digest(target.read_bytes()) if target.exists() else None
        wanted = _digest(text)
        if now is None or (now == copied.get(name) and now != wanted):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
            new.append(name)
        elif now != wanted and copied.get(name) != wanted:
            kept.append(name)
            continue
        copied[name] = wanted
    (folder / _NOTE).write_text(json.dumps(copied, indent=0), encoding="utf-8")
    return new, kept


def _course() -> Iterator[tuple[str, Path]]:
    """The files of the course: in an installed package they are in it, in a clone beside it."""
    inside = _PACKAGE / "course"
    root = inside if inside.exists() else _PACKAGE.parents[1]
    for path in sorted([*root.glob("notebooks/**/*"), *root.glob("docs/glossary.md")]):
        if path.suffix in _KINDS and ".ipynb_checkpoints" not in path.parts:
            yield path.relative_to(root).as_posix(), path


def _noted(folder: Path) -> dict[str, str]:
    try:
        noted = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _open_lab(folder: Path) -> int:
    """Run JupyterLab with this very Python, and return its exit code."""
    command = [sys.executable, "-m", "jupyterlab", f"--LabApp.default_url=/lab/tree/{_FIRST}"]
    if sys.platform == "linux" and not (os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}):
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    here = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}  # its kernel is this Python's
    try:
        return subprocess.call(command, cwd=folder, env=here)
    except KeyboardInterrupt:  # JupyterLab gets it too, and asks or ends
        return 0
