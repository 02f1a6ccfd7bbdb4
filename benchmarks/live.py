"""Live: how much longer a watched cell takes because its lanes are shown while they grow.

One real kernel runs the same cell in turn with and without `--live`.  This program takes the place
of the front end: it reads every message, and draws nothing.
"""

import sys
from typing import Any

from report import CHECKOUT, Aim, Options, Report, Table, at_most, judged, main, spread

sys.path.insert(0, str(CHECKOUT / "tests"))
from kernels import FrontEnd, front_end

MOST = 1.03  # times as long
SET_UP = """%load_ext manybrains
import multiprocessing, threading
multiprocessing.set_start_method({method!r}, force=True)
from multiprocessing import Process
from manybrains import count"""
CELL = """%%watch duel{option}
workers = [{worker}(target=count, args=({to},)) for _ in range(2)]
for w in workers: w.start()
for w in workers: w.join()"""
TOLD = "import json; print(json.dumps([duel.wall_seconds, duel.cpu_seconds]))"
# Name, what it is, the worker, whether the start method matters to it.
WORK = (
    ("two_processes", "two CPU-bound processes", "Process", True),
    ("two_threads", "two CPU-bound threads", "threading.Thread", False),
)


def measure(options: Options) -> Report:
    """Compare cells with and without growing lanes, under every start method."""
    to = options.size(5 * 10**6, 3 * 10**7)
    repeats, batches = options.times(3, 6), options.size(1, 3)
    figures: dict[str, dict[str, list[dict[str, float]]]] = {}
    for place, method in enumerate(options.methods):
        for name, _, worker, matters in WORK:
            if matters or not place:
                cells = {
                    live: CELL.format(option=option, worker=worker, to=to // (1 if matters else 2))
                    for live, option in (("watched", ""), ("live", " --live"))
                }
                where = f"{name}, {method}" if matters else name
                figures[where] = _duel(SET_UP.format(method=method), cells, repeats, batches)
    rows = [[where, *_cells(found)] for where, found in figures.items()]
    aims = []
    for where, found in figures.items():
        slower = _ratios(found, "wall")
        says = f"{where}: live / watched at most {MOST}"
        aims.append(Aim(says, judged(slower), at_most(slower, MOST)))
    head = ["work", "watched [s]", "live / watched", "CPU time live / watched"]
    head += ["messages a second", "bytes a second", "pairs"]
    table = Table("Wall time of the watched block, medians and quartiles of pairs", head, rows)
    note = "Not in it: what the browser takes to draw, on any core that is free."
    return Report("Live", [table], aims, [note], figures)


def _duel(
    set_up: str, cells: dict[str, str], repeats: int, batches: int
) -> dict[str, list[dict[str, float]]]:
    """Run both cells in turn, each first as often as second; every batch has a new kernel."""
    found: dict[str, list[dict[str, float]]] = {live: [] for live in cells}
    for _ in range(batches):
        with front_end({"MANYBRAINS_HEADLESS": ""}) as reader:
            reader.run(set_up)
            for cell in cells.values():
                reader.run(cell)  # not counted: everything is warm now
            for repeat in range(repeats):
                for live in (*cells,) if repeat % 2 else (*cells,)[::-1]:
                    found[live].append(_ran(reader, cells[live]))
    return found


def _ran(reader: FrontEnd, cell: str) -> dict[str, float]:
    messages = reader.run(cell, seconds=300)
    sent = [len(message["content"]["data"]["state"]["news"]) for message in _updates(messages)]
    [text] = [m["content"]["text"] for m in reader.run(TOLD) if m["msg_type"] == "stream"]
    wall, cpu = map(float, text.strip("[]\n").split(","))
    return {"wall": wall, "cpu": cpu, "messages": len(sent), "bytes": sum(sent)}


def _updates(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    updates = [m for m in messages if m["msg_type"] == "comm_msg"]
    return [m for m in updates if "news" in m["content"]["data"].get("state", {})]


def _ratios(found: dict[str, list[dict[str, float]]], kind: str) -> list[float]:
    pairs = zip(found["live"], found["watched"], strict=True)
    return [live[kind] / watched[kind] for live, watched in pairs]


def _cells(found: dict[str, list[dict[str, float]]]) -> list[str]:
    return [
        spread([run["wall"] for run in found["watched"]]),
        spread(_ratios(found, "wall")),
        spread(_ratios(found, "cpu")),
        spread([run["messages"] / run["wall"] for run in found["live"]], digits=1),
        spread([run["bytes"] / run["wall"] for run in found["live"]], digits=0),
        str(len(found["live"])),
    ]


if __name__ == "__main__":
    main(measure, __doc__ or "")
