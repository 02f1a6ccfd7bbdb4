"""Words that several pictures use: a name cut short, an exit code as a person says it."""

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
}  # those with the same number everywhere: a run may come from another system


def shortened(text: str, most: int) -> str:
    """Return the text with its middle left out if it is long: pools number their workers last."""
    if len(text) <= most:
        return text
    tail = most // 2 - 1
    return f"{text[: most - tail - 1].rstrip()}…{text[-tail:].lstrip()}"


def exit_words(code: int, system: str = "") -> str:
    """Return an exit code as a person would say it: ``exit 1``, or ``SIGKILL`` for -9."""
    if code >= 0:
        return f"exit {code}"
    if -code == (10 if system == "Darwin" else 7):
        return "SIGBUS"
    return SIGNALS.get(-code, f"signal {-code}")
