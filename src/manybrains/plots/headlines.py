"""The message of a run in one sentence, for titles."""

from ..records.run import OVER, Run
from .words import shortened

__all__ = ["headline", "stopped_by", "why_above_yours"]


def stopped_by(run: Run) -> str:
    """Return in a word or two what ended an unfinished run; empty for a finished one."""
    if run.finished:
        return ""
    if "deadline" in run.note:
        return "deadline"
    by = run.note.removeprefix("stopped by ")
    return by if by.isidentifier() else "stopped early"


def headline(run: Run) -> str:
    """Return the message of a run: how many workers kept how many cores busy, how long."""
    count = len(run.workers)
    who = {0: "no workers, main", 1: "1 worker"}.get(count, f"{count:,} workers")
    end = stopped_by(run)
    until = {"": "", "deadline": ", until the deadline", "stopped early": ", then stopped early"}
    return (
        f"{shortened(run.name, 24)}: {who} kept {run.cores_in_use:.2f} cores busy "
        f"for {run.wall_seconds:.2f} s{until.get(end, f', until {end}')}{_more_than_yours(run)}"
    )


def _more_than_yours(run: Run) -> str:
    yours = run.machine.cores_yours
    if run.cores_in_use <= OVER * yours:
        return ""
    return f", more than the {yours:g} that {'is' if yours == 1 else 'are'} yours"


def why_above_yours(run: Run) -> str:
    """Return why more cores were in use than are yours; empty if that was not so."""
    yours, limit = run.machine.cores_yours, run.machine.limited_by
    if run.peak_cores <= OVER * yours:
        return ""
    if not limit:
        return "above yours: more than there are, an error of the CPU clocks"
    if "quota" in limit and run.cores_in_use <= OVER * yours:
        return f"above yours: bursts, which {limit} lets pass"
    return f"above yours: work that {limit} did not hold back"
