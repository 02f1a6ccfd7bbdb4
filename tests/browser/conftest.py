"""One browser and one JupyterLab for the tests of a file."""

from collections.abc import Iterator
from typing import Any

import pytest
from chromium import chromium
from lab import Lab, server


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser without a window."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab with a copy of the course."""
    with server(browser, tmp_path_factory.mktemp("lab")) as running:
        yield running
