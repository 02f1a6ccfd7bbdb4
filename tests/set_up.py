"""Makes `.venv` for the Makefile, and does nothing where it is already as wanted.

    python tests/set_up.py                what the notebooks need
    python tests/set_up.py --extra test   and an extra of pyproject.toml
    python tests/set_up.py --exactly      with this very Python, even if `.venv` has another

It runs before anything is installed and on any Python since 3.6, so that an old
one gets a sentence and not a SyntaxError: standard library only, plain syntax.
"""

import argparse
import hashlib
import importlib.util
import json
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
# What `.venv` was made for.  Empty from the first moment until all is installed,
# so that the next call knows an interrupted set-up and starts it over.
STAMP = VENV / "set-up.json"
OLDEST = (3, 11)
# Not that of an active `.venv`, which may have to go.
BASE_PYTHON = getattr(sys, "_base_executable", sys.executable)
THIS = f"{sys.executable} (Python {platform.python_version()})"
FAILED = """Set-up failed; the lines above tell why. What helps, as a rule:
- no connection, or a time-out: repeat the command; behind a proxy, set HTTPS_PROXY before
- "No matching distribution", or a compiler is missing: take a Python for which the packages are
  built, as in: PYTHON=python3.14 make lab
- "No space left": .venv needs about 900 MB, and pip as much in the temporary folder (TMPDIR)
The next call tries again."""


def main(arguments: "list[str]") -> None:
    """Afterwards `.venv` has the extras that were asked for, now or before."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extra", action="append", default=[])
    parser.add_argument("--exactly", action="store_true")
    options = parser.parse_args(arguments)
    made = what_is_there()
    wanted = what_is_wanted(options, made)
    if made == wanted:
        return
    renew = "python" not in made or made["python"] != wanted["python"]
    if renew:
        refuse_an_old_python()
    began = time.perf_counter()
    what = "Setting up" if renew else "Updating"
    say(f"{what} .venv (Python {wanted['python']}): once, about a minute.")
    if renew:
        say("- making the virtual environment")
        make_venv()
    STAMP.write_text("{}")
    say("- fetching and installing " + what_for(wanted["extras"]))
    installed = install(wanted["extras"])
    STAMP.write_text(json.dumps(wanted if installed else made))
    if not installed:
        sys.exit(FAILED)
    say(f"Set up in {time.perf_counter() - began:.0f} s.")


def what_is_there() -> "dict[str, object]":
    """What `.venv` was made for; without "python" if it was left half-made or cannot be used."""
    made = json.loads(STAMP.read_text() or "{}") if STAMP.exists() else {}
    if not PYTHON.exists() or made.get("checkout", str(CHECKOUT)) != str(CHECKOUT):
        made.pop("python", None)  # its Python is gone, or the checkout has moved
    elif not STAMP.exists():  # made by hand: kept
        ask = "import platform; print(platform.python_version())"
        answer = subprocess.run([str(PYTHON), "-c", ask], stdout=subprocess.PIPE)
        made["python"] = answer.stdout.decode().strip()
    return made


def what_is_wanted(options: argparse.Namespace, made: "dict[str, object]") -> "dict[str, object]":
    """What `.venv` has to be made for: a Python that is there will do, unless one was named."""
    this_python = platform.python_version()
    return {
        "checkout": str(CHECKOUT),
        "extras": sorted({*options.extra, *made.get("extras", [])}),
        "pyproject": hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes()).hexdigest(),
        "python": this_python if options.exactly else made.get("python", this_python),
    }


def refuse_an_old_python() -> None:
    """Ends the program, and says what to do, if the Python that runs this is too old."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Many Brains needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and {THIS} is older.\n"
            "Install a newer one and name it, as in: PYTHON=python3.14 make lab"
        )


def make_venv() -> None:
    """Afterwards `.venv` is a new virtual environment of the Python that runs this."""
    if VENV.exists():
        shutil.rmtree(str(VENV))
    VENV.mkdir()
    STAMP.write_text("{}")
    if with_uv("venv", "--quiet", "--allow-existing", "--seed", "--python", BASE_PYTHON, VENV):
        return
    has_parts = importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")
    if not has_parts or subprocess.call([BASE_PYTHON, "-m", "venv", str(VENV)]):
        shutil.rmtree(str(VENV))
        sys.exit(
            f"{THIS} cannot make a virtual environment: its parts venv or ensurepip are missing.\n"
            "Debian and Ubuntu have them in a package of their own; install it and repeat:\n"
            f"sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv"
            "    (python3-venv for the system's own Python)"
        )


def say(line: str) -> None:
    """The line is on the screen, also where a pipe is read instead."""
    print(line, flush=True)


def what_for(extras: "list[str]") -> str:
    """What is installed, in words."""
    return "what the notebooks need" + "".join(f", and the extra {each}" for each in extras)


def install(extras: "list[str]") -> bool:
    """Whether the checkout and what it needs are now installed in `.venv`."""
    package = ".[{}]".format(",".join(extras)) if extras else "."
    if with_uv("pip", "install", "--python", PYTHON, "--editable", package):
        return True
    # Without uv; or uv failed, which knows nothing of pip's settings, such as a mirror's address.
    python = [str(PYTHON), "-m"]
    if subprocess.call([*python, "pip", "--version"], stdout=subprocess.DEVNULL):
        subprocess.check_call([*python, "ensurepip"])
    return tell_of_pip([*python, "pip", "install", "--editable", package])


def tell_of_pip(command: "list[str]") -> bool:
    """Whether pip did it; meanwhile its hundreds of lines are a few, and all if it fails."""
    lines, packages = [], 0
    with subprocess.Popen(command, cwd=str(CHECKOUT), stdout=subprocess.PIPE) as pip:
        for line in pip.stdout:
            lines.append(line.decode(errors="replace"))
            packages += lines[-1].startswith("Collecting ")
            if lines[-1].startswith("Collecting ") and packages % 20 == 0:
                say(f"  {packages} packages found so far")
            elif lines[-1].startswith("Installing collected packages: ") and packages:
                say(f"  {packages} packages are here: unpacking them")
    if pip.returncode:
        say("".join(lines))
    return pip.returncode == 0


def with_uv(*arguments: object) -> bool:
    """Whether uv is here and did it."""
    uv = shutil.which("uv")
    command = [str(uv), *map(str, arguments)]
    return bool(uv) and subprocess.call(command, cwd=str(CHECKOUT)) == 0


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("Interrupted: the next call starts over.")
