"""panel(): run real workers with buttons, see what they did, and stop them.

It is a thin layer: what it does can be typed, and it shows the lines to type.
"""

import html
from typing import TYPE_CHECKING, Any

from ..records.frontend import in_notebook, is_headless
from ..records.machine import this_machine
from ..records.run import Run
from .plan import SIZES, STRATEGIES, Plan, most_workers, size_in_words
from .results import STYLE, lines_html, picture_html, table_html
from .trial import Trial

if TYPE_CHECKING:
    from .cells import Cells

__all__ = ["Panel", "panel"]

NO_WIDGET = (
    "In JupyterLab this cell shows a panel, with which you start workers, watch them and stop them."
)
_SIZES = {"computing": 30_000_000, "waiting": 2}


def panel(
    strategy: str = "processes",
    workers: int = 2,
    work: str = "computing",
    size: float | None = None,
) -> "Panel":
    """Return a panel with which the reader runs workers, watches them and stops them.

    As the value of a cell it shows itself: choices, Run and Stop, and after each run what
    `%%watch` shows.  Where no widget can be shown, it says so in a sentence.  The arguments are
    what is chosen at first.

    Args:
        strategy: who does the work: "serial", "threads" or "processes".
        workers: how many share it; on a small machine, at most as many as the panel offers.
        work: "computing" (counting) or "waiting" (sleeping).
        size: the steps to count, or the seconds to wait, for all workers together.

    Raises:
        ValueError: if there is no such choice; the message lists the choices.
    """
    for name, value, choices in (
        ("strategy", strategy, tuple(STRATEGIES)),
        ("work", work, tuple(SIZES)),
    ):
        if value not in choices:
            raise ValueError(f"{name} is {value!r}: choose one of {', '.join(map(repr, choices))}")
    size = _SIZES[work] if size is None else size
    if size not in SIZES[work]:
        sizes = ", ".join(f"{one:g}" if one < 1_000 else f"{one:_}" for one in SIZES[work])
        raise ValueError(f"size is {size!r}: for {work} choose one of {sizes}")
    if type(workers) is not int or workers < 1:
        raise ValueError(f"workers is {workers!r}: choose a whole number from 1 on")
    most = most_workers(this_machine())
    return Panel(Plan(strategy, min(workers, most), work, size), most)


class Panel:
    """The panel that `panel` returns.

    Attributes:
        plan: what is chosen now.
        runs: the finished runs, the oldest first.
    """

    def __init__(self, plan: Plan, most: int) -> None:
        self.plan = plan
        self._most = most
        self._finished: list[tuple[Plan, Run]] = []
        self._trial: Trial | None = None
        self._cells: Cells | None = None
        self._view: Any = None

    @property
    def runs(self) -> tuple[Run, ...]:
        """The finished runs, the oldest first."""
        return tuple(run for _, run in self._finished)

    def __repr__(self) -> str:
        return NO_WIDGET

    def _ipython_display_(self) -> None:
        if is_headless() or not in_notebook():
            print(NO_WIDGET)
            return
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        from ..notebook.ipython_internals import reads_when_the_cell_is_over, request_of_cell
        from .cells import Cells
        from .kernel_internals import hear_while_a_cell_runs

        shell = get_ipython()
        if not reads_when_the_cell_is_over(request_of_cell(shell)):  # who could press a button?
            print(NO_WIDGET)
            return
        self._cells = Cells.of(shell)
        data = {**self.widget._repr_mimebundle_(), "text/plain": NO_WIDGET}
        display(data, raw=True)  # type: ignore[no-untyped-call]
        for one in (*self._choices(), self._run_button, self._stop_button):
            hear_while_a_cell_runs(one)

    @property
    def widget(self) -> Any:
        """The controls and what they show, as a widget; the same one each time."""
        if self._view is None:
            self._view = self._made()
        return self._view

    def _made(self) -> Any:
        from ipywidgets import HTML, Button, Dropdown, HBox, VBox

        from ..notebook.live_lanes import LiveLanes
        from .own_keys import OwnKeys

        plan = self.plan
        wide = {"style": {"description_width": "initial"}, "layout": {"width": "auto"}}
        self._strategy = Dropdown(
            options=[(label, name) for name, label in STRATEGIES.items()],
            value=plan.strategy,
            description="Strategy",
            **wide,
        )
        self._workers = Dropdown(
            options=range(1, self._most + 1), value=plan.workers, description="Workers", **wide
        )
        self._work = Dropdown(options=[*SIZES], value=plan.work, description="Work", **wide)
        self._size = Dropdown(
            options=_options(plan.work), value=plan.size, description="In all", **wide
        )
        self._run_button = Button(description="Run", button_style="primary")
        self._stop_button = Button(description="Stop")
        self._lanes = LiveLanes(layout={"display": "none"})
        self._status, self._picture, self._table, self._lines = HTML(), HTML(), HTML(), HTML()
        for control in self._choices():
            control.observe(self._choose, names="value")
        self._run_button.on_click(lambda _: self.press_run())
        self._stop_button.on_click(lambda _: self.press_stop())
        self._choose()
        self._say("Choose, and press Run.")
        view = VBox(
            [
                HTML(STYLE, layout={"display": "none"}),
                OwnKeys(),
                HBox(self._choices(), layout=_ROW),
                HBox([self._run_button, self._stop_button]),
                *(self._status, self._lanes, self._picture, self._table, self._lines),
            ]
        )
        view.add_class("manybrains-panel")
        return view

    def _choices(self) -> tuple[Any, ...]:
        return self._strategy, self._workers, self._work, self._size

    def _choose(self, change: dict[str, Any] | None = None) -> None:
        """Take over what is chosen; another kind of work has other sizes."""
        if change is not None and change["owner"] is self._work:
            self._size.options = _options(self._work.value)
            self._size.value = _SIZES[self._work.value]
        strategy, size = self._strategy.value, self._size.value
        if size not in SIZES[self._work.value]:  # its options are being exchanged
            return
        self._workers.disabled = strategy == "serial"
        self.plan = Plan(strategy, self._workers.value, self._work.value, size)
        self._lines.value = lines_html(self.plan)

    def press_run(self) -> None:
        """Do what the button Run does; return at once."""
        running = self._cells.running if self._cells is not None else None
        if running is not None:
            self._say(
                f"The cell `{running}` is running, and would be in the picture too: press Run "
                "again when it has ended."
            )
            return
        if self._trial is not None:
            self._say("It is running already: wait for its end, or press Stop.")
            return
        self._trial = trial = Trial(self.plan, self._show, self._lanes.follow)
        self._say(f"Running: {self.plan}.")
        self._show_lanes(True)
        if self._cells is not None:
            self._cells.accompany(self._tell_of_cell, trial.stop)
        try:
            trial.start()
        except RuntimeError as error:
            self._trial = None
            self._leave_cells()
            self._show_lanes(False)
            self._say(f"Not started, because {error}.")

    def press_stop(self) -> None:
        """Do what the button Stop does; return at once."""
        if (trial := self._trial) is None:
            self._say("Nothing is running here.")
        else:
            self._say("Stopping.")
            trial.stop()

    def _show(self, trial: Trial) -> None:
        """Show what came out; a thread of the trial calls this."""
        try:
            self._leave_cells()
            run = trial.run
            if run is not None and run.finished:
                self._finished.append((trial.plan, run))
                self._table.value = table_html(self._finished)
            self._say(trial.problem or f"{run!r}.")
            self._between_cells(lambda: self._draw(trial))
        finally:
            self._trial = None

    def _draw(self, trial: Trial) -> None:
        try:
            self._picture.value = picture_html(trial.run) if trial.run is not None else ""
        except Exception as error:  # whatever it is, it becomes a sentence
            self._picture.value = ""
            self._say(f"There is no picture: {type(error).__name__}, {error}.")
        self._show_lanes(self._trial not in (None, trial))  # the next one may have begun

    def _show_lanes(self, growing: bool) -> None:
        """Show the lanes that grow, or the picture of what was."""
        self._lanes.layout.display = "" if growing else "none"
        self._picture.layout.display = "none" if growing else ""

    def _say(self, text: str) -> None:
        self._status.value = f'<div role="status">{html.escape(text)}</div>'

    def _tell_of_cell(self) -> None:
        self._say(
            f"Running: {self.plan}. A cell runs as well, and is in the picture too. If Stop does "
            "not answer now, interrupt the kernel: that ends both."
        )

    def _leave_cells(self) -> None:
        if self._cells is not None:
            self._cells.leave()

    def _between_cells(self, do: Any) -> None:
        """Call it where no cell draws at the same moment: Matplotlib's settings are shared."""
        if self._cells is not None:
            self._cells.call_between(do)
        else:
            do()


_ROW = {"flex_flow": "row wrap"}


def _options(work: str) -> list[tuple[str, float]]:
    return [(size_in_words(work, size), size) for size in SIZES[work]]
