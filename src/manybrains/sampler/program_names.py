"""The name of a program: what it runs, because most programs are called "python".

Pure: the words of a command line in, a name out.  The sampler imports this: it is light.
"""

from itertools import pairwise

from ..workers.stdlib_internals import HELPER_COMMANDS

__all__ = ["helper_name", "program_name"]

_INTERPRETERS = ("python", "pypy", "bash", "sh", "zsh", "dash", "perl", "ruby", "node")
_SUFFIXES = "0123456789.tdw"  # of an interpreter's name: python3.14t, pythonw
_VALUED = ("-W", "-X", "--check-hash-based-pycs")  # the next word belongs to the option
_NAMED = "--process-name"  # the next word is a name: workers of loky have one
_HELPERS = (
    *HELPER_COMMANDS,
    ("manybrains.sampler.process", "sampler"),
)


def program_name(words: "list[str]") -> str:
    """Return a short name for a command line: ``"fit.py"`` for ``python -u work/fit.py 3``."""
    if _NAMED in words[:-1]:
        return words[words.index(_NAMED) + 1]
    first = " ".join(words[:1]).split()
    program = _last_part(first[0]) if first else ""
    if program == "env":
        rest = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        return program_name(rest) if rest else program
    if _is_interpreter(program):
        return _what_it_runs(program, words[1:])
    return program or "program"


def _is_interpreter(program: str) -> bool:
    name = program.removesuffix(".exe")
    return name in _INTERPRETERS or name.rstrip(_SUFFIXES) in _INTERPRETERS


def _what_it_runs(program: str, words: "list[str]") -> str:
    """Return the script or module of an interpreter's command line."""
    is_value = False
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word == "-m":
            return following or program
        is_short = word.startswith("-") and not word.startswith(("--", "-W", "-X"))
        if is_short and word.endswith(("c", "e")) and following:  # the next word is code
            return f"{program} {word}"
        if not word.startswith("-") and not is_value:
            return _last_part(word) or program
        is_value = word in _VALUED
    return program


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def helper_name(words: "list[str]") -> str:
    """Return the name of a helper of multiprocessing or the lens; "" for other processes.

    Each is started by code that imports the main function of its module.
    """
    code = next((following for word, following in pairwise(words) if word == "-c"), "")
    if "import main" not in code:
        return ""
    return next((name for mark, name in _HELPERS if mark in code), "")
