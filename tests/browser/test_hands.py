"""What a reader does by hand: choose, interrupt a cell that hangs, end the kernel; axe itself."""

import psutil
import pytest
from chromium import barriers
from lab import workers_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

HANGING = """%%watch stuck --deadline 100
import time
from multiprocessing import Process

def wait():
    print("waiting")
    time.sleep(100)

workers = [Process(target=wait) for _ in range(2)]
for worker in workers: worker.start()
for worker in workers: worker.join()"""
PIDS = """import os, psutil
print(*[each.pid for each in [psutil.Process(), *psutil.Process().children(recursive=True)]])"""


def alive(pids):
    """Those of the processes that are still there."""
    there = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return [each for each in there if each.status() != psutil.STATUS_ZOMBIE]


def test_a_prediction_is_chosen_with_a_click_and_scored_at_the_end(lab):
    with lab.open("notebooks/00-start-here.ipynb") as page:
        page.run_above("watch-one-worker", 60)
        asked = page.cell("predict-who-computes")
        asked.get_by_role("button", name="b) the worker's").click()
        page.wait_for(lambda: 'You predicted "the worker\'s"' in asked.inner_text(), "said")
        page.run_from("watch-one-worker", 120)
        assert 'You predicted "the worker\'s"; measured' in page.text_of("compare-who-computed")
        assert "not made" in page.text_of("no-one-left")


def test_a_prediction_can_be_made_with_the_keyboard_alone(lab):
    name = lab.write("keyboard", "from manybrains import predict", 'predict("?", "yes", "no");')
    with lab.open(name) as page:
        page.run_all(60)
        page.outputs()
        page.cell("cell-1").get_by_role("button", name="a) yes").focus()
        page.page.keyboard.press("Tab")
        page.page.keyboard.press("Space")
        page.wait_for(lambda: 'You predicted "no"' in page.text_of("cell-1"), "said")


def test_an_interrupt_ends_a_cell_that_hangs_and_its_workers_and_shows_the_picture(lab):
    with lab.open(lab.write("hangs", "%load_ext manybrains", HANGING, PIDS, "")) as page:
        page.click_menu("Run", "runmenu:run-all")
        page.wait_for(lambda: page.text_of("cell-1").count("waiting") == 2, "two workers")
        page.page.get_by_role("button", name="Interrupt the kernel").click()
        page.wait_until_idle(30, everything=False)
        outputs = [each for each in page.outputs() if each.cell == "cell-1"]
        assert any(each.error.startswith("KeyboardInterrupt") for each in outputs)
        assert any(each.is_picture and each.width > 0 for each in outputs)
        page.run_from("cell-2", 20)  # Run All has stopped at the error
        kernel = psutil.Process(int(page.text_of("cell-2").split()[0]))
        assert [] == workers_of(kernel)


def test_nobody_is_left_when_the_kernel_is_shut_down_from_the_menu(lab):
    still = HANGING.split("for worker in workers: worker.join", 1)[0]
    with lab.open(lab.write("left", "%load_ext manybrains", still, PIDS)) as page:
        page.run_all(60)
        pids = list(map(int, page.text_of("cell-2").split()))
        assert len(alive(pids)) >= 4  # the kernel, the sampler, two workers
        page.click_menu("Kernel", "kernelmenu:shutdown")
        page.wait_for(lambda: not alive(pids), "the processes of the notebook have ended")


def test_axe_finds_a_picture_without_a_description_and_a_button_without_a_name(browser):
    page = browser.new_page()
    page.set_content("<main><h1>x</h1><img src='data:,'><button></button></main>")
    found = barriers(page, "main")
    assert ["button-name", "image-alt"] == sorted(each.split(" ")[0] for each in found)
