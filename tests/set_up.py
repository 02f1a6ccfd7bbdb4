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
    print(f"{what} .venv (Python {wanted['python']}): once, about a minute.", flush=True)
    if renew:
        make_venv()
    STAMP.write_text("{}")
    installed = install(wanted["extras"])
    STAMP.write_text(json.dumps(wanted if installed else made))
    if not installed:
        sys.exit("Set-up failed; the lines above tell why. The next call tries again.")
    print(f"Set up in {time.perf_counter() - began:.0f} s.", flush=True)


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
            "Install a newer one and name it, as in: PYTHON=python3.13 make lab"
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


def install(extras: "list[str]") -> bool:
    """Whether the checkout and what it needs are now installed in `.venv`."""
    package = ".[{}]".format(",".join(extras)) if extras else "."
    if with_uv("pip", "install", "--python", PYTHON, "--editable", package):
        return True
    # Without uv; or uv failed, which knows nothing of pip's settings, such as a mirror's address.
    python = [str(PYTHON), "-m"]
    if subprocess.call([*python, "pip", "--version"], stdout=subprocess.DEVNULL):
        subprocess.check_call([*python, "ensurepip"])
    command = [*python, "pip", "install", "--editable", package]
    return subprocess.call(command, cwd=str(CHECKOUT)) == 0


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
