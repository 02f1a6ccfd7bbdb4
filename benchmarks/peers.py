"""Peers: the same work under the lens and under other tools that watch programs.

A tool that is not installed is left out, and the line says so.  To have them all, in a
throw-away environment beside the project:

    python -m venv peers
    peers/bin/pip install -e ".[test]" psrecord memory_profiler dask distributed bokeh viztracer \\
        mpire py-spy scalene
    peers/bin/python benchmarks/peers.py
"""

import importlib.util
import json
import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from report import HERE, Aim, Options, Report, Table, main, middle, spread
from workloads import SWARM, counts_in

WORK = str(HERE / "peer_work.py")
WORKERS = 2 + SWARM
PATIENCE = 300


@dataclass(frozen=True)
class Peer:
    """A tool, and what is known of it.

    Attributes:
        module: what has to be installed.
        lanes: whether each worker can be told from the others in what it shows.
        inline: whether a notebook shows its picture below the cell.
        mode: of peer_work.py; a tool that watches from outside has the bare one.
        before: command line before that of the program; {python} and {out} are filled in.
        seen: counts the workers in what it left behind.
        beside: what its disturbance is measured against.
    """

    name: str
    module: str
    lanes: str
    inline: str
    mode: str = "bare"
    before: Sequence[str] = ()
    seen: Callable[[Path], int] | None = None
    beside: str = "bare"


def _mprof_seen(out: Path) -> int:
    lines = out.read_text().splitlines()
    return len({line.split()[1] for line in lines if line.startswith("CHLD")})


def _viztracer_seen(out: Path) -> int:
    return len({event["pid"] for event in json.loads(out.read_text())["traceEvents"]}) - 1


def _py_spy_seen(out: Path) -> int:
    names = [profile["name"] for profile in json.loads(out.read_text())["profiles"]]
    return len({name.split()[1] for name in names}) - 1


PSRECORD = ("psrecord", "--include-children", "--interval", "0.05", "--log", "{out}", "{program}")
MPROF = ("mprof", "run", "--multiprocess", "--interval", "0.05", "--output", "{out}")
PY_SPY = ("py-spy", "record", "--subprocesses", "--rate", "20", "--format", "speedscope")
PEERS = (
    Peer("bare", "sys", "", ""),
    Peer("manybrains", "manybrains", "yes", "yes", "manybrains"),
    Peer("psrecord", "psrecord", "no, the sum", "no, a file", before=PSRECORD),
    Peer("mprof", "memory_profiler", "memory only", "no, a window", before=MPROF, seen=_mprof_seen),
    Peer("dask ResourceProfiler", "dask", "no, the sum", "yes, with bokeh", "dask"),
    Peer(
        "viztracer",
        "viztracer",
        "yes",
        "no, a page of its own",
        before=("viztracer", "--quiet", "-o", "{out}", "--"),
        seen=_viztracer_seen,
    ),
    Peer("mpire without insights", "mpire", "", "", "mpire"),
    Peer(
        "mpire insights",
        "mpire",
        "its own workers",
        "no, figures",
        "mpire insights",
        beside="mpire without insights",
    ),
    Peer(
        "py-spy",
        "py_spy",
        "yes",
        "no, a page of its own",
        before=(*PY_SPY, "-o", "{out}", "--"),
        seen=_py_spy_seen,
    ),
    Peer(
        "scalene",
        "scalene",
        "no, lines of code",
        "yes, as a table",
        before=("scalene", "run", "--cpu-only", "-o", "{out}"),
    ),
)


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


def is_installed(peer: Peer) -> bool:
    program = peer.before[0] if peer.before else ""
    there = not program or _program(program).exists()
    return there and (peer.module == "py_spy" or importlib.util.find_spec(peer.module) is not None)


def _program(name: str) -> Path:
    return Path(sysconfig.get_path("scripts")) / name


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
            _command(peer, program, out),
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


def _command(peer: Peer, program: list[str], out: Path) -> list[str]:
    if not peer.before:
        return [sys.executable, *program]
    before = [str(_program(peer.before[0])), *peer.before[1:]]
    whole = " ".join([sys.executable, *program])
    filled = [word.format(out=out, program=whole) for word in before]
    if "{program}" in before:
        return filled
    # These two take a script, the others a command.
    return [
        *filled,
        *(program if peer.name in ("viztracer", "scalene") else [sys.executable, *program]),
    ]


def measure(options: Options) -> Report:
    """Run the work under every tool in turn, again and again."""
    to = counts_in(options.size(0.3, 1.0))
    found = {peer: Trials() for peer in PEERS}
    for peer, trials in found.items():
        trials.trouble = "" if is_installed(peer) else "not installed"
    for _ in range(options.times(2, 10)):
        for peer, trials in found.items():
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
    note = "CPU more than without: of the whole command, with the tool's own start and report"
    return Report("Peers", [table], _aims(by_name), [note, _pip_line()], figures)


def _in_short(error: Exception) -> str:
    stderr = getattr(error, "stderr", None)
    text = stderr.decode(errors="replace").strip() if stderr else str(error)
    return f"failed: {text.splitlines()[-1][:80] if text else type(error).__name__}"


def _against(trials: Trials, other: Trials, kind: str) -> list[float]:
    pairs = zip(trials.runs, other.runs, strict=False)
    return [getattr(one, kind) / getattr(base, kind) for one, base in pairs]


def _row(peer: Peer, trials: Trials, by_name: dict[str, Trials]) -> list[str]:
    if not trials.runs:
        return [peer.name, trials.trouble, "", "", "", peer.lanes, peer.inline, "0"]
    other = by_name[peer.beside]
    more = [one.cpu - base.cpu for one, base in zip(trials.runs, other.runs, strict=False)]
    seen = [float(one.seen) for one in trials.runs if one.seen is not None]
    return [
        peer.name,
        spread(_against(trials, other, "duel")),
        spread(_against(trials, other, "swarm")),
        spread(more, 1, 2),
        spread(seen, 1, 0) if seen and peer.lanes else "",
        peer.lanes,
        peer.inline,
        f"{len(trials.runs)}{f', then {trials.trouble}' if trials.trouble else ''}",
    ]


def _aims(by_name: dict[str, Trials]) -> list[Aim]:
    """Tell on which figures the lens is not ahead."""
    ours, aims = by_name["manybrains"], []
    if not ours.runs:
        return []
    for kind in ("duel", "swarm"):
        own = middle(_against(ours, by_name["bare"], kind))
        others = {}
        for peer in PEERS[2:]:
            if peer.lanes and by_name[peer.name].runs:
                ratios = _against(by_name[peer.name], by_name[peer.beside], kind)
                others[peer.name] = middle(ratios)
        ahead = [f"{name} {value:.3f}" for name, value in others.items() if value < own]
        figure = f"{own:.3f}; ahead of it: {', '.join(ahead) or 'nobody'}"
        aims.append(Aim(f"disturbs the {kind} least of all", figure, not ahead if others else None))
    seen = [one.seen for one in ours.runs]
    figure = f"{min(filter(None, seen), default=0)} of {WORKERS} at least"
    aims.append(Aim("misses no worker", figure, set(seen) == {WORKERS}))
    return aims


def _pip_line() -> str:
    packages = "psrecord memory_profiler dask distributed bokeh viztracer mpire py-spy scalene"
    return f"to have them all, in an environment of their own: `pip install {packages}`"


if __name__ == "__main__":
    main(measure, __doc__ or "")
