"""Every undocumented name of IPython and ipykernel that the package touches.

Nothing else touches one.  tests/notebook/test_ipython_internals.py says for each what is relied
on: when it is called, and what has happened by then.
"""

import ast
import builtins
import contextlib
import functools
import getpass
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.inputtransformer2 import cell_magic

__all__ = [
    "act_elsewhere",
    "as_cell_magic",
    "assigned_and_shown",
    "call_before_writes",
    "cell_id",
    "cell_name",
    "file_of_cell",
    "is_hidden",
    "is_kernel",
    "keep_names_from_workers",
    "offer_cell_magic",
    "original_descriptor",
    "put_with_stored_cells",
    "reads_when_the_cell_is_over",
    "request_of_cell",
    "transform_cells",
    "write_for_request",
]

Undo = Callable[[], object]
_ABSENT = object()

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


# --- in a forked worker -------------------------------------------------------------------
#
# A forked process copies each page of memory that it changes, and that takes longer than a
# hundred lines of Python.  So nothing is changed at its birth: what has another meaning in a
# worker looks, when it is called, in which process it is.


def act_elsewhere(thing: Any, **methods: Callable[..., object]) -> Undo:
    """Let methods of an object do something else in forked processes.

    Raises:
        TypeError: if its class is written in C.
    """
    kind, here = type(thing), [os.getpid()]
    metaclass: Any = type(kind)
    changed = {name: _either(here, getattr(kind, name), do, 1) for name, do in methods.items()}
    thing.__class__ = metaclass(kind.__name__, (kind,), {"__module__": kind.__module__, **changed})

    def undo() -> None:
        here.clear()  # IPython may keep one of the methods
        thing.__class__ = kind

    return undo


def keep_names_from_workers(shell: Any) -> Undo:
    """Give what IPython puts into a notebook, in forked workers, the meaning of a script's.

    `exit` ends the worker, `input` reads its standard input, and IPython's own are not there.
    """
    here, known, names = [os.getpid()], vars(builtins), (shell.user_ns, shell.user_ns_hidden)
    inside: dict[str, Callable[..., Any]] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(here.clear)
        stack.callback(act_elsewhere(shell.exiter, __call__=sys.exit))
        stack.callback(act_elsewhere(shell.displayhook, __call__=sys.__displayhook__))
        stack.callback(act_elsewhere(shell.display_pub, publish=_print_text))
        for name, do, spaces in (
            ("display", _missing("display"), [known]),
            ("get_ipython", _missing("get_ipython"), [known, *names]),
            ("open", open, names),
        ):
            for space in spaces:
                if name in space:
                    ours = inside.setdefault(name, _either(here, space[name], do))
                    stack.callback(_replace(space, name, ours))
        for space in (vars(shell), shell.builtin_trap.auto_builtins):  # for %reset, for each cell
            stack.callback(_replace(space, "get_ipython", inside["get_ipython"]))
        ours = _either(here, shell.excepthook, sys.__excepthook__)  # while a cell runs
        stack.callback(_replace(vars(shell), "excepthook", ours))
        if is_kernel(shell):
            stack.callback(_ask_elsewhere(shell.kernel, here))
        undo: Undo = stack.pop_all().close
    return undo


def _ask_elsewhere(kernel: Any, here: list[int]) -> Undo:
    """Let what the kernel puts in the place of `input` and `getpass` be Python's own in workers.

    It does so anew in each cell; the cell that loads the extension has it already.
    """
    stack = contextlib.ExitStack()
    for name, owner, its_name, original in (
        ("raw_input", builtins, "input", kernel._sys_raw_input),
        ("getpass", getpass, "getpass", kernel._save_getpass),
    ):
        asks = getattr(kernel, name)
        ours = _either(here, asks, original or getattr(owner, its_name))
        stack.callback(_replace(vars(kernel), name, ours))
        if getattr(owner, its_name) == asks:
            setattr(owner, its_name, ours)
    return stack.close


def _either(
    here: list[int], do: Callable[..., Any], elsewhere: Callable[..., object], own: int = 0
) -> Callable[..., Any]:
    """Return what does one thing in the notebook's process, and another in any other.

    Args:
        here: the pid of the notebook; empty once the extension is unloaded.
        own: how many of the first arguments are for `do` alone, as `self` is.
    """

    @functools.wraps(do)
    def either(*arguments: Any, **keywords: Any) -> Any:
        if here and os.getpid() not in here:
            return elsewhere(*arguments[own:], **keywords)
        return do(*arguments, **keywords)

    return either


def _missing(name: str) -> Callable[..., object]:
    def raise_error(*_: object, **__: object) -> object:
        raise NameError(f"name {name!r} is not defined", name=name)

    return raise_error


def _print_text(data: dict[str, Any], *_: object, **__: object) -> None:
    """Do what IPython's `display` does in a script, with what it would have sent."""
    print(data.get("text/plain", ""))


def _replace(space: dict[str, Any], name: str, new: object) -> Undo:
    before = space.get(name, _ABSENT)
    space[name] = new

    def undo() -> None:
        if space.get(name) is not new:
            return
        if before is _ABSENT:
            del space[name]
        else:
            space[name] = before

    return undo


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


def call_before_writes(
    stream: Any, do: Callable[[str], object], elsewhere: Callable[[str], object]
) -> tuple[Callable[..., Any], Undo]:
    """Call something before each write to a stream, with the text.

    For one cell at a time, from `pre_run_cell` to `post_run_cell`: IPython puts a `write` of its
    own around each cell, and takes it off again after `post_run_cell`.

    Args:
        elsewhere: writes instead in a process that is forked meanwhile.  The stream's own `write`
            takes a lock there, which another thread may have held at the fork.

    Returns:
        The `write` until now, and what undoes it.
    """
    write, here = stream.write, os.getpid()

    def write_after(text: str) -> Any:
        if os.getpid() != here:
            return elsewhere(text)
        do(text)
        return write(text)

    stream.write = write_after
    return write, lambda: setattr(stream, "write", write)


def reads_when_the_cell_is_over(request: Any) -> bool:
    """Tell whether a cell's reader is shown what comes after its end.

    A person is.  Who runs a whole notebook, as nbclient does (for nbconvert and papermill) and
    nbval, reads the messages of the cell that runs, and no others.  They say that nobody is there
    to type an input.
    """
    content = request.get("content") if isinstance(request, dict) else None
    return not content or bool(content.get("allow_stdin", True))
