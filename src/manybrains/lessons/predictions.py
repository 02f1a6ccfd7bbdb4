"""Predictions: what the reader expects of a run, before it is run.

In a notebook a choice is a click, elsewhere a call.  The widget is imported only
where it is shown.
"""

from string import ascii_lowercase
from typing import Any

from ..records.frontend import in_notebook, is_headless

__all__ = ["Prediction", "predict"]


class Prediction:
    """A question, its choices, and which of them was chosen.

    Attributes:
        question: what is to be predicted.
        choices: the possible answers, in order.
        choice: the chosen answer, or None so far.
    """

    def __init__(self, question: str, choices: tuple[str, ...]) -> None:
        self.question = question
        self.choices = choices
        self.choice: str | None = None

    def choose(self, choice: str | int) -> None:
        """Commit to a choice: its text, its letter, or its number counted from 0.

        Raises:
            ValueError: if there is no such choice; the message lists those there are.
        """
        self.choice = self._found(choice)

    def compare(self, actual: str | int) -> None:
        """Print the prediction beside the choice that turned out true, given as in `choose`."""
        measured = f'measured: "{self._found(actual)}"'
        if self.choice is None:
            print(f"No prediction was made; {measured}")
        else:
            print(f'You predicted "{self.choice}"; {measured}')

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
    """Print the question with its lettered choices, and return the Prediction to be made.

    In a notebook buttons for the choices follow; elsewhere, and where the notebook is run
    without a reader (environment variable MANYBRAINS_HEADLESS), the text is all there is.

    Raises:
        ValueError: if question or choices are missing, doubled or longer than a line.
    """
    _check(question, choices)
    prediction = Prediction(question, choices)
    print(f"{question}\n{_lettered(choices)}")
    if in_notebook() and not is_headless():
        _show_buttons(prediction)
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


def _show_buttons(prediction: Prediction) -> None:
    """Display one button a choice; a click makes the choice, and another one changes it."""
    from IPython.display import display
    from ipywidgets import HBox, Label, Layout, ToggleButtons

    letters = ascii_lowercase[: len(prediction.choices)]
    buttons = ToggleButtons(
        options=[(letter, number) for number, letter in enumerate(letters)],
        value=None,
        tooltips=prediction.choices,
        style={"button_width": "3em"},
    )
    said = Label("Your prediction: click a letter.", layout=Layout(margin="2px 0 0 1em"))

    def chosen(change: dict[str, Any]) -> None:
        prediction.choose(change["new"])
        said.value = f"{prediction!r}."

    buttons.observe(chosen, names="value")
    display(HBox([buttons, said]))  # type: ignore[no-untyped-call]
