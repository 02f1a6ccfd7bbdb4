"""Words that several pictures use: a shortened name, an exit code in words."""

__all__ = ["exit_words", "shortened"]

SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
}  # those that have the same number on every system: a run may come from another one


def shortened(text: str, most: int) -> str:
    """Return the text, without its middle if it is long: a pool numbers its workers at the end."""
    if len(text) <= most:
        return text
    tail = most // 2 - 1
    return f"{text[: most - tail - 1].rstrip()}…{text[-tail:].lstrip()}"


def exit_words(code: int, system: str = "") -> str:
    """Return an exit code in words: ``exit 1``, or ``SIGKILL`` for -9."""
    if code >= 0:
        return f"exit {code}"
    if -code == (10 if system == "Darwin" else 7):
        return "SIGBUS"
    return SIGNALS.get(-code, f"signal {-code}")
