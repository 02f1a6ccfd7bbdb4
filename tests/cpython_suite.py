"""CPython's own tests of multiprocessing, without our hooks and with them: the same must pass.

    python tests/cpython_suite.py                      # every part, some 20 minutes
    python tests/cpython_suite.py test_multiprocessing_fork test_concurrent_futures

The interpreter needs its `test` package (Debian: libpython3-testsuite).  The hooks come from
a sitecustomize module, so that they are there before the first test; workers that are not
forked get them from their parents, as in a notebook.  What fails with the hooks alone is
tried again, for some of these tests fail or hang by themselves now and then on a busy machine
(Python 3.13.0: test_shutdown_deadlock_pickle, of a race between two threads of an executor).
The exit status is 1 if anything fails with the hooks that passes without.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

TRIES = 3
SUITES = [
    "test_multiprocessing_fork",
    "test_multiprocessing_forkserver",
    "test_multiprocessing_spawn",
    "test_multiprocessing_main_handling",
    "test_concurrent_futures",
]
# By design: there a child is expected to outlive its killed parent, and ours never does.
NOT_OURS = "test_parent_process"
SOURCES = Path(__file__).resolve().parent.parent / "src"
# Children of multiprocessing are not main processes: they get the hooks from their parents.
HOOKED = f"""
import sys
if not any(word.startswith("from multiprocessing") for word in sys.orig_argv):
    sys.path.append({str(SOURCES)!r})
    from manybrains.lens import installation
    installation.install()
"""


def main() -> int:
    """Run the suites twice and tell what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", default=SUITES)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain = outcomes(options.python, options.suites, Path(folder), False)
        hooked = outcomes(options.python, options.suites, Path(folder), True)
        worse = new_failures(plain, hooked)
        for _ in range(TRIES):
            if worse:
                print("once more:", *sorted(worse), sep="\n  ")
                again = outcomes(options.python, options.suites, Path(folder), True, worse)
                worse = new_failures({test: plain.get(test, "") for test in worse}, again)
    for title, results in (("without hooks", plain), ("with hooks", hooked)):
        counts = {word: list(results.values()).count(word) for word in sorted({*results.values()})}
        print(f"{title}: {counts}")
    print("fail with the hooks alone:", *(sorted(worse) or ["none"]), sep="\n  ")
    return 1 if worse or not plain else 0


def new_failures(plain: dict[str, str], hooked: dict[str, str]) -> set[str]:
    """Return the tests that passed (or were skipped) without hooks and do not with them."""
    return {
        test
        for test in plain.keys() | hooked.keys()
        if plain.get(test) != "failed" and hooked.get(test) not in ("passed", plain.get(test))
    }


def outcomes(
    python: str,
    suites: list[str],
    folder: Path,
    hooks: bool,
    only: Iterable[str] = (),
) -> dict[str, str]:
    """Run the suites in a Python of their own; return passed, skipped or failed by test."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    (folder / "sitecustomize.py").write_text(HOOKED if hooks else "", encoding="utf-8")
    # One worker (-j1), so that a suite that hangs is ended and the others still run.
    command = [python, "-m", "test", "-j1", "--timeout=300", f"--ignore={NOT_OURS}"]
    command += [f"--junit-xml={report}", *suites]
    if only:
        chosen = folder / "chosen"
        chosen.write_text("\n".join(sorted(only)), encoding="utf-8")
        command.insert(-len(suites), f"--matchfile={chosen}")
    print("with hooks:" if hooks else "without hooks:", *command, flush=True)
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(folder)})
    return read(report)


def read(report: Path) -> dict[str, str]:
    """Return the outcome of each test in a JUnit report; of doubled names, the worst."""
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        tags = {child.tag for child in case}
        outcome = "skipped" if "skipped" in tags else "passed"
        if tags & {"failure", "error"} or case.get("result") != "completed":
            outcome = "failed"
        name = case.get("name", "")
        if found.get(name) != "failed":
            found[name] = outcome
    return found


if __name__ == "__main__":
    sys.exit(main())
