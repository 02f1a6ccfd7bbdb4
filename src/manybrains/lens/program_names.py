"""The name of a program: what it runs, because most programs are called "python".

Pure: the words of a command line in, a name out.  The sampler imports this: it is light.
"""

from ..workers.stdlib_internals import HELPER_COMMANDS

__all__ = ["helper_name", "program_name"]

_INTERPRETERS = ("python", "pypy", "bash", "sh", "zsh", "dash", "perl", "ruby", "node", "env")
_CODE = ("-c", "-e")  # the next word is code
_NAMED = ("--process-name", "--name")  # the next word is a name: workers of loky have one
_HELPERS = (
    *HELPER_COMMANDS,
    ("manybrains.lens.sampler_process", "sampler"),
)


def program_name(words: "list[str]") -> str:
    """Return a short name for a command line: ``"fit.py"`` for ``python -u work/fit.py 3``."""
    if not words:
        return "program"
    for place, word in enumerate(words[:-1]):
        if word in _NAMED:
            return words[place + 1]
    program = _last_part(words[0].split()[0] if words[0].split() else words[0]) or "program"
    if not program.rstrip("0123456789.").removesuffix(".exe").endswith(_INTERPRETERS):
        return program
    rest = words[1:]
    for place, word in enumerate(rest):
        following = rest[place + 1] if place + 1 < len(rest) else ""
        if word == "-m":
            return following or program
        if word in _CODE or (word.startswith("-") and word.endswith("c") and following):
            return f"{program} {word}"
        if not word.startswith("-"):
            return _last_part(word) or program
    return program


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def helper_name(words: "list[str]") -> str:
    """Return the name of a helper of multiprocessing or the lens; "" for other processes."""
    line = " ".join(words)
    return next((name for mark, name in _HELPERS if mark in line), "")
