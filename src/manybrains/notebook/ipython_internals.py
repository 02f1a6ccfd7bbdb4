"""Every undocumented name of IPython and ipykernel that the package touches.

Nothing else touches one.  tests/notebook/test_ipython_internals.py says for each what is relied
on: when it is called, and what has happened by then.
"""

import ast
from collections.abc import Callable
from typing import Any

__all__ = [
    "call_before_writes",
    "cell_name",
    "hide_name",
    "is_kernel",
    "offer_cell_magic",
    "original_descriptor",
    "put_with_stored_cells",
    "request_of_cell",
    "source_of_cell",
    "stored_cells",
    "transform_cells",
    "write_for_request",
]

Undo = Callable[[], object]

# --- cells --------------------------------------------------------------------------------


def stored_cells(shell: Any) -> list[tuple[int, str]]:
    """Return the number and the source, as Python, of each cell that IPython has stored.

    In `input_hist_parsed` cell N stands at place N, and an empty text at place 0.
    """
    return [*enumerate(shell.history_manager.input_hist_parsed)]


def source_of_cell(shell: Any, info: Any) -> tuple[int, str]:
    """Return the number and the source, as Python, of a cell that is about to run.

    IPython stores the cell after `pre_run_cell`.  `execution_count` does not tell its number:
    newer IPythons have counted the cell by then.
    """
    source = getattr(info, "transformed_cell", None)  # IPython 7 does not tell
    if source is None:
        source = shell.transform_cell(info.raw_cell)
    return len(shell.history_manager.input_hist_parsed), source


def put_with_stored_cells(shell: Any, source: str) -> Undo:
    """Put a cell where IPython looks for a `;` at its end: it shows no value then."""
    inputs = shell.history_manager.input_hist_parsed
    inputs.append(source)
    return inputs.pop  # type: ignore[no-any-return]


def cell_name(shell: Any, file: str) -> str | None:
    """Return "Cell In[3]" for the file name that the code of a cell has, else None."""
    name = getattr(shell.compile, "format_code_name", None)  # IPython 7 has none
    found = None if name is None else name(file)
    return None if found is None else " ".join(found)


def transform_cells(
    shell: Any, lines: Callable[[list[str]], list[str]], tree: ast.NodeTransformer
) -> Undo:
    """Change cells: their lines before IPython looks for magics, then their syntax trees."""
    shell.input_transformers_cleanup.append(lines)
    shell.ast_transformers.append(tree)

    def undo() -> None:
        shell.input_transformers_cleanup.remove(lines)
        shell.ast_transformers.remove(tree)

    return undo


def hide_name(shell: Any, name: str, value: object) -> Undo:
    """Give cells a global name that `%who` does not show."""
    shell.user_ns[name] = shell.user_ns_hidden[name] = value

    def undo() -> None:
        shell.user_ns.pop(name, None)
        shell.user_ns_hidden.pop(name, None)

    return undo


def offer_cell_magic(shell: Any, name: str, magic: Callable[[str, str], object]) -> Undo:
    """Offer a cell magic; IPython itself has no way to take one back."""
    magics = shell.magics_manager.magics["cell"]
    magics[name] = magic
    return lambda: magics.pop(name, None)


# --- output -------------------------------------------------------------------------------


def is_kernel(shell: Any) -> bool:
    """Tell whether this shell is that of a notebook's kernel, and not of a terminal."""
    return getattr(shell, "kernel", None) is not None


def request_of_cell(shell: Any) -> Any:
    """Return the message that asked for the cell that runs now."""
    return shell.kernel.get_parent("shell")


def original_descriptor(stream: Any) -> int | None:
    """Return the descriptor at which a stream of the kernel led to the server's log, if any.

    ipykernel keeps it when it puts a pipe in its place, whose reader needs the GIL.
    """
    return getattr(stream, "_original_stdstream_copy", None)


def write_for_request(stream: Any, write: Callable[[str], object], request: Any, text: str) -> None:
    """Write to a stream of the notebook so that the text goes to the cell of a request.

    Args:
        stream: an OutStream of ipykernel, or whatever else stands in its place.
        write: its own `write`, or one that leads there.
        request: what `request_of_cell` returned in that cell; None for the cell that runs now.
    """
    if request is None or not hasattr(stream, "set_thread_parent"):  # ipykernel before 7
        write(text)
        return
    token = stream.set_thread_parent(request)
    try:
        write(text)
    finally:
        stream.reset_thread_parent(token)


def call_before_writes(stream: Any, do: Callable[[], object]) -> tuple[Callable[..., Any], Undo]:
    """Call something before each write to a stream; return the `write` until now, and an undo.

    For one cell at a time, from `pre_run_cell` to `post_run_cell`: IPython puts a `write` of its
    own around each cell, and takes it off again after `post_run_cell`.
    """
    write = stream.write

    def write_after(text: str) -> Any:
        do()
        return write(text)

    stream.write = write_after
    return write, lambda: setattr(stream, "write", write)
