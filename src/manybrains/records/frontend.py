"""Whether this process is a notebook's kernel, and whether a person reads along."""

import os
import sys

__all__ = ["HEADLESS", "in_notebook", "is_headless"]

HEADLESS = "MANYBRAINS_HEADLESS"  # set in the environment when notebooks run for their outputs


def in_notebook() -> bool:
    """Tell whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")  # a kernel has always imported it
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def is_headless() -> bool:
    """Tell whether the notebook runs without a reader."""
    return bool(os.environ.get(HEADLESS))
