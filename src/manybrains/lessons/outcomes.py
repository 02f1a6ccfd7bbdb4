"""Outcomes: predictions that came true and exercises that are solved, while the kernel lives.

A prediction tells its outcome itself, in `Prediction.compare`; the check of an exercise calls
`exercise`.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["exercise", "outcomes", "remember_prediction"]

_predictions: dict[str, Any] = {}  # by question: the last one counts
_solved: dict[str, bool] = {}  # by the name of the exercise


def remember_prediction(prediction: Any) -> None:
    """Let `outcomes` know of a prediction; one with the same question is forgotten."""
    _predictions[prediction.question] = prediction


def exercise(name: str, problem: str | Mapping[str, object], praise: str = "") -> None:
    """Print what the check of an exercise found, and remember it for `outcomes`.

    Args:
        name: of the exercise.
        problem: what is wrong, or an empty text.  Of a mapping, it is the first key whose value
            is true.
        praise: what is said if nothing is wrong.
    """
    if isinstance(problem, Mapping):
        problem = next((text for text, is_so in problem.items() if is_so), "")
    _solved[name] = not problem
    if problem:
        print(f"not solved yet: {problem}")
    else:
        print(f"solved: {praise}" if praise else "solved")


def outcomes(*exercises: str) -> None:
    """Print how many predictions came true and how many of these exercises are solved.

    Args:
        exercises: the names of all exercises; one that was not checked is open.
    """
    made = [each for each in _predictions.values() if each.choice and each.measured]
    true = [each for each in made if each.choice == each.measured]
    unmade = sum(not each.choice for each in _predictions.values())
    unjudged = len(_predictions) - len(made) - unmade
    if _predictions:
        missing = f", {unmade} not made" if unmade else ""
        missing += f", {unjudged} not judged" if unjudged else ""
        print(f"Predictions: {len(true)} of {len(_predictions)} came true{missing}.")
    for each in made:
        if each not in true:
            print(
                f'- {each.question} You said "{each.choice}"; it was "{each.measured}": look again.'
            )
    names = {*exercises, *_solved}
    still = [name for name in dict.fromkeys([*exercises, *_solved]) if not _solved.get(name)]
    if names:
        print(f"Exercises: {len(names) - len(still)} of {len(names)} solved", end="")
        print(f"; open: {', '.join(still)}." if still else ".")
    if not _predictions and not names:
        print("No prediction and no exercise so far.")
