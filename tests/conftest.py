"""What every test file shares: each start method in turn, and nobody left behind."""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

MACHINERY = ("resource_tracker", "forkserver", "manybrains.sampler.process")
# The tests run under every start method that the platform has, its default first; `make check`
# names that alone: MANYBRAINS_START_METHODS=default, or names of methods with spaces between.
EVERY_METHOD = multiprocessing.get_all_start_methods()
ASKED_FOR = os.environ.get("MANYBRAINS_START_METHODS", "").replace("default", EVERY_METHOD[0])
START_METHODS = ASKED_FOR.split() or EVERY_METHOD


@pytest.fixture(params=START_METHODS)
def start_method(request: pytest.FixtureRequest) -> str:
    """The name of each start method of this platform in turn."""
    return str(request.param)


@pytest.fixture
def nobody_left() -> Iterator[None]:
    """Fail if the test leaves a process behind that it started (helpers of a library aside)."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    until = time.monotonic() + 5
    while left := [child for child in _workers() if child.pid not in before]:
        if time.monotonic() > until:
            pytest.fail(f"still there after the test: {left}")
        time.sleep(0.02)


def _workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if not any(helper in command for helper in MACHINERY):
            found.append(child)
    return found


@pytest.fixture
def ax() -> Any:
    """An Axes that pyplot knows nothing of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the figures of a test that makes some."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser without a window."""
    from chromium import chromium

    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A JupyterLab with a copy of the course."""
    from lab import server

    with server(browser, tmp_path_factory.mktemp("lab")) as running:
        yield running
