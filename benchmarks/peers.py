"""Peers: the same work under the lens and under other tools that watch programs.

A tool that is not installed is left out, and the line says so.  To have them all, in a
throw-away environment beside the project:

    python -m venv peers
    peers/bin/pip install -e ".[test]" psrecord memory_profiler dask distributed bokeh viztracer \\
        mpire py-spy scalene
    peers/bin/python benchmarks/peers.py

Each is used as its documentation tells for programs that start processes, and looks 20 times a
second, as the lens does, where it can be told how often.
"""

import json
import os
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from peer_tools import PEERS, Peer, command, is_installed
from report import HERE, Aim, Options, Report, Table, main, middle, spread
from workloads import SWARM, counts_in

WORK = str(HERE / "peer_work.py")
WORKERS = 2 + SWARM
PATIENCE = 300


@dataclass(frozen=True)
class Trial:
    """What one run of the work took under a tool."""

    duel: float
    swarm: float
    cpu: float  # of all processes together, the tool's included
    seen: int | None = None


@dataclass
class Trials:
    """All runs under a tool, or why there are none."""

    runs: list[Trial] = field(default_factory=list)
    trouble: str = ""


def tried(peer: Peer, to: int) -> Trial:
    """Run the work under a tool once.

    Raises:
        OSError, ValueError, KeyError, subprocess.SubprocessError: if the tool fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        result, out = Path(folder) / "result", Path(folder) / "out.json"
        program = [WORK, peer.mode, str(to), str(result)]
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            command(peer, program, out),
            cwd=folder,
            env={**os.environ, "MANYBRAINS_HEADLESS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=True,
        )
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        figures = json.loads(result.read_text())
        seen = peer.seen(out) if peer.seen is not None else figures.get("seen")
        return Trial(figures["duel"], figures["swarm"], cpu, seen)


def measure(options: Options) -> Report:
    """Run the work under every tool in turn, again and again."""
    to = counts_in(options.size(0.3, 1.0))
    found = {peer: Trials() for peer in PEERS}
    for peer, trials in found.items():
        trials.trouble = "" if is_installed(peer) else "not installed"
    for turn in range(options.times(2, 10)):
        # To and fro, so that what grows busier meanwhile does not count against the same ones.
        for peer, trials in list(found.items())[:: -1 if turn % 2 else 1]:
            if trials.trouble:
                continue
            try:
                trials.runs.append(tried(peer, to))
            except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
                trials.trouble = _in_short(error)
    by_name = {peer.name: trials for peer, trials in found.items()}
    rows = [_row(peer, trials, by_name) for peer, trials in found.items()]
    head = ["tool", "duel / without", "swarm / without", "CPU more than without [s]"]
    head += [f"workers seen of {WORKERS}", "a lane each", "picture inline", "runs"]
    figures = {name: asdict(trials) for name, trials in by_name.items()}
    table = Table("Two processes that count, then a swarm", head, rows)
    aims, ahead = _aims(by_name)
    notes = ["CPU more than without: of the whole command, with the tool's own start and report"]
    notes += _reasons(ahead)
    return Report("Peers", [table], aims, [*notes, _pip_line()], figures)


def _reasons(ahead: Sequence[Peer]) -> list[str]:
    """Return why the tools that are ahead can be, those with the same reason together."""
    reasons = dict.fromkeys(peer.because for peer in ahead)
    names = {why: dict.fromkeys(p.name for p in ahead if p.because == why) for why in reasons}
    return [f"{', '.join(names[why])}: {why}" for why in reasons if why]


def _in_short(error: Exception) -> str:
    stderr = getattr(error, "stderr", None)
    text = stderr.decode(errors="replace").strip() if stderr else str(error)
    return f"failed: {text.splitlines()[-1][:80] if text else type(error).__name__}"


def _against(trials: Trials, by_name: dict[str, Trials], beside: str, kind: str) -> list[float]:
    """Return time over the time without the tool, of CPU seconds the difference, for each pair."""
    pairs = zip(trials.runs, by_name[beside].runs, strict=False)
    if kind == "cpu":
        return [one.cpu - base.cpu for one, base in pairs]
    return [getattr(one, kind) / getattr(base, kind) for one, base in pairs]


def _row(peer: Peer, trials: Trials, by_name: dict[str, Trials]) -> list[str]:
    if not trials.runs:
        return [peer.name, trials.trouble, "", "", "", peer.lanes, peer.inline, "0"]
    against = {
        kind: _against(trials, by_name, peer.beside, kind) for kind in ("duel", "swarm", "cpu")
    }
    seen = [float(one.seen) for one in trials.runs if one.seen is not None]
    return [
        peer.name,
        spread(against["duel"]),
        spread(against["swarm"]),
        spread(against["cpu"], 1, 2),
        spread(seen, 1, 0) if seen and peer.lanes else "",
        peer.lanes,
        peer.inline,
        f"{len(trials.runs)}{f', then {trials.trouble}' if trials.trouble else ''}",
    ]


FIGURES = {
    "duel": "disturbs the duel least of all",
    "swarm": "disturbs the swarm least of all",
    "cpu": "needs the least CPU seconds of all",
}


def _aims(by_name: dict[str, Trials]) -> tuple[list[Aim], list[Peer]]:
    """Tell on which figures the lens is not ahead, and which tools are ahead of it."""
    ours = by_name["manybrains"]
    if not ours.runs:
        return [], []
    others = [peer for peer in PEERS[2:] if peer.lanes and by_name[peer.name].runs]
    aims: list[Aim] = []
    every: list[Peer] = []
    for kind, says in FIGURES.items():
        own = _against(ours, by_name, "bare", kind)
        found = {peer: _against(by_name[peer.name], by_name, peer.beside, kind) for peer in others}
        ahead = {peer: each for peer, each in found.items() if middle(each) < middle(own)}
        every += ahead
        clearly = any(_clear(each, own) for each in ahead.values())
        told = ", ".join(f"{peer.name} {middle(each):.3f}" for peer, each in ahead.items())
        figure = f"{middle(own):.3f}; ahead of it: {told or 'nobody'}"
        aims.append(Aim(says, figure, not clearly if found and clearly == bool(ahead) else None))
    seen = [one.seen for one in ours.runs]
    figure = f"{min(filter(None, seen), default=0)} of {WORKERS} at least"
    return [*aims, Aim("misses no worker", figure, set(seen) == {WORKERS})], every


def _clear(less: Sequence[float], more: Sequence[float]) -> bool:
    """Tell whether the quartiles keep apart what the medians do; one run alone never does."""
    if min(len(less), len(more)) < 2:
        return False
    upper = statistics.quantiles(less, n=4, method="inclusive")[2]
    return upper < statistics.quantiles(more, n=4, method="inclusive")[0]


def _pip_line() -> str:
    packages = "psrecord memory_profiler dask distributed bokeh viztracer mpire py-spy scalene"
    return f"to have them all, in an environment of their own: `pip install {packages}`"


if __name__ == "__main__":
    main(measure, __doc__ or "")
