"""The widgets in a real JupyterLab: lanes that grow, the panel, the lost update stepped."""

import psutil
import pytest
from chromium import SCREENSHOTS, barriers
from lab import workers_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

WORKING = """%%watch duel --live --deadline 60
import time
from multiprocessing import Process

def work():
    until = time.monotonic() + 6
    while time.monotonic() < until:
        sum(range(10_000))

workers = [Process(target=work, name=f"worker {n}") for n in (1, 2)]
for worker in workers: worker.start()
for worker in workers: worker.join()"""


def test_lanes_grow_while_the_cell_runs_and_the_picture_takes_their_place(lab):
    with lab.open(lab.write("live", "%load_ext manybrains", WORKING)) as page:
        page.click_menu("Run", "runmenu:run-all")
        lanes = page.cell("cell-1").locator(".manybrains-lanes")
        page.wait_for(lambda: "worker 2" in " ".join(lanes.all_inner_texts()), "both workers")
        before = lanes.inner_html()
        page.wait_for(lambda: lanes.inner_html() != before, "a lane that has grown")
        page.photograph(SCREENSHOTS / "live.png")
        page.wait_until_idle(60)
        outputs = [each for each in page.outputs() if each.cell == "cell-1"]
        assert [True] == [each.width > 0 for each in outputs if each.is_picture]
        assert [] == [each for each in outputs if each.is_widget]


def test_the_panel_runs_workers_and_stops_them(lab):
    source = 'from manybrains import panel\n\npanel("processes", size=300_000_000)'
    with lab.open(lab.write("panel", "%load_ext manybrains", source)) as page:
        page.run_all(60)
        panel = page.cell("cell-1").locator(".manybrains-panel")
        assert [] == barriers(page.page, ".manybrains-panel")
        kernel = next(
            each
            for each in psutil.Process().children(recursive=True)
            if "ipykernel_launcher" in " ".join(each.cmdline())
        )

        panel.get_by_role("button", name="Run").click()
        page.wait_for(lambda: "Running" in panel.inner_text(), "Running")
        lanes = panel.locator(".manybrains-lanes")
        page.wait_for(lambda: "worker 2" in lanes.inner_text(), "the lanes of the workers")
        before = lanes.inner_html()
        page.wait_for(lambda: lanes.inner_html() != before, "a lane that has grown")
        assert workers_of(kernel)
        panel.get_by_role("button", name="Stop").click()
        page.wait_for(lambda: "Running" not in panel.inner_text(), "the end")
        page.wait_for(lambda: not workers_of(kernel), "no worker")
        page.wait_for(lambda: panel.locator("img").count() == 1, "the picture of what was")
        page.photograph(SCREENSHOTS / "panel.png")


def test_the_lost_update_is_stepped_by_hand(lab):
    source = "from manybrains import stepper\n\nstepper()"
    with lab.open(lab.write("stepper", source)) as page:
        page.run_all(60)
        stepper = page.cell("cell-0")
        for step in ("A: read", "B: read", "A: add", "B: add", "A: write", "B: write"):
            stepper.get_by_role("button", name=step).click()
        page.wait_for(lambda: "one update is lost" in stepper.inner_text(), "the loss")
        assert "ABABAB" == stepper.get_by_label("Schedule").input_value()
        stepper.get_by_role("button", name="Back one step").click()
        page.wait_for(lambda: "one update is lost" not in stepper.inner_text(), "one step back")
        assert "ABABA" == stepper.get_by_label("Schedule").input_value()
