"""Answers that a reader may give: the right ones solve an exercise, the wrong ones do not.

`answers/` holds a file for each notebook, named as that is: RIGHT and WRONG give, for the id of
each exercise, answers by what is special about them.
"""

import runpy
from pathlib import Path

import pytest
from course import NOTEBOOKS, Exercise, Lesson, ask_for, needed_by, read
from kernels import Kernel, kernel

ANSWERS = sorted(Path(__file__).with_name("answers").glob("*.py"))
LESSONS = {path.stem: path for path in NOTEBOOKS}
LEAST_WRONG, LEAST_RIGHT = 8, 3  # for each exercise
ANYBODY_LEFT = """\
import multiprocessing as _mp
_left = _mp.active_children()
for _child in _left:
    _child.kill()
    _child.join(5)
print(*(_child.name for _child in _left))"""


def verdict_of(notebook: Kernel, answer: str, check: str) -> str:
    """What the check says of an answer; an error of either is told as it stands."""
    given = notebook.run(answer)
    shown = notebook.run(check)
    left = notebook.run(ANYBODY_LEFT).stdout.strip()
    said = given.error or shown.error or shown.stdout.strip() or "nothing at all"
    return f"{said} (left behind: {left})" if left else said


def exercises_of(lesson: Lesson) -> dict[str, Exercise]:
    return {exercise.starter.id: exercise for exercise in lesson.exercises()}


def misjudged(lesson: Lesson, method: str | None, groups: list[str]) -> list[str]:
    """Try the answers of these groups in one kernel; say which were not judged as they should."""
    answers = runpy.run_path(str(Path(__file__).with_name("answers") / f"{lesson.path.stem}.py"))
    found = []
    with kernel(method) as notebook:
        for name, exercise in exercises_of(lesson).items():
            check, start = exercise.check.source, lesson.code.index(exercise.starter)
            given = {group: answers[group][name] for group in groups}
            sources = [check, *(one for group in given.values() for one in group.values())]
            for needed in needed_by(sources, lesson.code[1:start]):
                assert "" == notebook.run(needed).error
            for group, some in given.items():
                wanted = "solved" if group == "RIGHT" else "not solved yet: "
                for what, answer in some.items():
                    said = verdict_of(notebook, answer, check)
                    if not said.startswith(wanted):
                        found.append(f"{name}: {group} {what!r}: {said}")
    return found


@pytest.fixture(params=ANSWERS, ids=lambda path: path.stem)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return read(LESSONS[request.param.stem])


def test_every_exercise_has_enough_answers(lesson):
    answers = runpy.run_path(str(Path(__file__).with_name("answers") / f"{lesson.path.stem}.py"))
    ask_for(
        f"{lesson.path.name}, {name}: {len(answers[group].get(name, ()))} answers in {group}, "
        f"at least {least}"
        for name in exercises_of(lesson)
        for group, least in (("RIGHT", LEAST_RIGHT), ("WRONG", LEAST_WRONG))
        if len(answers[group].get(name, ())) < least
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("nobody_left")
def test_wrong_answers_are_told_from_right_ones(lesson):
    ask_for(misjudged(lesson, None, ["RIGHT", "WRONG"]))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("nobody_left")
def test_right_answers_are_right_where_workers_are_spawned(lesson):
    ask_for(misjudged(lesson, "spawn", ["RIGHT"]))
