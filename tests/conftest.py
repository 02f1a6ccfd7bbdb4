"""What every test file shares: each start method in turn, and nobody left behind."""

import multiprocessing
import time
from collections.abc import Iterator

import psutil
import pytest

# macOS and Windows have fewer; the tests run under every one that the platform has.
MACHINERY = ("resource_tracker", "forkserver", "manybrains.lens.sampler_process")
START_METHODS = multiprocessing.get_all_start_methods()


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
