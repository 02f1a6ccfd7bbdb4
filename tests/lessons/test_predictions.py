"""predict(): what the reader expects, committed to before the run."""

import subprocess
import sys
from types import SimpleNamespace

import ipywidgets
import pytest

from manybrains.lessons.predictions import predict
from manybrains.records import frontend

QUESTION = "How long will two threads take?"
CHOICES = ("half as long", "as long", "twice as long")


@pytest.fixture
def prediction():
    return predict(QUESTION, *CHOICES)


def test_the_question_and_its_lettered_choices_are_printed(capsys):
    predict(QUESTION, *CHOICES)
    assert (
        f"{QUESTION}\n  a) half as long\n  b) as long\n  c) twice as long\n"
        == capsys.readouterr().out
    )


def test_at_first_nothing_is_predicted(prediction):
    assert prediction.choice is None


@pytest.mark.parametrize("choice", ["as long", "b", 1])
def test_a_choice_is_made_by_text_letter_or_number(prediction, choice):
    prediction.choose(choice)
    assert "as long" == prediction.choice


def test_a_choice_that_is_a_letter_goes_before_the_letter_of_another():
    prediction = predict("Which?", "b", "a")
    prediction.choose("a")
    assert "a" == prediction.choice


def test_a_choice_can_be_changed(prediction):
    prediction.choose("a")
    prediction.choose("c")
    assert "twice as long" == prediction.choice


@pytest.mark.parametrize("choice", ["never", "d", "", 3, -1, True, 1.0, None])
def test_a_choice_that_is_not_there_is_an_error_that_lists_those_that_are(prediction, choice):
    with pytest.raises(
        ValueError, match=rf"there is no choice {choice!r}: choose one of\n  a\) half"
    ):
        prediction.choose(choice)


def said(prediction, capsys, actual):
    capsys.readouterr()
    prediction.compare(actual)
    return capsys.readouterr().out


@pytest.mark.parametrize("actual", ["twice as long", "c", 2])
def test_a_prediction_is_said_beside_what_was_measured(prediction, capsys, actual):
    prediction.choose("a")
    assert 'You predicted "half as long"; measured: "twice as long"\n' == said(
        prediction, capsys, actual
    )


def test_a_missing_prediction_is_mentioned(prediction, capsys):
    assert 'No prediction was made; measured: "as long"\n' == said(prediction, capsys, 1)


def test_a_measurement_that_needs_more_cores_than_there_are_is_not_judged(prediction, capsys):
    prediction.choose("a")
    prediction.compare("b", needs_cores=4096)
    told = 'You predicted "half as long"; cannot be told here: it needs 4096 cores, and you have '
    assert capsys.readouterr().out.startswith(told)
    assert prediction.measured is None


def test_a_measurement_that_is_no_choice_is_an_error(prediction):
    with pytest.raises(ValueError, match="there is no choice 'longer'"):
        prediction.compare("longer")


def test_a_prediction_reads_as_a_sentence(prediction):
    prediction.choose(0)
    assert 'You predicted "half as long"' == repr(prediction)


def test_a_prediction_that_was_not_made_reads_as_such(prediction):
    assert "No prediction so far" == repr(prediction)


@pytest.mark.parametrize("choices", [(), ("one",), ("same", "same"), tuple(map(str, range(27)))])
def test_too_few_doubled_or_too_many_choices_are_refused(choices):
    with pytest.raises(ValueError, match="give two or more that differ"):
        predict(QUESTION, *choices)


@pytest.mark.parametrize("text", ["", " ", "two\nlines", 3, None])
def test_a_question_has_to_be_a_line_of_text(text):
    with pytest.raises(ValueError, match="is not a line of text"):
        predict(text, *CHOICES)


@pytest.mark.parametrize("text", ["", " ", "two\nlines", 3, None])
def test_a_choice_has_to_be_a_line_of_text(text):
    with pytest.raises(ValueError, match="is not a line of text"):
        predict(QUESTION, "half as long", text)


# --- in a notebook


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook's reader is shown."""
    shown = []
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel="a kernel"))
    display = SimpleNamespace(display=lambda data, raw: shown.append(data))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.delenv(frontend.HEADLESS, raising=False)
    return shown


@pytest.fixture
def boxes(displayed, monkeypatch):
    """The boxes of widgets that were made."""
    made = []

    class Box(ipywidgets.VBox):
        def __init__(self, children):
            super().__init__(children)
            made.append(self)

    monkeypatch.setattr(ipywidgets, "VBox", Box)
    return made


def widgets_in(boxes):
    """The buttons that the reader is shown, and the line below them."""
    return boxes[0].children[1:]


def test_a_reader_of_a_notebook_gets_a_button_a_choice_with_its_full_text(boxes):
    predict(QUESTION, *CHOICES)
    buttons, _ = widgets_in(boxes)
    texts = tuple(text for text, _ in buttons.options)
    assert ("a) half as long", "b) as long", "c) twice as long") == texts


def test_a_reader_with_buttons_reads_each_choice_once(displayed, capsys):
    predict(QUESTION, *CHOICES)
    assert f"{QUESTION}\n" == capsys.readouterr().out


def test_a_front_end_without_widgets_shows_the_choices_as_text(displayed):
    predict(QUESTION, *CHOICES)
    assert "  a) half as long\n  b) as long\n  c) twice as long" == displayed[0]["text/plain"]


def test_the_buttons_are_what_is_displayed(boxes, displayed):
    predict(QUESTION, *CHOICES)
    view = displayed[0]["application/vnd.jupyter.widget-view+json"]
    assert boxes[0].model_id == view["model_id"]


def test_no_button_is_pressed_at_first(boxes):
    predict(QUESTION, *CHOICES)
    assert widgets_in(boxes)[0].value is None


def test_a_click_makes_the_choice(boxes):
    prediction = predict(QUESTION, *CHOICES)
    widgets_in(boxes)[0].value = 1
    assert "as long" == prediction.choice


def test_a_click_is_confirmed(boxes):
    predict(QUESTION, *CHOICES)
    buttons, said = widgets_in(boxes)
    buttons.value = 2
    assert 'You predicted "twice as long".' == said.value


def test_no_widget_is_shown_if_a_notebook_runs_without_a_reader(displayed, monkeypatch):
    monkeypatch.setenv(frontend.HEADLESS, "1")
    predict(QUESTION, *CHOICES)
    assert [] == displayed


def test_outside_of_notebooks_no_widget_library_is_imported():
    code = (
        "import sys; from manybrains import predict; predict('Which?', 'this', 'that');"
        "print({'IPython', 'ipywidgets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "set()" == done.stdout.splitlines()[-1]
