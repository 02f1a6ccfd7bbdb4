"""Sales: files to read that are too large for the caches, made anew in a second."""

import os
import tempfile
from pathlib import Path

__all__ = ["write_sales"]

HEADER = b"shop,item,cents\n"
WIDTH = (
    12  # bytes in a line: 2 digits, 4 digits, 3 digits (four here), each with its comma or line end
)


def write_sales(folder: str | os.PathLike[str], files: int = 6, lines: int = 600_000) -> list[Path]:
    """Write CSV files with sales drawn by chance, and return their paths.

    Each line has a shop (two digits), an item (four) and a price in cents (three).  The number
    of a file is the seed of what is in it, so the files are the same everywhere.

    Raises:
        OSError: if the folder has no room, or nothing can be written there; the message says
            what to do.
    """
    paths = [Path(folder, f"sales-{number}.csv") for number in range(files)]
    try:
        for number, path in enumerate(paths):
            path.write_bytes(HEADER + _sales(number, lines))
    except OSError as error:
        megabytes = files * lines * WIDTH / 1e6
        advice = (
            f"{error.strerror}: the files need {megabytes:.0f} MB in {os.fspath(folder)}; make "
            f"room, or set TMPDIR to another folder than {tempfile.gettempdir()} and start again"
        )
        raise OSError(error.errno, advice) from error
    return paths


def _sales(seed: int, lines: int) -> bytes:
    import numpy as np

    zero, nine = b"09"
    text = np.random.default_rng(seed).integers(zero, nine, (lines, WIDTH), np.uint8, endpoint=True)
    text[:, [2, 7]] = ord(",")
    text[:, -1] = ord("\n")
    return text.tobytes()
