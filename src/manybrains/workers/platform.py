"""Which means of the system are used: those of Linux, or those that work everywhere.

Workers and the sampler import this: it is light.
"""

import os
import sys

__all__ = ["LINUX", "PORTABLE"]

# A switch for tests: Linux then uses the means of macOS and Windows (psutil, not /proc; no
# pidfd, no clock of another process, a watching thread instead of the kernel's signal).
PORTABLE = "MANYBRAINS_PORTABLE"
LINUX = sys.platform.startswith("linux") and not os.environ.get(PORTABLE)
