"""stepper(): the lost update by hand, the same in the browser as in `interleavings`."""

import base64
import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from chromium import barriers, chromium
from traitlets import TraitError

from manybrains import interleavings, stepper
from manybrains.plots.orders import losses
from manybrains.records import frontend
from manybrains.widgets.stepper import MODULE

ORDERS = interleavings()
SOURCE = MODULE.read_text(encoding="utf-8")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def blank():
    """A page of a browser."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(10_000)
        yield page


@pytest.fixture(scope="module")
def told(request):
    """What an expression is in JavaScript, inside the module: by node, or by a browser."""
    node = shutil.which("node")
    if node:
        return lambda expression: told_by_node(node, expression)
    page = request.getfixturevalue("blank")
    return lambda expression: told_by_page(page, expression)


def told_by_node(node, expression):
    code = f"{SOURCE}\nconsole.log(JSON.stringify({expression}));"
    command = [node, "--input-type=module", "-"]
    done = subprocess.run(
        command, input=code, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def told_by_page(page, expression):
    code = f"{SOURCE}\nexport const answer = {expression};"
    address = "data:text/javascript;base64," + base64.b64encode(code.encode()).decode()
    return page.evaluate(f"import('{address}').then((module) => module.answer)")


def problem(told, schedule, lock=False):
    return told(f"parse({json.dumps(schedule)}, {json.dumps(lock)}).problem")


# What happens


def test_every_order_ends_as_in_interleavings(told):
    ends = told("everyEnd(begin(false)).map((end) => [end.schedule, end.counter, end.lost])")
    assert [[order.turns, order.total, order.loses] for order in ORDERS] == ends


def test_a_typed_order_ends_as_in_interleavings(told):
    turns = json.dumps([order.turns for order in ORDERS])
    ends = told(f"{turns}.map((text) => parse(text, false).state.counter)")
    assert [order.total for order in ORDERS] == ends


def test_it_counts_as_many_losses_as_the_picture_says(told):
    said = told("counted(begin(false))")
    assert losses(ORDERS).replace("orders", "schedules") + "." == said


def test_it_counts_those_that_begin_alike(told):
    begun = [order for order in ORDERS if order.turns.startswith("AA")]
    expected = {"all": len(begun), "losing": sum(order.loses for order in begun)}
    assert expected == told("count(parse('AA', false).state)")


def test_under_the_lock_one_goes_after_the_other_and_nothing_is_lost(told):
    ends = told("everyEnd(begin(true)).map((end) => [end.schedule, end.counter, end.lost])")
    assert [["AAAAABBBBB", 2, False], ["BBBBBAAAAA", 2, False]] == ends


def test_a_step_leaves_the_state_before_it_as_it_was(told):
    unchanged = "JSON.stringify(at) === (step(at, 'A'), step(at, 'B'), JSON.stringify(at))"
    assert told(f"((at) => {unchanged})(parse('AB', false).state)")


@pytest.mark.parametrize("lock", [False, True])
def test_a_seed_plays_the_same_whole_schedule_each_time(told, lock):
    twice = told(f"[1, 2].map(() => [0, 1, 7, 4294967295].map((n) => play(n, {json.dumps(lock)})))")
    possible = told(f"everyEnd(begin({json.dumps(lock)})).map((end) => end.schedule)")
    assert twice[0] == twice[1]
    assert set(twice[0]) <= set(possible)


def test_the_seeds_play_every_schedule(told):
    played = told("Array.from({ length: 400 }, (_, seed) => play(seed, false))")
    assert {order.turns for order in ORDERS} == set(played)


# What is typed


@pytest.mark.parametrize("text", ["", "A", "AABBAB", "aab bab", " A A A "])
def test_a_schedule_may_be_short_or_spaced_or_in_small_letters(told, text):
    assert "" == problem(told, text)
    assert text.replace(" ", "").upper() == told(f"parse({text!r}, false).state.schedule")


NEITHER = "Character 3 is “X”, which is neither A nor B: A or B is possible there."
NO_STEPS = "Character 4 is “A”, but A has taken all its 3 steps: B is possible there."
NOTHING = "Character 7 is “A”, but both workers have finished: nothing can follow."
WAITS = "Character 2 is “B”, but B waits for the lock, which A holds: A is possible there."


@pytest.mark.parametrize(
    ("text", "lock", "expected"),
    [
        ("AAXB", False, NEITHER),
        ("AAAABX", False, NO_STEPS),
        ("AABBABA", False, NOTHING),
        ("ABX", True, WAITS),
        ("AAAAAB", False, f"{NO_STEPS} With the lock the text is possible."),
        ("ABABAB", True, f"{WAITS} Without the lock the text is possible."),
    ],
)
def test_a_bad_text_is_told_which_character_and_what_is_possible(told, text, lock, expected):
    assert expected == problem(told, text, lock)


def test_a_bad_text_leads_as_far_as_it_is_possible(told):
    assert "AA" == told("parse('AAXB', false).state.schedule")


# What is said


def sentences(told, schedule, lock):
    texts = json.dumps([schedule[:end] for end in range(len(schedule) + 1)])
    return told(f"{texts}.map((text) => lastStep(parse(text, {json.dumps(lock)}).state))")


def test_each_step_is_a_sentence(told):
    assert [
        "The counter is 0. Who takes the first step?",
        "Worker A reads 0.",
        "Worker B reads 0.",
        "Worker A adds one to what it has read: 1.",
        "Worker A writes 1.",
        "Worker B adds one to what it has read: 1.",
        "Worker B writes 1 over the 1 of A.",
    ] == sentences(told, "ABAABB", False)


def test_each_step_with_the_lock_is_a_sentence(told):
    assert [
        "The counter is 0, and the lock is free. Who takes the first step?",
        "Worker B takes the lock.",
        "Worker B reads 0.",
        "Worker B adds one to what it has read: 1.",
        "Worker B writes 1.",
        "Worker B gives the lock back.",
    ] == sentences(told, "BBBBB", True)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("AAABB", ""),
        ("AAABBB", "The counter shows 2: no update is lost."),
        ("ABABAB", "The counter shows 1: one update is lost."),
    ],
)
def test_the_result_is_told_when_both_have_finished(told, schedule, expected):
    assert expected == told(f"result(parse({schedule!r}, false).state)")


# How it is used


@pytest.fixture
def page(blank):
    """A page that shows the stepper without a kernel."""
    code = f"{SOURCE}\nwindow.model = plainModel();\nrender({{ model, el: document.body }});"
    blank.goto("about:blank")
    blank.add_script_tag(content=code, type="module")
    blank.wait_for_selector(".mb-step")
    return blank


def schedule_of(page):
    return page.evaluate("model.get('schedule')")


def said_by(page):
    return page.get_by_role("status").inner_text().split("\n")


def press(page, *names):
    for name in names:
        page.get_by_role("button", name=name).click()


def test_an_update_is_lost_by_pressing_buttons(page):
    press(page, "A: read", "B: read", "A: add", "B: add", "A: write", "B: write")
    assert "ABABAB" == schedule_of(page) == page.get_by_label("Schedule").input_value()
    lost = "The counter shows 1: one update is lost."
    assert ["Worker B writes 1 over the 1 of A.", lost] == [s for s in said_by(page) if s]


def test_one_step_back_and_begin_again(page):
    press(page, "A: read", "B: read", "Back one step")
    assert ("A", ["One step back. Worker A reads 0."]) == (schedule_of(page), said_by(page))
    press(page, "Begin again")
    assert "" == schedule_of(page)
    page.get_by_role("button", name="Back one step").click(force=True)
    assert ["There is no step to take back."] == said_by(page)


def test_keys_are_enough(page):
    page.keyboard.press("Tab")
    for key in ("a", "B", "Backspace", "a"):
        page.keyboard.press(key)
    assert "AA" == schedule_of(page)


def test_nothing_keeps_people_out(page):
    """In the colours of the site, light and dark, test_site.py asks for the same."""
    assert [] == barriers(page, ".mb-step")
    page.get_by_label("Schedule").fill("ABABAB")
    assert [] == barriers(page, ".mb-step")
    page.get_by_label("with a lock").check()
    press(page, "A: take the lock")
    page.get_by_label("Schedule").fill("AX")
    assert [] == barriers(page, ".mb-step")


def test_what_can_have_the_focus_keeps_its_keys_from_jupyterlab(page):
    """There A and B insert a cell, Enter edits one and D twice deletes one."""
    takes_focus = page.locator(":is(button, input, [tabindex])").all()
    marks = [each.get_attribute("data-lm-suppress-shortcuts") for each in takes_focus]
    assert ["true"] * 10 == marks


def test_with_the_lock_the_other_worker_waits(page):
    press(page, "A: read")
    page.get_by_label("with a lock").check()
    assert ["The counter is 0, and the lock is free. Who takes the first step?"] == said_by(page)
    press(page, "A: take the lock")
    page.get_by_role("button", name="B waits for the lock").click(force=True)
    assert ("A", ["Worker B waits: A holds the lock."]) == (schedule_of(page), said_by(page))


def test_a_typed_text_is_followed_and_a_bad_one_explained(page):
    page.get_by_label("Schedule").fill("aab")
    assert "AAB" == schedule_of(page)
    page.get_by_label("Schedule").fill("aax")
    assert "Character 3 is “x”" in page.get_by_role("alert").inner_text()
    assert "AAB" == schedule_of(page)
    press(page, "B: add")
    assert ("AABB", "") == (schedule_of(page), page.get_by_role("alert").inner_text())


def test_a_seed_is_played_and_the_next_one(page):
    page.get_by_label("Seed").fill("7")
    press(page, "Play at random")
    assert [f"Seed 7 plays {schedule_of(page)}.", ""] == said_by(page)[:2]
    press(page, "Next seed")
    assert 8 == page.evaluate("model.get('seed')")


def test_a_seed_that_is_none_is_explained(page):
    page.get_by_label("Seed").fill("-1")
    press(page, "Play at random")
    explained = "The seed is a whole number from 0 to 4294967295."
    assert (explained, "") == (page.get_by_role("alert").inner_text(), schedule_of(page))


def test_what_the_kernel_sets_is_shown(page):
    page.evaluate("model.set('schedule', 'ABX')")
    assert "Character 3 is “X”" in page.get_by_role("alert").inner_text()
    assert "ABX" == page.get_by_label("Schedule").input_value()
    press(page, "A: add")
    assert "ABA" == schedule_of(page)


# In Python


def test_it_has_what_it_was_given():
    by_hand = stepper("AAB", lock=False, seed=3)
    assert ("AAB", False, 3) == (by_hand.schedule, by_hand.lock, by_hand.seed)


def test_it_reads_as_the_call_that_makes_it():
    assert "stepper('ABABAB', lock=False, seed=1)" == repr(stepper("ABABAB"))


@pytest.mark.parametrize("seed", [-1, 2**32, "x"])
def test_a_seed_is_a_number_that_the_browser_can_use(seed):
    with pytest.raises(TraitError, match="seed"):
        stepper(seed=seed)


def test_a_notebook_with_a_reader_shows_the_buttons(monkeypatch):
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(frontend.sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.delenv(frontend.HEADLESS, raising=False)
    assert {WIDGET_VIEW, "text/plain"} == set(stepper()._repr_mimebundle_()[0])


def test_without_a_reader_there_is_only_text():
    data, _ = stepper()._repr_mimebundle_()
    assert {"text/plain"} == set(data)


def test_the_module_can_stand_inside_a_page():
    """HTML would end it early."""
    assert [] == [mark for mark in ("</", "<!--", "<script") if mark in SOURCE]
