"""Where we are: in a notebook or not, and with a reader before it or without."""

import os
import sys

__all__ = ["HEADLESS", "in_notebook", "is_headless"]

HEADLESS = "MANYBRAINS_HEADLESS"  # set where notebooks are run for their stored outputs


def in_notebook() -> bool:
    """Tell whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")  # without it there is no kernel
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def is_headless() -> bool:
    """Tell whether the notebook runs without a reader."""
    return bool(os.environ.get(HEADLESS))
