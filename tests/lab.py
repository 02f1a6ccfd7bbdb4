"""JupyterLab as its reader has it: a server on this machine, and a page of it in a browser."""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
from conftest import MACHINERY

__all__ = ["Lab", "Page", "is_shown", "server", "workers_of"]

CHECKOUT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
# No news, no questions, no saving; every cell is in the page, also those that are scrolled away.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
# JupyterLab calls the kernel idle before there is one, and what is run then is lost.
KERNEL_IS_READY = """async () => {
    const session = window.jupyterapp?.shell.currentWidget?.context?.sessionContext;
    if (!session) return false;
    await session.ready;
    const kernel = session.session?.kernel;
    if (!kernel) return false;
    await kernel.info;
    return kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
# Of each output: what the notebook holds, and whether the page shows it.
OUTPUTS = """(panel) => {
    const model = window.jupyterapp.shell.currentWidget.content.model.toJSON();
    const cells = [...document.querySelectorAll(panel + ' .jp-Notebook .jp-Cell')];
    const part = ':scope > .jp-Cell-outputWrapper > .jp-Cell-outputArea > .jp-OutputArea-child';
    return model.cells.flatMap((cell, number) => {
        if (cell.cell_type !== 'code') return [];
        const shown = [...cells[number].querySelectorAll(part)];
        return cell.outputs.map((output, place) => {
            const element = shown[place], data = output.data || {};
            const image = element?.querySelector('img');
            return {
                cell: cell.id,
                error: output.output_type === 'error' ? output.ename + ': ' + output.evalue : '',
                expected: (cell.metadata.tags || []).includes('raises-exception'),
                is_picture: Object.keys(data).some((kind) => kind.startsWith('image/')),
                width: image ? image.naturalWidth : 0,
                described: Object.values(output.metadata || {}).some((each) => each.alt),
                is_widget: 'application/vnd.jupyter.widget-view+json' in data,
                has_widget: !!element?.querySelector('.jupyter-widgets, button, svg'),
                text: element ? element.innerText : '',
            };
        });
    });
}"""
STATE = """(panel) => ({
    prompts: [...document.querySelectorAll(panel + ' .jp-Notebook .jp-CodeCell')]
        .filter((cell) => cell.querySelector('.cm-content')?.textContent.trim())
        .map((cell) => cell.querySelector('.jp-InputPrompt')?.textContent.trim()),
    kernel: window.jupyterapp.shell.currentWidget.context.sessionContext.session?.kernel?.status,
})"""
BROKEN_WIDGET = (
    "Loading widget",
    "Error displaying",
    "Error creating",
    "Error rendering",
    "not found",
)


@dataclass(frozen=True)
class Output:
    """One output of a cell, as the notebook holds it and as the page shows it."""

    cell: str
    error: str
    expected: bool
    is_picture: bool
    width: int
    described: bool
    is_widget: bool
    has_widget: bool
    text: str


class Page:
    """A notebook that is open in JupyterLab; `page` is the page of Playwright."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def click_menu(self, menu: str, command: str) -> None:
        """Choose a command, by its name in JupyterLab, from a menu."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(f'.lm-Menu-item[data-command="{command}"]').click()

    def cell(self, cell_id: str) -> Any:
        """The cell of this name."""
        order = "(name) => window.jupyterapp.shell.currentWidget.content.widgets.findIndex("
        index = self.page.evaluate(order + "(cell) => cell.model.id === name)", cell_id)
        if index < 0:
            raise LookupError(f"there is no cell {cell_id!r}")
        return self.page.locator(PANEL + " .jp-Notebook .jp-Cell").nth(index)

    def select(self, cell_id: str) -> None:
        """Make it the active cell, as a click on its prompt does."""
        self.cell(cell_id)
        self.page.evaluate(
            "(name) => { const notebook = window.jupyterapp.shell.currentWidget.content;"
            " notebook.activeCellIndex ="
            " notebook.widgets.findIndex((cell) => cell.model.id === name); }",
            cell_id,
        )

    def run_all(self, deadline: float) -> None:
        """Run every cell, and wait until the kernel has nothing more to do.

        Raises:
            TimeoutError: if it takes longer than so many seconds.
        """
        self.click_menu("Edit", "editmenu:clear-all")  # stored prompts look like finished ones
        self.click_menu("Run", "runmenu:run-all")
        self.wait_until_idle(deadline)

    def run_above(self, cell_id: str, deadline: float) -> None:
        """Run every cell above that one; see `run_all`."""
        self.click_menu("Edit", "editmenu:clear-all")
        self.select(cell_id)
        self.click_menu("Run", "notebook:run-all-above")
        self.wait_until_idle(deadline, everything=False)

    def run_from(self, cell_id: str, deadline: float) -> None:
        """Run that cell and every cell below; see `run_all`."""
        self.select(cell_id)
        self.click_menu("Run", "notebook:run-all-below")
        self.wait_until_idle(deadline, everything=False)

    def wait_until_idle(self, deadline: float, everything: bool = True) -> None:
        """Wait until the kernel is idle, no cell waits for it, and, if asked, every cell has run.

        Raises:
            TimeoutError: if it takes longer than so many seconds.
        """
        until, idle, state = time.monotonic() + deadline, 0, {}
        while idle < 3:  # once may be the moment between two cells
            if time.monotonic() > until:
                raise TimeoutError(f"not idle after {deadline} s: {state}")
            self.page.wait_for_timeout(200)
            state = self.page.evaluate(STATE, PANEL)
            prompts = [re.fullmatch(r"\[(.*)\]:?", prompt or "[*]") for prompt in state["prompts"]]
            waits = [found is None or found[1] == "*" for found in prompts]
            never = [found is not None and not found[1].strip() for found in prompts]
            ready = state["kernel"] == "idle" and not any(waits)
            idle = idle + 1 if ready and not (everything and any(never)) else 0

    def wait_for(self, condition: Callable[[], object], what: str, deadline: float = 30) -> None:
        """Wait until the condition is true.

        Raises:
            TimeoutError: if it takes longer than so many seconds; the message says for what.
        """
        until = time.monotonic() + deadline
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError(f"not within {deadline} s: {what}")
            self.page.wait_for_timeout(100)

    def outputs(self, deadline: float = 20) -> list[Output]:
        """Every output; a widget gets so many seconds to appear."""
        until = time.monotonic() + deadline
        while True:
            found = [Output(**each) for each in self.page.evaluate(OUTPUTS, PANEL)]
            if all(is_shown(each) for each in found) or time.monotonic() > until:
                return found
            self.page.wait_for_timeout(200)

    def text_of(self, cell_id: str) -> str:
        """All that the cell shows."""
        return "\n".join(each.text for each in self.outputs() if each.cell == cell_id)

    def photograph(self, path: Path) -> None:
        """Store a picture of the whole notebook."""
        path.parent.mkdir(exist_ok=True)
        scroller = self.page.locator(PANEL + " .jp-WindowedPanel-outer")
        height = scroller.evaluate("(element) => element.scrollHeight")
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": before["width"], "height": height + 200})
        scroller.evaluate("(element) => element.scrollTo(0, 0)")
        self.page.wait_for_timeout(300)  # it lays the page out anew
        scroller.screenshot(path=path, animations="disabled")
        self.page.set_viewport_size(before)


def is_shown(output: Output) -> bool:
    """Whether the page shows what the notebook holds."""
    if output.is_picture:
        return output.width > 0
    if output.is_widget:
        return output.has_widget and not any(word in output.text for word in BROKEN_WIDGET)
    return True


def workers_of(kernel: psutil.Process) -> list[str]:
    """The command lines of a kernel's workers.

    A worker of the fork server has the command line of that, and is its child; the helpers are
    children of the kernel.
    """
    found = []
    for each in kernel.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            line = " ".join(each.cmdline())
            if each.ppid() != kernel.pid or not any(helper in line for helper in MACHINERY):
                found.append(line)
    return found


@dataclass(frozen=True)
class Lab:
    """A server whose root has the course in `notebooks`."""

    browser: Any
    address: str
    token: str
    root: Path

    @contextlib.contextmanager
    def open(self, notebook: str, **how: Any) -> Iterator[Page]:
        """Open that file of the root; its kernel is ready, and ends with the block.

        Args:
            notebook: path in the root.
            how: what Playwright's `new_context` takes, such as a colour scheme.
        """
        context = self.browser.new_context(viewport={"width": 1280, "height": 1400}, **how)
        page = context.new_page()
        page.set_default_timeout(START_SECONDS * 1000)
        path = f"lab/tree/{notebook}?reset&token={self.token}"
        try:
            page.goto(self.address + path, wait_until="domcontentloaded")
            page.wait_for_selector("#jupyterlab-splash", state="detached")
            page.wait_for_selector(PANEL + " .jp-Notebook .jp-Cell")
            page.wait_for_function(KERNEL_IS_READY)
            yield Page(page)
        finally:
            context.close()
            self.end_kernels()

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook of these code cells, named cell-0, cell-1 ...; return its path."""
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        for number, source in enumerate(cells):
            notebook.cells.append(nbformat.v4.new_code_cell(source, id=f"cell-{number}"))
        nbformat.write(notebook, self.root / f"{name}.ipynb")
        return f"{name}.ipynb"

    def end_kernels(self) -> None:
        """End every kernel that is still there."""
        for kernel in self.ask("api/kernels"):
            with contextlib.suppress(OSError):  # it has ended by itself
                self.ask(f"api/kernels/{kernel['id']}", method="DELETE")

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the server answers."""
        return ask(self.address + path, self.token, method)


def ask(address: str, token: str, method: str = "GET") -> Any:
    """What a server answers, as plain data."""
    headers = {"Authorization": f"token {token}"}
    request = urllib.request.Request(address, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise


@contextlib.contextmanager
def server(browser: Any, folder: Path) -> Iterator[Lab]:
    """A JupyterLab with a copy of the course, with all its state below `folder`.

    Raises:
        RuntimeError: if it does not start; the message has its log.
    """
    root, token = folder / "course", secrets.token_hex(16)
    shutil.copytree(CHECKOUT / "notebooks", root / "notebooks")
    environment = surroundings(folder)
    log = folder / "lab.log"
    with log.open("w") as lines:
        process = subprocess.Popen(
            command(root, token), env=environment, stdout=lines, stderr=lines, cwd=root
        )
    try:
        address = address_of(process, folder / "runtime", token)
        if address is None:
            raise RuntimeError(f"JupyterLab has not started:\n{log.read_text()[-3000:]}")
        yield Lab(browser, address, token, root)
    finally:
        process.terminate()  # it ends its kernels first
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a JupyterLab that knows of no other; its settings are written."""
    for plugin, body in SETTINGS.items():
        file = folder / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(body), encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if key != "MANYBRAINS_HEADLESS"}
    return kept | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def command(root: Path, token: str) -> list[str]:
    """What starts JupyterLab."""
    line = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line.append("--allow-root")
    return [
        *line,
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",  # gives the page `window.jupyterapp`
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


def address_of(process: "subprocess.Popen[Any]", runtime: Path, token: str) -> str | None:
    """Where the server answers; None if it has ended, or says nothing for a minute."""
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        for file in runtime.glob("jpserver-*.json"):  # it names the port that the system gave
            with contextlib.suppress(OSError, ValueError, KeyError):
                address = f"http://127.0.0.1:{json.loads(file.read_text())['port']}/"
                ask(address + "api/status", token)
                return address
        time.sleep(0.1)
    return None
