"""What a visitor reads and types first is true: README, Makefile, set-up, metadata."""

import importlib.util
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import execute_notebooks
import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import manybrains

CHECKOUT = Path(__file__).resolve().parent.parent
BINDER = CHECKOUT / ".binder"
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((CHECKOUT / "environment.yml").read_text(encoding="utf-8"))
NAMED_OTHERWISE = {"matplotlib-base": "matplotlib"}  # conda's, without a toolkit for desktops

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


def make(*arguments: str, cwd: Path = CHECKOUT, **environment: str) -> str:
    """What make prints; nothing of a make that runs these tests reaches it."""
    inherited = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MFLAGS"}}
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def files_of_the_project() -> list[Path]:
    """What git tracks or would; without git, what is there and not hidden."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        found = (p for p in CHECKOUT.rglob("*") if p.is_file())
        return [
            p for p in found if not any(part[0] == "." for part in p.relative_to(CHECKOUT).parts)
        ]
    paths = [CHECKOUT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str:
    """A file's text without the pictures in it; nothing if it is no text."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
    return re.sub(r'"image/[^"]+": "[^"]*"', "", text)


def oldest_versions(requirements: list[str]) -> dict[str, str]:
    named = {
        requirement.name: str(requirement.specifier)
        for requirement in map(Requirement, requirements)
    }
    return {NAMED_OTHERWISE.get(name, name): versions for name, versions in named.items()}


def test_conda_brings_what_pip_would_bring():
    of_conda_alone = ("python=", "pip")
    listed = [line for line in ENVIRONMENT["dependencies"] if not line.startswith(of_conda_alone)]
    of_pip = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["work"]
    assert oldest_versions(of_pip) == oldest_versions(listed)


def test_the_python_of_conda_is_one_that_the_project_supports():
    (python,) = (line for line in ENVIRONMENT["dependencies"] if line.startswith("python="))
    assert Version(python.partition("=")[2]) in SpecifierSet(PROJECT["requires-python"])


def test_the_pythons_of_the_workflow_are_those_that_package_and_readme_name():
    workflow = (CHECKOUT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    tested = yaml.safe_load(workflow)["jobs"]["test"]["strategy"]["matrix"]["python"]
    language = "Programming Language :: Python :: 3."
    named = [each for each in PROJECT["classifiers"] if each.startswith(language)]
    assert [f"{language[:-2]}{version}" for version in tested] == named
    assert f">={tested[0]}" == PROJECT["requires-python"]
    pages = README + (CHECKOUT / "docs" / "what-you-can-rely-on.md").read_text(encoding="utf-8")
    assert 1 <= pages.count(f"with Python {tested[0]} to {tested[-1]}, under")


def test_conda_has_a_python_whose_start_method_is_that_of_new_pythons():
    """The stored pictures show it: from 3.14 on no platform forks unless it is asked to."""
    (python,) = (line for line in ENVIRONMENT["dependencies"] if line.startswith("python="))
    assert Version(python.partition("=")[2]).release >= execute_notebooks.WANTED


def test_conda_asks_one_channel_only():
    assert ["conda-forge"] == ENVIRONMENT["channels"]


def test_all_means_every_extra():
    extras = PROJECT["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert set(extras) - {"all"} == everything.extras


def test_binder_builds_the_course_from_versions_that_are_written_down():
    pinned = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))
    python, _pip, packages = pinned["dependencies"]
    assert ENVIRONMENT["dependencies"][0] == python
    versions = {}
    for line in packages["pip"]:
        requirement = Requirement(line)
        (exactly,) = requirement.specifier
        assert "==" == exactly.operator
        versions[canonicalize_name(requirement.name)] = exactly.version
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["work"]]:
        wanted = Requirement(line)
        assert versions[canonicalize_name(wanted.name)] in wanted.specifier, line
    text = (BINDER / "postBuild").read_text(encoding="utf-8")
    assert "pip install --no-deps" in text


def test_binder_reads_those_files_and_runs_the_last_one():
    """repo2docker says what it would do; nothing is built."""
    if importlib.util.find_spec("repo2docker") is None:
        pytest.skip("jupyter-repo2docker is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(CHECKOUT)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    plan = done.stdout + done.stderr
    assert 0 == done.returncode, plan
    steps = [
        '--file ".binder/environment.yml"',
        "COPY --chown=0:0 src/ ",
        "RUN ./.binder/postBuild",
    ]
    places = [plan.find(step) for step in steps]
    assert -1 not in places, plan
    assert sorted(places) == places


def test_the_citation_names_the_version_of_the_package():
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert manybrains.__version__ == citation["version"]


def test_continuous_integration_is_make_test():
    lines = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "make test" == lines[-1]


def test_the_readme_lists_every_notebook_by_its_number_and_heading():
    expected = []
    for path in sorted((CHECKOUT / "notebooks").glob("*.ipynb")):
        first_line = nbformat.read(path, as_version=4).cells[0].source.partition("\n")[0]
        link = f"notebooks/{path.name}"
        expected.append((path.name.partition("-")[0], link, first_line.removeprefix("# ")))
    rows = re.findall(r"^\| \[(\d\d)\]\((.+?)\) \| (.+?) \|", README, re.MULTILINE)
    assert expected == rows


def test_every_make_command_of_the_readme_exists():
    named = set(re.findall(r"(?:^    |`)(?:[A-Z]+=\S+ )?make ([a-z]+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+)(?=[:a-z -]*:)", MAKEFILE, re.MULTILINE))
    assert set() == named - targets


def test_every_file_the_readme_links_to_exists():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert [] == [link for link in links if not (CHECKOUT / link).exists()]


def test_the_address_of_the_project_stands_in_the_readme_alone():
    placeholder = "/".join(["OWNER", "REPO"])
    told = {"README.md", "Makefile"}  # the Makefile fills it in
    files = [path for path in files_of_the_project() if placeholder in text_of(path)]
    assert set() == {path.relative_to(CHECKOUT).as_posix() for path in files} - told


def test_no_file_names_a_place_on_the_machine_of_its_author():
    homes = r"(?<![\w.~-])/(?:home|root|Users)/\w|\b[A-Z]:\\{1,2}Users\\|/ipykernel_\d"
    mine = "|".join(re.escape(str(place)) for place in (CHECKOUT, Path.home()) if place.name)
    pattern = re.compile(rf"{homes}|(?<![\w.~-])(?:{mine})/")
    found = {
        path.relative_to(CHECKOUT): pattern.findall(text_of(path))
        for path in files_of_the_project()
    }
    assert {} == {path: places for path, places in found.items() if places}


@needs_make
def test_lab_opens_no_browser_where_there_is_no_screen():
    if sys.platform != "linux":
        pytest.skip("macOS always has a screen")
    assert "--no-browser" in make("-n", "lab", DISPLAY="", WAYLAND_DISPLAY="")


@needs_make
def test_lab_opens_a_browser_where_there_is_a_screen():
    assert "--no-browser" not in make("-n", "lab", DISPLAY=":0")


@needs_make
def test_tests_and_notebooks_are_run_as_anybody_would_type_it():
    command = make("-n", "test").partition("-m pytest ")[2].split()
    assert ["--nbval", "tests", "notebooks"] == [command[0], *command[-2:]]


@needs_make
@pytest.mark.parametrize("target", ["test", "check"])
def test_a_file_of_tests_is_not_torn_apart_where_two_run_side_by_side(target):
    """Its tests share a kernel, and the cells of a notebook one after the other do."""
    assert "-n 3 --dist loadscope" in make("-n", target)


@needs_make
def test_a_check_leaves_out_what_is_slow_and_every_start_method_but_one():
    printed = make("-n", "check")
    assert "MANYBRAINS_START_METHODS=default " in printed
    assert '-m "not slow" tests' in printed


@pytest.mark.parametrize(
    ("asked_for", "expected"),
    [
        ("", multiprocessing.get_all_start_methods()),
        ("default", multiprocessing.get_all_start_methods()[:1]),
        ("spawn", ["spawn"]),
    ],
)
def test_the_start_methods_of_the_tests_can_be_chosen(asked_for, expected):
    found = subprocess.run(
        [sys.executable, "-c", "import conftest; print(*conftest.START_METHODS)"],
        cwd=CHECKOUT / "tests",
        env=os.environ | {"MANYBRAINS_START_METHODS": asked_for},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert expected == found.stdout.split(), found.stderr


@needs_make
def test_a_python_that_is_not_there_is_named_with_a_remedy():
    printed = make("lab", PYTHON="python9.99")
    assert "There is no python9.99 on PATH: install Python 3.11 or newer" in printed


@needs_make
def test_one_command_fills_in_the_address_of_the_project(tmp_path):
    for name in ("README.md", "Makefile"):
        shutil.copy(CHECKOUT / name, tmp_path)
    make("links", "OWNER=ada", "REPO=engine", cwd=tmp_path)
    expected = README.replace("/".join(["OWNER", "REPO"]), "ada/engine")
    assert expected == (tmp_path / "README.md").read_text(encoding="utf-8")
