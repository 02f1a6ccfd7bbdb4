"""Runs the benchmarks and writes one report of all: `make bench`, `make bench ARGS=--quick`.

    python benchmarks/run.py                       everything: about two hours (nobody_left: one)
    python benchmarks/run.py --quick               a look at everything: about five minutes
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
    "accuracy",
    "scale",
    "peers",
    "ceiling",
    "startup",
    "course",
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
    names = arguments.names or BENCHMARKS
    failed = [name for name in names if not _runs(name, options)]
    reports = [(arguments.results / f"{name}.md") for name in names if name not in failed]
    together = arguments.results / "report.md"
    text = "\n".join(report.read_text(encoding="utf-8") for report in reports)
    together.write_text(f"# The lens, measured\n\n{text}", encoding="utf-8")
    print(f"\nall together: {together}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _runs(name: str, options: list[str]) -> bool:
    """Run one benchmark, which prints its report; return whether it ended well."""
    print(f"--- {name}", flush=True)
    began = time.perf_counter()
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *options])
    print(f"--- {name}: {time.perf_counter() - began:.0f} s\n", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
