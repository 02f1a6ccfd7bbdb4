"""Runs the benchmarks and writes one report of all: `make bench`, `make bench ARGS=--quick`.

    python benchmarks/run.py                       everything: hours (nobody_left: half of them)
    python benchmarks/run.py --quick               a look at everything: minutes
    python benchmarks/run.py disturbance scale     those named
    python benchmarks/run.py --methods fork        under one start method

Each writes its tables as Markdown and all its figures as JSON to the folder results, and each
can be run alone.  Figures worth quoting come from a machine that does nothing else meanwhile;
every report says how far that was so.
"""

import argparse
import subprocess
import sys
import time

from report import HERE, add_arguments

BENCHMARKS = (
    "disturbance",
    "live",
    "accuracy",
    "scale",
    "peers",
    "ceiling",
    "startup",
    "course",
    "deadlines",
    "nobody_left",
)


def main() -> None:
    """Run those that are named, one after the other, and join their reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    add_arguments(parser)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: see --help")
    options = ["--results", str(arguments.results), "--methods", *arguments.methods]
    options += ["--quick"] if arguments.quick else []
    options += ["--repeats", str(arguments.repeats)] if arguments.repeats else []
    codes = {name: _run(name, options) for name in arguments.names or BENCHMARKS}
    failed = [f"{name} (exit code {code})" for name, code in codes.items() if code]
    together = arguments.results / "report.md"
    parts = ["# The lens, measured\n"]
    parts += [f"Failed, so not in here: {', '.join(failed)}.\n"] if failed else []
    parts += [
        (arguments.results / f"{name}.md").read_text(encoding="utf-8")
        for name, code in codes.items()
        if not code
    ]
    arguments.results.mkdir(parents=True, exist_ok=True)
    together.write_text("\n".join(parts), encoding="utf-8")
    print(f"\nall together: {together}")
    if failed:
        sys.exit(f"failed, the reason stands above where it ran: {', '.join(failed)}")


def _run(name: str, options: list[str]) -> int:
    """Run one benchmark, which prints its report or its error; return its exit code."""
    print(f"--- {name}", flush=True)
    began = time.perf_counter()
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *options])
    outcome = f"failed with exit code {done.returncode} after " if done.returncode else ""
    print(f"--- {name}: {outcome}{time.perf_counter() - began:.0f} s\n", flush=True)
    return done.returncode


if __name__ == "__main__":
    main()
