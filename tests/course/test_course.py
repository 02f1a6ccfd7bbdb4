"""The notebooks keep the rules of the course, and their exercises can be solved.

Whether a sentence is clear no test can tell; what can be counted is counted here.  A test
that fails says in which cell, and what to do.
"""

import re
import statistics
from collections.abc import Iterator

import course
import pytest
from conftest import START_METHODS
from course import NOTEBOOKS, Lesson, ask_for
from execute_notebooks import METADATA, WIDGET_VIEW, places_named
from kernels import kernel

START_HERE = 0  # the first notebook may be shorter

EMOJI = re.compile("[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]")
NO_WORDS = re.compile(r"\b(?:simpl[ey]|just|eas(?:y|ily|ier)|obvious(?:ly)?)\b", re.IGNORECASE)
VERDICT = re.compile(r"^(?:holds|cannot be told here|does not hold): ", re.MULTILINE)
A_PLACE = re.compile(r"(?<![\w.~-])/(?:home|private|root|tmp|Users|var)/\S+|\b[A-Z]:\\\S+")
MEASURED = re.compile(
    r"(?<!Python )(?<![\w.])\d+(?:\.\d+|[.\d]* ?(?:s|ms|µs|%|(?:milli|micro)?seconds?|per cent)\b)"
)
# Terms stand in bold where a notebook first uses them.
TERMS = (
    *("chunk", "CPU time", "deadlock", "efficiency", "exit code", "GIL", "lost update"),
    *("oversubscription", "race condition", "sentinel", "serial fraction", "speedup"),
    *("start method", "wall time", "worker"),
)
SYNONYMS = {
    r"wall[- ]clock(?: time)?|elapsed time": "wall time",
    r"processor time|CPU-time": "CPU time",
    r"speed-ups?": "speedup",
    r"sub-?process(?:es)?": "worker, or process",
    r"start(?:ing)? mode|start-method|starting method": "start method",
    r"lost (?:increment|write)s?|missed updates?": "lost update",
    r"data races?|race hazards?": "race condition",
    r"dead[- ]locks?": "deadlock",
    r"mutex(?:es)?": "lock",
    r"co-routines?": "coroutine",
    r"exit status|return codes?|exit-codes?": "exit code",
    r"poison pills?|stop markers?|end markers?": "sentinel",
    r"over-subscription": "oversubscription",
}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem, scope="module")
def lesson(request: pytest.FixtureRequest) -> Lesson:
    """Each notebook of the course in turn."""
    return course.read(request.param)


# The files


def test_the_name_of_a_notebook_is_its_number_and_its_title(lesson):
    if not re.fullmatch(r"\d\d(-[a-z0-9]+)+\.ipynb", lesson.path.name):
        ask_for([lesson.here("call it NN-kebab-title.ipynb")])


def test_the_numbers_of_the_notebooks_have_no_gaps():
    there = [int(path.name[:2]) for path in NOTEBOOKS]
    assert list(range(max(there) + 1)) == there


def test_the_metadata_is_the_kernel_and_the_language(lesson):
    assert METADATA == lesson.metadata


def test_the_id_of_a_cell_says_what_is_in_it(lesson):
    ask_for(
        lesson.at(cell, "call it by a slug, such as look-at-the-lanes")
        for cell in lesson.cells
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id)
        or re.match(r"(?=[a-f]*\d)[0-9a-f]{8}(-|$)", cell.id)  # drawn by lot
    )


def test_no_two_cells_have_the_same_id(lesson):
    ids = [cell.id for cell in lesson.cells]
    assert sorted(set(ids)) == sorted(ids)


def test_cells_have_no_metadata_but_tags_and_the_words_for_a_picture(lesson):
    ask_for(
        lesson.at(cell, f"remove its metadata {sorted(extra)}")
        for cell in lesson.cells
        if (extra := set(cell.metadata) - {"tags", "mystnb"})
    )


# How a notebook opens and closes


def test_the_only_title_stands_in_the_first_cell(lesson):
    titles = [
        (place, line)
        for place, cell in enumerate(lesson.cells)
        if cell.cell_type == "markdown"
        for line in course.FENCE.sub("", cell.source).splitlines()
        if line.startswith("# ")
    ]
    assert [(0, lesson.cells[0].source.partition("\n")[0])] == titles


def test_the_opening_asks_one_question(lesson):
    asked = [line for line in course.sentences(lesson.cells[0]) if line.endswith("?")]
    assert 1 == len(asked), lesson.at(lesson.cells[0], "one question, on a line of its own")


def test_the_opening_promises_three_things(lesson):
    _, _, promised = lesson.cells[0].source.partition("ou will be able to\n")
    change = lesson.at(lesson.cells[0], "'You will be able to', and a list of three")
    assert 3 == len(re.findall(r"^- ", promised, re.MULTILINE)), change


def test_the_opening_says_how_long_the_notebook_takes(lesson):
    minutes = re.findall(r"(\d+) minutes", lesson.cells[0].source)
    fewest = 15 if lesson.number == START_HERE else 20
    right = len(minutes) == 1 and fewest <= int(minutes[0]) <= 45
    assert right, lesson.at(lesson.cells[0], f"say once how many minutes, {fewest} to 45")


def test_the_opening_says_nothing_else(lesson):
    lines = [line for line in lesson.cells[0].source.splitlines() if line.strip()]
    expected = "title, question, 'able to', three of a list, minutes"
    assert 7 == len(lines), lesson.at(lesson.cells[0], f"keep only {expected}")


def test_the_first_code_cell_is_the_set_up_and_no_other_is(lesson):
    places = [i for i, cell in enumerate(lesson.code) if cell.source == "%load_ext manybrains"]
    assert [0] == places, lesson.here("the first code cell is `%load_ext manybrains`, no other")


def test_the_last_code_cell_shows_that_no_worker_is_left(lesson):
    last = lesson.code[-1]
    shows = "active_children()" in last.source and course.shown(last).strip().endswith("\n[]")
    assert shows, lesson.at(last, "end with a code cell `active_children()` that shows []")


def test_the_closing_says_three_things_that_a_reader_can_say_now(lesson):
    last = lesson.cells[-1]
    told = re.search(r"^## Now you can say\n\n((?:[-*] .*\n?)+)", last.source, re.M)
    said = told[1].splitlines() if told else []
    assert 3 == len(said), lesson.at(last, "'Now you can say', and a list of three")


def test_the_closing_asks_one_to_three_open_questions(lesson):
    questions = course.prose(lesson.cells[-1]).count("?")
    assert 1 <= questions <= 3, lesson.at(lesson.cells[-1], "ask one to three open questions")


def test_the_closing_has_one_link_onward(lesson):
    links = re.findall(r"\]\(([^)]+)\)", lesson.cells[-1].source)
    assert 1 == len(links), lesson.at(lesson.cells[-1], "one link, to what comes next")


def test_what_a_notebook_links_to_exists(lesson):
    ask_for(
        lesson.at(cell, f"there is no {link}")
        for cell in lesson.text
        for link in re.findall(r"\]\((?!http|#)([^)#]+)\)", cell.source)
        if not (lesson.path.parent / link).exists()
    )


# How much there is of what


def test_there_are_12_to_25_code_cells(lesson):
    fewest = 8 if lesson.number == START_HERE else 12
    number = len(lesson.code)
    assert fewest <= number <= 25, lesson.here(f"has {number} code cells: {fewest} to 25")


def test_a_code_cell_comes_with_one_to_one_and_a_half_of_text(lesson):
    ratio = len(lesson.text) / len(lesson.code)
    assert 0.95 <= ratio <= 1.55, lesson.here(f"{ratio:.2f} cells of text a code cell: 1 to 1.5")


def test_no_three_code_cells_stand_in_a_row(lesson):
    rows = zip(lesson.cells, lesson.cells[1:], lesson.cells[2:], strict=False)
    ask_for(
        lesson.at(row[2], "the third code cell in a row: put text before it")
        for row in rows
        if {"code"} == {cell.cell_type for cell in row}
    )


def test_code_cells_are_short(lesson):
    numbers = [course.lines_of_code(cell) for cell in lesson.code]
    median, most = statistics.median(numbers), course.ninth_decile(numbers)
    found = f"half of the code cells have up to {median:g} lines, nine of ten up to {most:g}"
    assert max(median - 4, most - 8) <= 0, lesson.here(f"{found}: to be 4 and 8")


def test_no_code_cell_has_more_than_15_lines(lesson):
    ask_for(
        lesson.at(cell, f"has {number} lines of code: at most 15")
        for cell in lesson.code
        if (number := course.lines_of_code(cell)) > 15
    )


def test_no_cell_of_text_has_more_than_120_words(lesson):
    ask_for(
        lesson.at(cell, f"has {number} words: at most 120")
        for cell in lesson.text
        if (number := course.words(cell)) > 120
    )


def test_there_are_40_to_90_words_a_code_cell(lesson):
    number = sum(map(course.words, lesson.text)) / len(lesson.code)
    assert 40 <= number <= 90, lesson.here(f"{number:.0f} words a code cell: 40 to 90")


# The text


def test_a_line_of_text_is_a_sentence(lesson):
    ask_for(
        lesson.at(cell, f"put one whole sentence on this line: {line}")
        for cell in lesson.text
        for line in course.broken_sentences(cell)
    )


def test_nothing_is_called_easy(lesson):
    ask_for(
        lesson.at(cell, f"leave out {word!r}")
        for cell in lesson.cells
        for word in NO_WORDS.findall(cell.source)
    )


def test_nothing_is_exclaimed(lesson):
    ask_for(
        lesson.at(cell, f"no exclamation mark: {line}")
        for cell in lesson.text
        for line in course.prose(cell).splitlines()
        if "!" in line
    )


def test_there_are_no_emoji(lesson):
    ask_for(
        lesson.at(cell, f"leave out {emoji!r}")
        for cell in lesson.cells
        for emoji in EMOJI.findall(cell.source + course.shown(cell))
    )


def test_measured_figures_are_those_of_the_reader(lesson):
    ask_for(
        lesson.at(cell, f"leave the figure {figure!r} to the reader's own run")
        for cell in lesson.text
        for figure in MEASURED.findall(course.prose(cell))
    )


def test_a_term_is_bold_where_it_is_first_used(lesson):
    text = "\n".join(line for cell in lesson.text[1:] for line in course.sentences(cell))
    ask_for(
        lesson.here(
            f"'{term}' is first used here, make it bold: {text[first.start() - 40 :][:80]!r}"
        )
        for term in TERMS
        if (first := re.search(rf"(\*\*)?\b{term}(?:s|es)?\b", text, re.IGNORECASE))
        and not first[1]
    )


def test_a_term_is_never_replaced_by_a_synonym(lesson):
    ask_for(
        lesson.at(cell, f"say '{term}', not '{synonym}'")
        for cell in lesson.text
        for pattern, term in SYNONYMS.items()
        for synonym in re.findall(rf"\b(?:{pattern})\b", course.prose(cell), re.IGNORECASE)
    )


# Predict, run, explain


def test_the_reader_predicts_three_to_five_times(lesson):
    fewest = 2 if lesson.number == START_HERE else 3
    number = len(lesson.calls("predict"))
    assert fewest <= number <= 5, lesson.here(f"{number} predictions: {fewest} to 5")


def test_every_prediction_is_held_against_a_measurement(lesson):
    compared = {
        name for cell in lesson.code for name in re.findall(r"(\w+)\.compare\(", cell.source)
    }
    ask_for(
        lesson.at(cell, "name the prediction, and .compare() it after the run")
        for cell, _ in lesson.calls("predict")
        if not compared & course.used_and_bound(cell.source)[1]
    )


def test_three_sentences_or_more_are_claims(lesson):
    number = len(lesson.calls("claim"))
    assert number >= 3, lesson.here(f"{number} claims: at least 3")


def test_every_claim_shows_its_verdict(lesson):
    ask_for(
        lesson.at(cell, "print the claim, or put it on the last line")
        for cell, _ in lesson.calls("claim")
        if cell not in lesson.tagged("check") and not VERDICT.search(course.shown(cell))
    )


def test_no_claim_does_not_hold_unless_that_is_the_lesson(lesson):
    ask_for(
        lesson.at(cell, "'does not hold' is stored: mend the claim, or say so in the cell's id")
        for cell in lesson.code
        if "does not hold" in course.shown(cell) and "does-not-hold" not in cell.id
    )


def test_whatever_is_watched_has_a_deadline(lesson):
    undated = [
        cell
        for cell in lesson.code
        if cell.source.startswith("%%watch") and "--deadline" not in cell.source.partition("\n")[0]
    ]
    undated += [
        cell
        for cell, call in lesson.calls("watch")
        if "deadline" not in {keyword.arg for keyword in call.keywords}
    ]
    ask_for(lesson.at(cell, "give it a deadline: %%watch name --deadline 30") for cell in undated)


# Figures


def test_there_are_three_to_eight_figures(lesson):
    number = len(lesson.figures)
    assert 3 <= number <= 8, lesson.here(f"{number} figures: 3 to 8")


def test_every_figure_has_text_before_and_after_it(lesson):
    ask_for(
        lesson.at(lesson.cells[place], f"put text {side} its figure")
        for place in lesson.figures
        for side, neighbours in (
            ("before", lesson.cells[place - 1 : place]),
            ("after", lesson.cells[place + 1 : place + 2]),
        )
        if ["markdown"] != [cell.cell_type for cell in neighbours]
    )


# What is stored


def test_every_code_cell_was_run_once_from_top_to_bottom(lesson):
    counts = [cell.execution_count for cell in lesson.code]
    assert list(range(1, len(lesson.code) + 1)) == counts


def test_no_widget_is_stored(lesson):
    ask_for(
        lesson.at(cell, "store no widget: run it by tests/execute_notebooks.py")
        for cell in lesson.code
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.outputs)
    )


def test_no_output_names_a_place_on_a_machine(lesson):
    named = {
        (cell.id, found) for cell in lesson.code for found in A_PLACE.findall(course.shown(cell))
    }
    named.update(places_named(lesson))
    ask_for(lesson.here(f"cell {cell_id} shows {found}") for cell_id, found in sorted(named))


def test_a_failure_that_is_taught_is_required(lesson):
    ask_for(
        lesson.at(cell, "tag it raises-exception and nbval-check-output, both, as it fails")
        for cell in lesson.code
        if fails(cell) != ({"raises-exception"} <= tags(cell))
        or fails(cell) != ({"raises-exception", "nbval-check-output"} <= tags(cell))
    )


# Exercises


def test_there_is_an_exercise_or_two(lesson):
    number = len(lesson.tagged("exercise"))
    assert 1 <= number <= 2, lesson.here(f"{number} cells with the tag exercise: 1 or 2")


def test_an_exercise_is_followed_by_its_check_and_its_solution(lesson):
    kinds = ["exercise", "check", "solution"]
    found = [tag for cell in lesson.cells for tag in cell.metadata.get("tags", []) if tag in kinds]
    assert kinds * (len(found) // 3 or 1) == found


def test_the_task_stands_before_its_starter(lesson):
    ask_for(
        lesson.at(cell, "say the task in the cell before it")
        for cell in lesson.tagged("exercise")
        if "markdown" != lesson.cells[lesson.cells.index(cell) - 1].cell_type
    )


def test_the_starter_runs(lesson):
    ask_for(
        lesson.at(cell, "write a starter that raises nothing")
        for cell in lesson.tagged("exercise")
        if fails(cell)
    )


def test_the_check_is_not_passed_by_the_starter(lesson):
    ask_for(
        lesson.at(cell, "print 'not solved yet: ...' with the starter, and store it")
        for cell in lesson.tagged("check")
        if not re.match("not solved yet: .", course.shown(cell))
    )


def test_a_notebook_ends_with_the_outcomes_of_all_its_exercises(lesson):
    checks = [exercise.check.source for exercise in lesson.exercises()]
    checked = [re.findall(r'^exercise\("([^"]+)"', source, re.MULTILINE) for source in checks]
    told = re.findall(r"^outcomes\((.*)\)$", lesson.code[-1].source, re.MULTILINE)
    assert [1] * len(checks) == list(map(len, checked)), lesson.here("each check calls `exercise`")
    wanted = ", ".join(f'"{name}"' for [name] in checked)
    assert [wanted] == told, lesson.here(f"its last code cell should have `outcomes({wanted})`")


def test_a_notebook_ends_with_the_outcomes_of_all_its_predictions(lesson):
    number = str(len(lesson.calls("predict")))  # two that ask the same would count once
    told = re.findall(r"^Predictions: 0 of (\d+) ", course.shown(lesson.code[-1]), re.MULTILINE)
    assert [number] == told, lesson.here(f"{number} predictions, and the last code cell: {told}")


def test_a_solution_is_collapsed(lesson):
    ask_for(
        lesson.at(cell, "open it with <details>, and a <summary>")
        for cell in lesson.tagged("solution")
        if not re.match(r"<details>\s*<summary>.+</summary>\n\n", cell.source)
    )


@pytest.mark.slow
@pytest.mark.usefixtures("nobody_left")
@pytest.mark.parametrize("method", [m for m in START_METHODS if m in (START_METHODS[0], "spawn")])
def test_the_check_is_passed_by_the_solution(lesson, method):
    with kernel(method) as notebook:
        for exercise in lesson.exercises():
            for source in to_run(lesson, exercise):
                shown = notebook.run(source)
            verdict = (shown.error or shown.stdout).strip()
            assert verdict.startswith("solved"), lesson.at(exercise.check, verdict)


def to_run(lesson: Lesson, exercise: course.Exercise) -> Iterator[str]:
    """What the solution and the check need, the solution, and the check."""
    before = lesson.code[1 : lesson.code.index(exercise.starter)]
    sources = [exercise.solution, exercise.check.source]
    yield from course.needed_by(sources, before)
    yield from sources


def fails(cell) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))
