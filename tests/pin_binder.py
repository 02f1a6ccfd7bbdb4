"""Writes what Binder installs: every package that the course needs, at the version that is here.

    make pins

Binder builds the course anew for each change, and next year too: names and versions are all
written down, those of the packages that packages need as well.
"""

import importlib.metadata
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
TARGET = CHECKOUT / ".binder" / "environment.yml"
WANTED = (3, 14)  # Binder's Python, that of the stored outputs
HEAD = """\
# What Binder installs, exactly; `make pins` writes it anew, with Python {python}.
name: manybrains
channels:
  - conda-forge
dependencies:
  - python={python}
  - pip
  - pip:
"""


def main() -> None:
    """Afterwards `.binder/environment.yml` names what this Python has.

    Raises:
        SystemExit: on another Python than Binder's, or if a package is not installed.
    """
    if sys.version_info[:2] != WANTED:
        sys.exit("Binder's Python is {0}.{1}: PYTHON=python{0}.{1} make pins".format(*WANTED))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["work"]]
    try:
        versions = everything_for(wanted)
    except importlib.metadata.PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed here: make lab brings it")
    lines = [f"      - {name}=={version}\n" for name, version in sorted(versions.items())]
    head = HEAD.format(python=".".join(map(str, WANTED)))
    TARGET.write_text(head + "".join(lines), encoding="utf-8")
    print(f"{TARGET.relative_to(CHECKOUT)}: {len(lines)} packages")


def everything_for(wanted: Iterable[str]) -> dict[str, str]:
    """The version here of these packages, and of all that they need on this system."""
    found: dict[str, str] = {}
    todo, seen = [Requirement(line) for line in wanted], set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if (name, *requirement.extras) in seen:
            continue
        seen.add((name, *requirement.extras))
        package = importlib.metadata.distribution(name)
        found[name] = package.version
        for line in package.requires or ():
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                todo.append(needed)
    return found


if __name__ == "__main__":
    main()
