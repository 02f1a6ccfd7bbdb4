"""The tools that watch programs, what is known of each, and how it is called."""

import importlib.util
import json
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


def as_command(program: list[str]) -> list[str]:
    return [sys.executable, *program]


def as_one_word(program: list[str]) -> list[str]:
    return [" ".join([sys.executable, *program])]


def as_script(program: list[str]) -> list[str]:
    return program


def with_dashes(program: list[str]) -> list[str]:
    return [program[0], "---", *program[1:]]


@dataclass(frozen=True)
class Peer:
    """A tool, and what is known of it.

    Attributes:
        module: what has to be installed.
        lanes: whether each worker can be told from the others in what it shows.
        inline: whether a notebook shows its picture below the cell.
        mode: of peer_work.py; a tool that watches from outside has the bare one.
        before: command line before that of the program; {out} is filled in.
        takes: how it wants to be told of the program.
        seen: counts the workers in what it left behind.
        beside: what its disturbance is measured against.
        because: why it can cost less than the lens, and what it would take to cost as little.
    """

    name: str
    module: str
    lanes: str
    inline: str
    mode: str = "bare"
    before: Sequence[str] = ()
    takes: Callable[[list[str]], list[str]] = as_command
    seen: Callable[[Path], int] | None = None
    beside: str = "bare"
    because: str = ""


def _mprof_seen(out: Path) -> int:
    lines = out.read_text().splitlines()
    # Process 0 stands for one that ended while mprof looked.
    return len({line.split()[1] for line in lines if line.startswith("CHLD")} - {"0"})


def _viztracer_seen(out: Path) -> int:
    return len({event["pid"] for event in json.loads(out.read_text())["traceEvents"]}) - 1


def _py_spy_seen(out: Path) -> int:
    names = [profile["name"] for profile in json.loads(out.read_text())["profiles"]]
    return len({name.split()[1] for name in names}) - 1


PSRECORD = ("psrecord", "--include-children", "--interval", "0.05", "--log", "{out}")
MPROF = ("mprof", "run", "--multiprocess", "--interval", "0.05", "--output", "{out}")
PY_SPY = ("py-spy", "record", "--subprocesses", "--rate", "20", "--format", "speedscope")
OUTSIDE = (
    "what looks from outside adds nothing to a worker's life, and knows no more of it than the "
    "looks that fell into it tell; to cost short workers nothing and still miss none, births and "
    "deaths would have to come from the system's own tracing, which mostly takes an administrator"
)
PEERS = (
    Peer("bare", "sys", "", ""),
    Peer("manybrains", "manybrains", "yes", "yes", "manybrains"),
    Peer(
        "psrecord",
        "psrecord",
        "no, the sum",
        "no, a file",
        before=PSRECORD,
        takes=as_one_word,
        because=OUTSIDE,
    ),
    Peer(
        "mprof",
        "memory_profiler",
        "memory only",
        "no, a window",
        before=MPROF,
        seen=_mprof_seen,
        because=OUTSIDE,
    ),
    Peer(
        "dask ResourceProfiler",
        "dask",
        "no, the sum",
        "yes, with bokeh",
        "dask",
        because=OUTSIDE,
    ),
    Peer(
        "viztracer",
        "viztracer",
        "yes",
        "no, a page of its own",
        before=("viztracer", "--quiet", "-o", "{out}", "--"),
        takes=as_script,
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
        because="compared with its own pool, whose workers cost more than plain ones; they time "
        "their tasks themselves, and know neither cores nor CPU time",
    ),
    Peer(
        "py-spy",
        "py_spy",
        "yes",
        "no, a page of its own",
        before=(*PY_SPY, "-o", "{out}", "--"),
        seen=_py_spy_seen,
        because=OUTSIDE,
    ),
    Peer(
        "scalene",
        "scalene",
        "no, lines of code",
        "yes, as a table",
        before=("scalene", "run", "--cpu-only", "-o", "{out}"),
        takes=with_dashes,
    ),
)


def is_installed(peer: Peer) -> bool:
    there = not peer.before or _program(peer.before[0]).exists()
    return there and (peer.module == "py_spy" or importlib.util.find_spec(peer.module) is not None)


def _program(name: str) -> Path:
    return Path(sysconfig.get_path("scripts")) / name


def command(peer: Peer, program: list[str], out: Path) -> list[str]:
    """Return the command line that runs a Python program under a tool."""
    if not peer.before:
        return as_command(program)
    tool, *options = (word.format(out=out) for word in peer.before)
    return [str(_program(tool)), *options, *peer.takes(program)]
