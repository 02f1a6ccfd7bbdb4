"""The panel in a real kernel: its buttons are pressed by messages, as a browser does it."""

import ast
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import START_METHODS
from kernels import Kernel, kernel

from manybrains.widgets.panel import NO_WIDGET
from manybrains.widgets.plan import STRATEGIES, Plan

PLENTY = 60  # seconds
READER = {"MANYBRAINS_HEADLESS": ""}  # somebody is there to press buttons
SHOW = """
from manybrains import panel
from manybrains.notebook import ipython_internals
import time

ipython_internals.reads_when_the_cell_is_over = lambda request: True  # as in a browser

def wait(seconds=30):
    until = time.monotonic() + seconds
    while one._trial is not None and time.monotonic() < until:
        time.sleep(0.01)

one = panel("serial", size=10_000)
one
"""
SEEN = """
import json
print(json.dumps([one._status.value, one._picture.value[:4], one._table.value.count("<tr><td>")]))
"""
ALIVE = "[each.name for each in __import__('multiprocessing').active_children()]"


class Page:
    """The front end of a kernel that shows a panel."""

    def __init__(self, one: Kernel) -> None:
        self.kernel = one
        self.shown = one.run(SHOW)
        assert "" == self.shown.error
        self._client = one.client.kc
        told = one.run("print(one._run_button.model_id, one._stop_button.model_id)").stdout
        self._ids = dict(zip(("Run", "Stop"), told.split(), strict=True))

    def press(self, button: str, subshell: str | None = None) -> None:
        """Send the message of a click; do not wait."""
        content = {
            "comm_id": self._ids[button],
            "data": {"method": "custom", "content": {"event": "click"}},
        }
        message = self._client.session.msg("comm_msg", content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)

    def choose(self, **choices: Any) -> None:
        for name, value in choices.items():
            assert "" == self.kernel.run(f"one._{name}.value = {value!r}").error

    def begin(self, plan: Plan) -> None:
        """Press Run for a plan, which the controls may not offer."""
        self.kernel.run(f"from manybrains.widgets.plan import Plan; one.plan = {plan!r}")
        self.press("Run")

    def wait(self) -> tuple[str, str, int]:
        """Wait for the end of the run; return what is said, the picture's first letters, rows."""
        assert "" == self.kernel.run("wait()").error
        status, picture, rows = json.loads(self.kernel.run(SEEN).stdout)
        return re.sub("<.*?>", "", status), picture, rows

    def wait_for_workers(self, number: int) -> None:
        self.kernel.run(
            f"until = time.monotonic() + 30\n"
            f"while len(one._trial._workers) < {number} and time.monotonic() < until:\n"
            f"    time.sleep(0.01)"
        )

    def alive(self) -> str:
        return self.kernel.run(ALIVE).text


@pytest.fixture(scope="module", params=START_METHODS)
def shared(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with kernel(request.param, PLENTY, READER) as one:
        yield one


@pytest.fixture
def page(shared: Kernel) -> Page:
    return Page(shared)


ENDLESS = {"computing": 10**12, "waiting": 3_600}


def test_the_panel_is_shown_with_a_sentence_for_who_cannot_see_it(page: Page) -> None:
    [output] = [each for each in page.shown.outputs if "data" in each]
    assert "application/vnd.jupyter.widget-view+json" in output.data
    assert output.data["text/plain"].startswith("In JupyterLab this cell shows")


def test_who_runs_a_whole_notebook_gets_a_sentence() -> None:
    with kernel(seconds=PLENTY, env=READER) as one:
        shown = one.run("from manybrains import panel\npanel()")
    assert [f"{NO_WIDGET}\n"] == [output.get("text") for output in shown.outputs]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_run_ends_with_a_picture_and_a_line(page: Page, strategy: str) -> None:
    page.choose(strategy=strategy)
    page.press("Run")
    said, picture, rows = page.wait()
    assert re.fullmatch(rf"{strategy}: .* s wall, \d workers?, .* cores in use\.", said)
    assert ("<img", 1) == (picture, rows)


def test_two_runs_stand_side_by_side(page: Page) -> None:
    for strategy in ("threads", "processes"):
        page.choose(strategy=strategy)
        page.press("Run")
        said, _, rows = page.wait()
    assert (True, 2) == (said.startswith("processes: "), rows)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("work", ENDLESS)
def test_stop_leaves_nobody(page: Page, strategy: str, work: str) -> None:
    page.begin(Plan(strategy, 2, work, ENDLESS[work]))
    page.wait_for_workers(0 if strategy == "serial" else 2)
    page.press("Stop")
    said, picture, rows = page.wait()
    assert "No worker is left." in said
    assert ("<img", 0, "[]") == (picture, rows, page.alive())


@pytest.mark.skipif(sys.platform == "win32", reason="kernels are interrupted differently there")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_interrupt_while_no_cell_runs_leaves_nobody(page: Page, strategy: str) -> None:
    page.begin(Plan(strategy, 2, "computing", 10**12))
    page.wait_for_workers(0 if strategy == "serial" else 2)
    interrupt(page)
    said, _, _ = page.wait()
    assert "No worker is left." in said
    assert "[]" == page.alive()


def interrupt(page: Page) -> None:
    """Interrupt the kernel and its workers, as JupyterLab does."""
    time.sleep(0.2)  # a cell's answer comes before the kernel is idle
    os.killpg(page.kernel.pid, signal.SIGINT)


def test_an_interrupted_cell_ends_the_run_as_well(page: Page) -> None:
    page.begin(Plan("processes", 2, "computing", 10**12))
    page.wait_for_workers(2)
    shown = page.kernel.run("raise KeyboardInterrupt")
    assert "KeyboardInterrupt" in shown.error
    assert "No worker is left." in page.wait()[0]


def test_a_cell_can_be_watched_meanwhile(page: Page) -> None:
    page.begin(Plan("processes", 1, "computing", 20_000_000))
    shown = page.kernel.run("%%watch beside\nfrom manybrains import count\ncount(1_000_000)")
    assert ("", 1) == (shown.error, shown.pictures)
    said, _, rows = page.wait()
    assert ("processes: ", 1) == (said[:11], rows)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("work", ["computing", "waiting"])
def test_the_lines_to_type_do_the_same(page: Page, strategy: str, work: str) -> None:
    size = 100_000 if work == "computing" else 0.02
    plan = Plan(strategy, 2, work, size)
    page.begin(plan)
    page.wait()
    shown = page.kernel.run(plan.lines)
    assert ("", 1) == (shown.error, shown.pictures)
    both = page.kernel.run(
        f"ours = one.runs[-1]\n"
        f"[(run.name, run.finished, len(run.workers)) for run in ({strategy}, ours)]"
    )
    typed, pressed = ast.literal_eval(both.text)
    assert typed == pressed


def test_nothing_of_it_is_printed_in_a_cell(page: Page) -> None:
    page.begin(Plan("processes", 2, "computing", 10**12))
    page.wait_for_workers(2)
    page.press("Stop")
    shown = page.kernel.run("wait()\ntime.sleep(0.2)")
    assert ("", "") == (shown.stdout, shown.stderr)
