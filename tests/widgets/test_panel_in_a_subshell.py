"""The panel while a cell runs: JupyterLab sends what is pressed to a subshell of the kernel."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from kernels import start_kernel

SET_UP = """
%load_ext manybrains
import time
from manybrains import panel
from manybrains.notebook import ipython_internals
from manybrains.widgets.plan import Plan

ipython_internals.reads_when_the_cell_is_over = lambda request: True  # as in a browser

def wait(seconds=30):
    until = time.monotonic() + seconds
    while one._trial is not None and time.monotonic() < until:
        time.sleep(0.01)

one = panel("serial", size=10_000)
one
"""
TIMEOUT = 60


class Front:
    """A front end that can press buttons while a cell runs."""

    def __init__(self, client: Any, subshell: str) -> None:
        self.client = client
        self.subshell = subshell
        self.run(SET_UP)
        told = self.run("print(one._run_button.model_id, one._stop_button.model_id)")
        self._ids = dict(zip(("Run", "Stop"), told.split(), strict=True))

    def run(self, source: str) -> str:
        """Run a cell to its end; return what it prints."""
        printed: list[str] = []

        def note(message: dict[str, Any]) -> None:
            printed.append(message["content"].get("text", ""))

        reply = self.client.execute_interactive(source, timeout=TIMEOUT, output_hook=note)
        assert "ok" == reply["content"]["status"], reply["content"]
        return "".join(printed)

    def begin(self, source: str) -> None:
        """Run a cell that first prints something; return when it has."""
        self.client.execute(source)
        while self.client.get_iopub_msg(timeout=TIMEOUT)["msg_type"] != "stream":
            pass

    def press(self, button: str, in_subshell: bool = True) -> None:
        content = {
            "comm_id": self._ids[button],
            "data": {"method": "custom", "content": {"event": "click"}},
        }
        message = self.client.session.msg("comm_msg", content)
        if in_subshell:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    manager, client = start_kernel(env={**os.environ, "MANYBRAINS_HEADLESS": ""})
    try:
        features = client.kernel_info(reply=True, timeout=TIMEOUT)["content"]
        if "kernel subshells" not in features.get("supported_features", ()):
            pytest.skip("this ipykernel has no subshells")
        client.control_channel.send(client.session.msg("create_subshell_request"))
        reply = client.control_channel.get_msg(timeout=TIMEOUT)
        yield Front(client, reply["content"]["subshell_id"])
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_stop_works_while_a_cell_runs(front: Front) -> None:
    front.run("one.plan = Plan('processes', 2, 'computing', 10**12)")
    front.press("Run", in_subshell=False)  # before the next cell
    front.run("while len(one._trial._workers) < 2: time.sleep(0.01)")
    front.begin("print('begun'); wait(); was_over = one._trial is None")
    front.press("Stop")
    told = front.run("print(was_over, one._status.value)")
    assert "True" in told
    assert "No worker is left." in told


def test_run_while_a_cell_runs_says_which(front: Front) -> None:
    front.begin(
        "print('begun')  # a long cell\nuntil = time.monotonic() + 30\n"
        "while 'is running' not in one._status.value and time.monotonic() < until:\n"
        "    time.sleep(0.01)"
    )
    front.press("Run")
    told = front.run("print(one._status.value, one._trial)")
    assert "The cell `print(&#x27;begun&#x27;)  # a long cell` is running" in told
    assert "None" in told
