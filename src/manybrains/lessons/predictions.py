"""Predictions: what the reader expects of a run, before the run.

In a notebook the reader chooses with a click, elsewhere with a call.  The widget is imported
only where it is shown.
"""

from string import ascii_lowercase
from typing import Any

from ..records.frontend import in_notebook, is_headless
from ..records.machine import this_machine
from .outcomes import remember_prediction

__all__ = ["Prediction", "predict"]


class Prediction:
    """A question, its choices, and the reader's choice.

    Attributes:
        question: what the reader should predict.
        choices: the possible answers, in order.
        choice: the chosen answer; None before the reader has chosen.
        measured: the answer that `compare` was given; None before, and if it could not be told.
    """

    def __init__(self, question: str, choices: tuple[str, ...]) -> None:
        self.question = question
        self.choices = choices
        self.choice: str | None = None
        self.measured: str | None = None

    def choose(self, choice: str | int) -> None:
        """Commit to a choice: its text, its letter, or its number counted from 0.

        Raises:
            ValueError: if there is no such choice; the message lists the choices.
        """
        self.choice = self._found(choice)

    def compare(self, actual: str | int, needs_cores: int = 1) -> None:
        """Print the prediction beside the true choice; give `actual` as in `choose`.

        With fewer cores than it needs, it is not judged, and a sentence says so.
        """
        said = f'You predicted "{self.choice}"' if self.choice else "No prediction was made"
        found, yours = self._found(actual), this_machine().cores_yours
        if yours < needs_cores:
            self.measured = None
            print(
                f"{said}; cannot be told here: it needs {needs_cores} cores, and you have {yours:g}"
            )
        else:
            self.measured = found
            print(f'{said}; measured: "{found}"')

    def _found(self, choice: str | int) -> str:
        if choice in self.choices:
            return str(choice)
        letters = ascii_lowercase[: len(self.choices)]
        if isinstance(choice, str) and len(choice) == 1 and choice in letters:
            return self.choices[letters.index(choice)]
        if type(choice) is int and 0 <= choice < len(self.choices):
            return self.choices[choice]
        raise ValueError(f"there is no choice {choice!r}: choose one of\n{_lettered(self.choices)}")

    def __repr__(self) -> str:
        return f'You predicted "{self.choice}"' if self.choice else "No prediction so far"


def predict(question: str, *choices: str) -> Prediction:
    """Ask the question, and return a Prediction, in which the reader's choice is kept.

    In a notebook the choices are buttons.  Elsewhere, and if the notebook runs without a
    reader (environment variable MANYBRAINS_HEADLESS), the choices are printed with letters.

    Raises:
        ValueError: if the question or a choice is not one line of text, or if there are not
            two or more different choices.
    """
    _check(question, choices)
    prediction = Prediction(question, choices)
    remember_prediction(prediction)
    print(question)
    if in_notebook() and not is_headless():
        _show_buttons(prediction)
    else:
        print(_lettered(choices))
    return prediction


def _check(question: str, choices: tuple[str, ...]) -> None:
    for text in (question, *choices):
        if not isinstance(text, str) or len(text.strip().splitlines()) != 1:
            raise ValueError(f"{text!r} is not a line of text: say it in words, on one line")
    if not 2 <= len(choices) <= len(ascii_lowercase) or len(set(choices)) < len(choices):
        raise ValueError(
            f"the choices are {choices!r}: give two or more that differ, "
            'such as predict("How long?", "half as long", "as long")'
        )


def _lettered(choices: tuple[str, ...]) -> str:
    pairs = zip(ascii_lowercase, choices, strict=False)
    return "\n".join(f"  {letter}) {choice}" for letter, choice in pairs)


# A button of ipywidgets is as wide as a short word, and cuts off longer text.
STYLE = """<style>
.manybrains-choices .jupyter-button {
    width: auto; max-width: 100%; height: auto; padding: 2px 10px; margin: 3px;
    line-height: 1.5; white-space: normal; text-align: left; overflow: visible;
}
.manybrains-choices .jupyter-button:focus-visible { outline: 2px solid; outline-offset: 1px; }
</style>"""


def _show_buttons(prediction: Prediction) -> None:
    """Display one button per choice; a click chooses, and another click changes the choice."""
    from IPython.display import display
    from ipywidgets import HTML, Label, ToggleButtons, VBox

    letters = zip(ascii_lowercase, prediction.choices, strict=False)
    buttons = ToggleButtons(
        options=[
            (f"{letter}) {choice}", number) for number, (letter, choice) in enumerate(letters)
        ],
        value=None,
        layout={"width": "auto"},
    )
    buttons.add_class("manybrains-choices")
    said = Label("Your prediction: press a button.")

    def chosen(change: dict[str, Any]) -> None:
        prediction.choose(change["new"])
        said.value = f"{prediction!r}."

    buttons.observe(chosen, names="value")
    # A front end without widgets shows the text instead.
    box = VBox([HTML(STYLE, layout={"display": "none"}), buttons, said])
    data = {**box._repr_mimebundle_(), "text/plain": _lettered(prediction.choices)}
    display(data, raw=True)  # type: ignore[no-untyped-call]
