"""panel(): the controls, what Run and Stop do, and what is shown."""

import re
import subprocess
import sys
import time

import pytest

import manybrains
from manybrains.widgets import panel as module
from manybrains.widgets.panel import NO_WIDGET, panel
from manybrains.widgets.plan import SIZES

PLENTY = 30


@pytest.fixture
def shown():
    """A panel whose widget is made, for a short run of main alone."""
    one = panel("serial", size=10_000)
    assert one.widget
    return one


def run(one, **choices):
    """Choose, press Run, and wait for the end."""
    choose(one, **choices)
    one.press_run()
    wait(one)


def choose(one, **choices):
    for name, value in choices.items():
        getattr(one, f"_{name}").value = value


def wait(one):
    until = time.monotonic() + PLENTY
    while one._trial is not None:
        assert time.monotonic() < until, "the run has not ended"
        time.sleep(0.01)


def said(one):
    return re.sub("<.*?>", "", one._status.value)


def test_the_public_name_is_the_function():
    assert manybrains.panel is panel


# --- its arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": "asyncio"}, "choose one of 'serial', 'threads', 'processes'"),
        ({"work": "thinking"}, "choose one of 'computing', 'waiting'"),
        ({"size": 7}, "for computing choose one of 10_000, 100_000, 1_000_000, 10_000_000"),
        ({"work": "waiting", "size": 10_000}, "for waiting choose one of 0.02, 0.2, 1, 2, 4"),
        ({"workers": 0}, "choose a whole number from 1 on"),
        ({"workers": 2.5}, "choose a whole number from 1 on"),
    ],
)
def test_a_choice_that_is_not_there_is_an_error_that_lists_those_that_are(arguments, message):
    with pytest.raises(ValueError, match=message):
        panel(**arguments)


def test_a_small_machine_offers_fewer_workers_than_a_lesson_asks_for(monkeypatch):
    monkeypatch.setattr(module, "most_workers", lambda _: 4)
    assert 4 == panel(workers=16).plan.workers


# --- without a reader


def test_without_a_reader_it_is_a_sentence(capsys, monkeypatch):
    monkeypatch.setenv("MANYBRAINS_HEADLESS", "1")
    panel()._ipython_display_()
    assert f"{NO_WIDGET}\n" == capsys.readouterr().out


def test_outside_of_notebooks_no_widget_library_is_imported():
    code = (
        "import sys; from manybrains import panel; print(panel());"
        "print({'IPython', 'ipywidgets', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert [NO_WIDGET, "set()"] == done.stdout.splitlines()


# --- its controls


def test_only_sizes_of_the_chosen_kind_of_work_can_be_chosen(shown):
    choose(shown, work="waiting")
    assert SIZES["waiting"] == tuple(size for _, size in shown._size.options)
    assert ("waiting", 2) == (shown.plan.work, shown.plan.size)


def test_main_alone_has_no_workers_to_choose(shown):
    assert shown._workers.disabled
    choose(shown, strategy="threads")
    assert not shown._workers.disabled


def test_the_lines_to_type_follow_the_choices(shown):
    choose(shown, strategy="processes", workers=4)
    assert "%%watch processes" in shown._lines.value
    assert "for _ in range(4)]" in shown._lines.value


def test_each_control_has_a_label(shown):
    controls = (shown._strategy, shown._workers, shown._work, shown._size)
    assert ["Strategy", "Workers", "Work", "In all"] == [one.description for one in controls]


# --- Run and Stop


def test_run_ends_with_a_line_a_picture_and_a_row(shown):
    run(shown)
    assert re.fullmatch(r"serial: .* s wall, 0 workers, .* cores in use\.", said(shown))
    assert shown._picture.value.startswith('<img src="data:image/png;base64,')
    assert 'alt="' in shown._picture.value
    assert 1 == shown._table.value.count("<td>main alone</td>")


def test_two_runs_stand_side_by_side(shown):
    run(shown)
    run(shown, strategy="threads", workers=2)
    assert ["serial", "threads"] == [one.name for one in shown.runs]
    who = re.findall(r"<tr><td>(.*?)</td>", shown._table.value)
    assert ["2 threads", "main alone"] == who


def test_only_the_last_eight_runs_are_in_the_table(shown):
    for _ in range(9):
        run(shown)
    assert (9, 8) == (len(shown.runs), shown._table.value.count("<td>main alone</td>"))


def test_stop_is_told_and_its_run_is_in_no_table(shown):
    shown.plan = module.Plan("serial", 1, "waiting", 3_600)
    shown.press_run()
    shown.press_stop()
    wait(shown)
    assert re.fullmatch(r"Stopped after .* s\. No worker is left\.", said(shown))
    assert ("", ()) == (shown._table.value, shown.runs)
    assert "until Stop" in shown._picture.value


def test_stop_without_a_run_says_so(shown):
    shown.press_stop()
    assert "Nothing is running here." == said(shown)


def test_run_during_a_run_says_so(shown):
    shown.plan = module.Plan("threads", 1, "waiting", 3_600)
    shown.press_run()
    shown.press_run()
    assert "It is running already: wait for its end, or press Stop." == said(shown)
    shown.press_stop()
    wait(shown)


def test_run_during_the_run_of_another_panel_says_so(shown):
    other = panel("threads")
    assert other.widget
    other.plan = module.Plan("threads", 1, "waiting", 3_600)
    other.press_run()
    shown.press_run()
    assert said(shown).startswith("Not started, because another panel is running")
    other.press_stop()
    wait(other)
    run(shown)
    assert 1 == len(shown.runs)


def test_a_run_that_fails_is_a_sentence(shown, monkeypatch):
    def no_files(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("manybrains.widgets.trial.watch", no_files)
    run(shown)
    assert said(shown).startswith("It did not work: OSError, [Errno 24] Too many open files.")
    assert "ulimit -n" in said(shown)


def test_a_picture_that_fails_is_a_sentence(shown, monkeypatch):
    def broken(_):
        raise ValueError("no font")

    monkeypatch.setattr(module, "picture_html", broken)
    run(shown)
    assert "There is no picture: ValueError, no font." == said(shown)


def test_what_is_said_is_text_and_no_html(shown):
    shown._say("<b>")
    assert '<div role="status">&lt;b&gt;</div>' == shown._status.value


def test_the_lanes_that_grow_give_way_to_the_picture(shown):
    shown.plan = module.Plan("threads", 1, "waiting", 3_600)
    shown.press_run()
    assert ("", "none") == (shown._lanes.layout.display, shown._picture.layout.display)
    shown.press_stop()
    wait(shown)
    assert ("none", "") == (shown._lanes.layout.display, shown._picture.layout.display)
    assert '"over": true' in shown._lanes.news


def test_keys_that_are_pressed_in_it_are_its_own(shown):
    names = [type(child).__name__ for child in shown.widget.children]
    assert "OwnKeys" in names
