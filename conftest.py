"""What holds for tests and notebooks alike, whatever is typed after `pytest`."""

import os
from pathlib import Path

import pytest

SANITISER = Path(__file__).with_name("tests") / "nbval_sanitize.cfg"

# Cells are executed as on a reader's machine, but nobody is there to click.
os.environ.setdefault("MANYBRAINS_HEADLESS", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Afterwards nbval compares stored text without its figures; a file that was named wins."""
    if config.pluginmanager.hasplugin("nbval") and config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(SANITISER)
