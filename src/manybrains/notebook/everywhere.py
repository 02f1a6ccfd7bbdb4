"""`%%everywhere`: a cell that runs here, and at the birth of every later worker.

It is the counterpart of what a script's top level does to its process.
"""

import ast
from types import CodeType
from typing import Any

from IPython.core.error import UsageError

from ..snapshots.code_names import bound_names, used_names
from ..snapshots.script import EverywhereCell
from .ipython_internals import cell_id, file_of_cell

__all__ = ["Everywhere"]

_USAGE = "Usage: %%everywhere [--anew] as the first line of a cell"


class Everywhere:
    """The cells that run everywhere.

    Args:
        shell: the notebook's shell.
        cells: gets each cell, in their order.
    """

    def __init__(self, shell: Any, cells: list[EverywhereCell]) -> None:
        self._shell = shell
        self._cells = cells
        self._ids: list[str | None] = []  # of these cells, where the front end tells them

    def magic(self, line: str, cell: str) -> None:
        """Run this cell here, and at the birth of every later worker: `%%everywhere [--anew]`.

        For what a script does at its top level to its own process: settings of a library, the
        logging, an import for its effect.  A cell that is run again replaces its former version.

        --anew    forget all former cells of this kind
        """
        __tracebackhide__ = True  # IPython leaves this frame out
        words = line.split()
        if words not in ([], ["--anew"]):
            raise UsageError(f"%%everywhere: {line.strip()!r} is not known. {_USAGE}")
        source = "\n" + self._shell.transform_cell(cell)  # the magic's own line counts
        file = file_of_cell(self._shell, source)
        try:
            _check(source, file)
        except SyntaxError as error:
            error.__traceback__ = None  # the place is in the error
            raise
        code: CodeType = compile(source, file, "exec")
        exec(code, self._shell.user_ns)
        names = bound_names(code)
        bound = {n: self._shell.user_ns[n] for n in names if n in self._shell.user_ns}
        cell_now = EverywhereCell(source, file, used_names(code) - names, bound)
        self._remember(cell_now, is_anew=bool(words))

    def _remember(self, cell: EverywhereCell, is_anew: bool) -> None:
        own = cell_id(self._shell)
        for number in reversed(range(len(self._cells))):
            same = self._cells[number].source == cell.source or (own and self._ids[number] == own)
            if is_anew or same:
                del self._cells[number], self._ids[number]
        self._cells.append(cell)
        self._ids.append(own)


def _check(source: str, file: str) -> None:
    """Refuse what only a notebook can run.

    Raises:
        UsageError: if there are magics or shell commands in it, or an `await`.
    """
    tree = ast.parse(source, file)  # a SyntaxError is shown as that of any cell
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "get_ipython":
            raise UsageError(
                f"%%everywhere: line {node.lineno} is a magic or a shell command, and workers "
                "have none. Put it into a cell of its own."
            )
