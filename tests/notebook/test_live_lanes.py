"""Lanes that grow while a cell runs: sent where a person can see them, and never stored.

What the browser draws from it is tested in a browser.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import START_METHODS
from kernels import FrontEnd, front_end, kernel

SET_UP = """%load_ext manybrains
import json, multiprocessing, sys, threading, time
multiprocessing.set_start_method({method!r}, force=True)
from multiprocessing import Process
from manybrains import watch

def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    print("burnt")

def nothing():
    pass
"""
CELL = """%%watch duel --live
workers = [Process(target=burn, args=(0.6,)) for _ in range(2)]
for worker in workers: worker.start()
time.sleep(2)
for worker in workers: worker.join()"""
VIEW = "application/vnd.jupyter.widget-view+json"
# As a panel does it: the widget is there before, and the block runs in another thread.
BESIDE = """from manybrains.notebook.live_lanes import LiveLanes
lanes = LiveLanes()
def run_it():
    for seconds in (0.5, 0.6):
        with watch("beside") as run, lanes.follow(run):
            p = Process(target=burn, args=(seconds,)); p.start(); time.sleep(0.5); p.join()
        runs.append(run.run)
runs = []
t = threading.Thread(target=run_it); t.start(); t.join()
print(json.dumps([json.loads(lanes.news), json.loads(lanes.rows)]))
print([len(run.workers) for run in runs], "live lanes" in {t.name for t in threading.enumerate()})
lanes.close()"""


@pytest.fixture(scope="module", params=START_METHODS)
def lab(request: pytest.FixtureRequest) -> Iterator[FrontEnd]:
    """A front end with widgets."""
    with front_end({"MANYBRAINS_HEADLESS": ""}) as one:
        messages = one.run(SET_UP.format(method=request.param))
        assert [] == of_type(messages, "error")
        yield one


@pytest.fixture(scope="module")
def any_lab() -> Iterator[FrontEnd]:
    with front_end({"MANYBRAINS_HEADLESS": ""}) as one:
        assert [] == of_type(one.run(SET_UP.format(method="spawn")), "error")
        yield one


def of_type(messages: list[dict[str, Any]], *types: str) -> list[dict[str, Any]]:
    return [message["content"] for message in messages if message["msg_type"] in types]


def updates(messages: list[dict[str, Any]], name: str) -> list[Any]:
    """What the widget was told, in order."""
    states = [m["data"].get("state", {}) for m in of_type(messages, "comm_msg")]
    return [json.loads(state[name]) for state in states if name in state]


def stored(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The data of each output that a notebook would keep, as a front end replaces them."""
    shown: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for content in of_type(messages, "display_data", "update_display_data", "execute_result"):
        known = content.get("transient", {}).get("display_id")
        if known in places:
            shown[places[known]] = content["data"]
            continue
        if known:
            places[known] = len(shown)
        shown.append(content["data"])
    return shown


def text(messages: list[dict[str, Any]]) -> str:
    return "".join(content["text"] for content in of_type(messages, "stream"))


@pytest.mark.slow
def test_increments_are_sent_while_the_cell_runs(lab: FrontEnd) -> None:
    messages = lab.run(CELL)
    news, rows = updates(messages, "news"), updates(messages, "rows")
    growing = [one for one in news if not one["over"]]
    assert len(growing) >= 3
    assert sorted(one["now"] for one in growing) == [one["now"] for one in growing]
    assert [True] == [one["over"] for one in news if one["over"]]
    assert 2 == news[-1]["workers"]
    assert ["main", "process", "process"] == [row["kind"] for row in rows[-1]]
    assert {0, 1, 2} == {lane for one in news for lane, *_ in one["looks"]}
    for one in news:
        assert all(time <= one["now"] for _, time, _, _ in one["looks"])


@pytest.mark.slow
def test_afterwards_only_the_picture_is_there(lab: FrontEnd) -> None:
    messages = lab.run(CELL)
    [opened] = [m["comm_id"] for m in of_type(messages, "comm_open") if "news" in _state(m)]
    views = [data for data in map(_data, of_type(messages, "display_data")) if VIEW in data]
    assert [opened] == [data[VIEW]["model_id"] for data in views]
    assert [{"image/png", "text/plain"}] == [set(data) for data in stored(messages)]
    closed = {m["comm_id"] for m in of_type(messages, "comm_close")}
    assert {m["comm_id"] for m in of_type(messages, "comm_open")} == closed
    assert 2 == text(messages).count("burnt\n")
    assert "duel: " in text(messages)


def _state(message: dict[str, Any]) -> dict[str, Any]:
    return dict(message["data"].get("state", {}))


def _data(content: dict[str, Any]) -> dict[str, Any]:
    return dict(content["data"])


@pytest.mark.slow
def test_a_block_in_another_thread_can_be_followed_and_then_the_next_one(lab: FrontEnd) -> None:
    messages = lab.run(BESIDE)
    assert [] == of_type(messages, "error")
    [line] = [line for line in text(messages).splitlines() if line.startswith("[{")]
    sent, rows = json.loads(line)
    assert (2, "beside", True) == (sent["run"], sent["name"], sent["over"])
    # The thread that runs the block is a lane, if it works for a millisecond.
    assert ["main", "process"] == [row["kind"] for row in rows if row["kind"] != "thread"]
    assert f", {sent['workers']}] False" in text(messages)


@pytest.mark.slow
def test_many_workers_end_as_they_do_without(lab: FrontEnd) -> None:
    messages = lab.run(
        "%%watch many --live --deadline 50\n"
        "for _ in range(30):\n"
        "    ps = [Process(target=nothing) for _ in range(2)]\n"
        "    for p in ps: p.start()\n"
        "    for p in ps: p.join()"
    )
    assert [] == of_type(messages, "error")
    assert "many: " in text(messages)
    assert "60 workers" in text(messages)
    assert "deadline" not in text(messages)
    assert [{"image/png", "text/plain"}] == [set(data) for data in stored(messages)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "error"),
    [("1 / 0", "ZeroDivisionError"), ("raise KeyboardInterrupt", "KeyboardInterrupt")],
)
def test_a_cell_that_fails_leaves_its_picture_and_no_view(
    any_lab: FrontEnd, body: str, error: str
) -> None:
    messages = any_lab.run(f"%%watch --live\ntime.sleep(0.5)\n{body}")
    assert [error] == [content["ename"] for content in of_type(messages, "error")]
    assert [{"image/png", "text/plain"}] == [set(data) for data in stored(messages)]


@pytest.mark.slow
def test_a_cell_that_hangs_ends_at_its_deadline(any_lab: FrontEnd) -> None:
    messages = any_lab.run("%%watch --live --deadline 1\nthreading.Event().wait(50)")
    assert "stopped at its deadline" in text(messages)
    assert [{"image/png", "text/plain"}] == [set(data) for data in stored(messages)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "metadata"),
    [
        ("%%watch --live\ntime.sleep(0.6)", {"other": "a console names no cell"}),
        ("%%watch --live --quiet\ntime.sleep(0.6)", {}),
        ("%%capture\n%%watch --live\ntime.sleep(0.6)", {}),
        ("%env MANYBRAINS_HEADLESS=1\n%%watch --live\ntime.sleep(0.6)", {}),
    ],
)
def test_nothing_is_sent_where_nobody_sees_it_grow(
    any_lab: FrontEnd, cell: str, metadata: dict[str, str]
) -> None:
    if cell.startswith("%env"):
        set_up, cell = cell.split("\n", 1)
        any_lab.run(set_up)
    messages = any_lab.run(cell, **metadata)
    any_lab.run("%env MANYBRAINS_HEADLESS=")
    assert [] == of_type(messages, "comm_open", "comm_msg", "update_display_data", "error")
    assert all(VIEW not in data for data in stored(messages))


@pytest.mark.slow
def test_without_anywidget_nothing_is_missing_but_the_growing(any_lab: FrontEnd) -> None:
    hide = "kept = {n: sys.modules.pop(n) for n in [*sys.modules] if 'live_lanes' in n}\n"
    any_lab.run(
        f"{hide}kept['anywidget'] = sys.modules.get('anywidget')\nsys.modules['anywidget'] = None"
    )
    try:
        messages = any_lab.run("%%watch --live\ntime.sleep(0.5)")
    finally:
        any_lab.run(
            "del sys.modules['anywidget']\nsys.modules.update({k: v for k, v in kept.items() if v})"
        )
    assert [] == of_type(messages, "comm_open", "error")
    assert [{"image/png", "text/plain"}] == [set(data) for data in stored(messages)]


@pytest.mark.slow
def test_who_runs_a_whole_notebook_is_sent_nothing_that_grows() -> None:
    with kernel(env={"MANYBRAINS_HEADLESS": ""}) as one:
        loaded = "import sys; print('anywidget' in sys.modules, 'ipywidgets' in sys.modules)"
        assert "False False\n" == one.run(loaded).stdout
        shown = one.run("%%watch --live\nimport time; time.sleep(0.5)")
        assert (1, "") == (shown.pictures, shown.error)
        assert all(VIEW not in output.get("data", {}) for output in shown.outputs)
        assert "False False\n" == one.run(loaded).stdout
