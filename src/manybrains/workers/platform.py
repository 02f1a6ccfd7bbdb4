"""Which ways of this system are used: Linux's own, or those that work everywhere.

Workers and the sampler import this: it is light.
"""

import os
import sys

__all__ = ["LINUX", "PORTABLE"]

# A switch for tests: Linux then takes the ways of macOS and Windows (psutil instead of /proc, no
# pidfd, no clock of another process, a watching thread instead of the kernel's signal).
PORTABLE = "MANYBRAINS_PORTABLE"
LINUX = sys.platform.startswith("linux") and not os.environ.get(PORTABLE)
