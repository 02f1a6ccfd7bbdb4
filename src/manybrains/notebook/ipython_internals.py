"""Every undocumented name of IPython and ipykernel that the package touches.

Nothing else touches one.  tests/notebook/test_ipython_internals.py says for each what is relied
on: when it is called, and what has happened by then.
"""

import ast
import re
from collections.abc import Callable
from typing import Any

from IPython.core.inputtransformer2 import cell_magic

__all__ = [
    "as_cell_magic",
    "assigned_and_shown",
    "call_before_writes",
    "cell_id",
    "cell_name",
    "file_of_cell",
    "is_hidden",
    "is_kernel",
    "offer_cell_magic",
    "put_with_stored_cells",
    "request_of_cell",
    "transform_cells",
    "write_for_request",
]

Undo = Callable[[], object]

# --- cells --------------------------------------------------------------------------------


def put_with_stored_cells(shell: Any, source: str) -> Undo:
    """Put a cell where IPython looks for a `;` at its end: it shows no value then."""
    inputs = shell.history_manager.input_hist_parsed
    inputs.append(source)
    return inputs.pop  # type: ignore[no-any-return]


def cell_name(shell: Any, file: str) -> str | None:
    """Return "Cell In[3]" for the file name that the code of a cell has, else None."""
    name = getattr(shell.compile, "format_code_name", None)  # IPython 7 has none
    if name is None:
        return "a cell" if re.search(r"ipykernel_\d+[/\\]\d+\.py$", file) else None
    found = name(file)
    return None if found is None else " ".join(found)


def cell_id(shell: Any) -> str | None:
    """Return the id of the cell that runs now; not every front end tells it."""
    metadata = getattr(shell, "parent_header", {}).get("metadata", {})
    found = metadata.get("cellId") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else None


def file_of_cell(shell: Any, source: str) -> str:
    """Return a file name for code of the cell that runs now: tracebacks show it with its lines."""
    number = len(shell.history_manager.input_hist_parsed) - 1  # IPython has stored the cell
    return str(shell.compile.cache(source, number, raw_code=source))


def is_hidden(shell: Any, name: str) -> bool:
    """Tell whether a global name is still IPython's own, as `exit`, `In` and `_3` are."""
    hidden = shell.user_ns_hidden
    return name in hidden and hidden[name] is shell.user_ns.get(name)


def transform_cells(
    shell: Any, lines: Callable[[list[str]], list[str]], tree: ast.NodeTransformer
) -> Undo:
    """Change cells: their lines before IPython looks for magics, then their syntax trees.

    The lines are changed when the cell runs.  While a reader types it in a terminal, IPython sees
    the magic, and so it waits for the lines below.
    """
    lines.has_side_effects = True  # type: ignore[attr-defined]
    shell.input_transformers_cleanup.append(lines)
    shell.ast_transformers.append(tree)

    def undo() -> None:
        shell.input_transformers_cleanup.remove(lines)
        shell.ast_transformers.remove(tree)

    return undo


def as_cell_magic(lines: list[str]) -> list[str]:
    """Return the line of Python that calls a cell magic; the lines begin with `%%` and its name."""
    return cell_magic(lines)  # type: ignore[no-any-return,no-untyped-call]


def assigned_and_shown(shell: Any, body: list[ast.stmt]) -> list[ast.Expr]:
    """Return what IPython puts at the end of a cell so that it shows the name assigned last.

    It does so where the reader has chosen `ast_node_interactivity = "last_expr_or_assign"`.
    """
    if shell.ast_node_interactivity != "last_expr_or_assign":
        return []
    match body[-1:]:
        case (
            [ast.Assign([ast.Name(id=name)])]
            | [ast.AugAssign(ast.Name(id=name))]
            | [ast.AnnAssign(ast.Name(id=name))]
        ):
            return [ast.copy_location(ast.Expr(ast.Name(name, ast.Load())), body[-1])]
    return []


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
