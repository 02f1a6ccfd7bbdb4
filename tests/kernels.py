"""Real kernels for the tests: cells go in, what a reader would see comes out."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

__all__ = [
    "TRIALS",
    "FrontEnd",
    "Kernel",
    "Shown",
    "bare_kernel",
    "front_end",
    "kernel",
    "start_kernel",
]

# How often each fault is tried; a release is tried 100 times.
TRIALS = int(os.environ.get("MANYBRAINS_TRIALS", "1"))
# A kernel with a pool does not end when it is asked to, not even a bare one: the pool's threads
# keep it.  Half of this time later it is told to by a signal.
SHUT_DOWN_SECONDS = 1


@dataclass(frozen=True)
class Shown:
    """The outputs of one cell."""

    outputs: list[Any]

    def stream(self, name: str) -> str:
        return "".join(o.text for o in self.outputs if o.get("name") == name)

    @property
    def stdout(self) -> str:
        return self.stream("stdout")

    @property
    def stderr(self) -> str:
        return self.stream("stderr")

    @property
    def text(self) -> str:
        """The plain text of the cell's value, and of what it displayed."""
        return "\n".join(o.data["text/plain"] for o in self.outputs if "data" in o)

    @property
    def pictures(self) -> int:
        return sum("image/png" in o.get("data", {}) for o in self.outputs)

    @property
    def error(self) -> str:
        """Name and message of the cell's exception, or an empty string."""
        return "".join(f"{o.ename}: {o.evalue}" for o in self.outputs if "ename" in o)


class Kernel:
    """A running kernel; `run` executes one cell."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client

    def run(self, source: str) -> Shown:
        cell = nbformat.v4.new_code_cell(source)
        self.client.nb.cells.append(cell)
        with contextlib.suppress(CellExecutionError):
            self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        return Shown(cell.outputs)

    @property
    def pid(self) -> int:
        return int(self.client.km.provisioner.pid)


def start_kernel(**how: Any) -> tuple[KernelManager, Any]:
    """Start a kernel that the caller ends; return its manager and a client to which it answers.

    It is started again if another kernel has taken the port that was found to be free for it.
    """
    for _ in range(3):
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(**how)
        client = manager.client()
        client.start_channels()
        until = time.monotonic() + 60
        while manager.is_alive() and time.monotonic() < until:
            with contextlib.suppress(RuntimeError):  # it does not answer yet
                client.wait_for_ready(timeout=5)
                return manager, client
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    raise RuntimeError("no kernel answers")


@contextlib.contextmanager
def bare_kernel(
    seconds: int = 60, env: Mapping[str, str] | None = None, wrapper: Sequence[str] = ()
) -> Iterator[Kernel]:
    """Run a kernel without the extension; `wrapper` is a command that runs its command."""
    with contextlib.ExitStack() as stack:
        for tries_left in (2, 1, 0):
            client = NotebookClient(
                nbformat.v4.new_notebook(), timeout=seconds, kernel_name="python3"
            )
            manager = client.create_kernel_manager()
            manager.shutdown_wait_time = SHUT_DOWN_SECONDS
            spec = manager.kernel_spec
            assert spec is not None
            spec.argv = [*wrapper, sys.executable, *spec.argv[1:]]
            try:
                stack.enter_context(client.setup_kernel(env={**os.environ, **(env or {})}))
                break
            except RuntimeError as error:  # somebody else took the port that was found for it
                if not tries_left or "died before replying" not in str(error):
                    raise
        yield Kernel(client)


@contextlib.contextmanager
def kernel(
    start_method: str | None = None,
    seconds: int = 60,
    env: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
) -> Iterator[Kernel]:
    """Run a kernel with the extension loaded and this start method set."""
    with bare_kernel(seconds, env, wrapper) as one:
        set_up = "%load_ext manybrains\n"
        if start_method is not None:
            set_up += "import multiprocessing\n"
            set_up += f"multiprocessing.set_start_method({start_method!r}, force=True)\n"
        shown = one.run(set_up)
        assert "" == shown.error
        yield one


class FrontEnd:
    """A client that runs cells as JupyterLab does: it names each one, and a person reads."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, source: str, seconds: float = 60, **metadata: Any) -> list[dict[str, Any]]:
        """What the kernel sends while it runs a cell: messages that name it, in their order."""
        content = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        request = self._client.session.msg("execute_request", content)
        request["metadata"] = metadata or {"cellId": "slug"}
        self._client.shell_channel.send(request)
        until, messages = time.monotonic() + seconds, list[dict[str, Any]]()
        while True:
            left = max(0.0, until - time.monotonic())
            message = self._client.get_iopub_msg(timeout=left)
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            messages.append(message)
            if message["content"].get("execution_state") == "idle":
                return messages


@contextlib.contextmanager
def front_end(env: Mapping[str, str] | None = None) -> Iterator[FrontEnd]:
    """Run a kernel, as JupyterLab does."""
    manager, client = start_kernel(env={**os.environ, **(env or {})})
    try:
        yield FrontEnd(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
