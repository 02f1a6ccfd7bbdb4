"""What macOS and Windows get is tried on Linux too: a switch makes it take the portable ways.

psutil instead of /proc, no descriptor of a process, no clock of another process, and a watching
thread instead of the kernel's signal.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere they are the ways"),
    pytest.mark.timeout(300),
]
TESTS = Path(__file__).parents[1]
# One of each kind: lanes, ends, exit codes, CPU seconds, pools, threads, programs, deadlines.
CHOSEN = {
    "lens/test_watch.py": "each_process_is_a_lane or exit_code or killed_worker or of_a_pool_are "
    "or of_an_executor or each_thread or program_that_was or at_least_the_cpu or samples_lie",
    "deadlines/test_deadline.py": "stays_empty or ignore_sigterm or hanging_await",
    "lens/test_installation.py": "everything_goes or stays_until",
    "workers/test_cleanup.py": "put_off or known",
}


@pytest.mark.parametrize("file", CHOSEN)
def test_the_portable_ways_do_the_same(file: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / file)]
    environment = {**os.environ, "MANYBRAINS_PORTABLE": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(
        [*command, "-k", CHOSEN[file]], env=environment, capture_output=True, text=True, timeout=280
    )
    assert 0 == done.returncode, done.stdout[-3000:]
    assert " passed" in done.stdout
