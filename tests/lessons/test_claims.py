"""claim(): what is claimed, and whether it was so here."""

import dataclasses
import re

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import process, run_of

from manybrains.lessons import claims
from manybrains.lessons.claims import Claim, claim
from manybrains.records.machine import Machine

FOUR = Machine("Linux", 4, 4.0, "", 2**33, "fork", "3.13.0", True)
ONE = Machine("Linux", 1, 1.0, "", 2**31, "fork", "3.13.0", True)
QUOTA = Machine("Linux", 2, 1.0, "a cgroup v2 quota", 2**31, "fork", "3.13.0", True)
SENTENCE = "Two processes use two cores"


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    """Four cores, and nobody else uses them."""
    monkeypatch.setattr(claims, "this_machine", lambda: FOUR)
    monkeypatch.setattr(claims, "cores_used_by_others", lambda: 0.0)


@pytest.fixture
def others_use(monkeypatch):
    """A function that lets others use so many of the four cores."""
    return lambda cores: monkeypatch.setattr(claims, "cores_used_by_others", lambda: cores)


# --- holds, or does not


@pytest.mark.parametrize(
    ("outcome", "value", "bound"),
    [
        ("holds", 1.96, {"above": 1.5}),
        ("does not hold", 1.5, {"above": 1.5}),
        ("does not hold", 1.2, {"above": 1.5}),
        ("holds", 1.2, {"below": 1.5}),
        ("does not hold", 1.5, {"below": 1.5}),
        ("does not hold", 1.96, {"below": 1.5}),
        ("holds", 3, {"equals": 3}),
        ("holds", 3.0, {"equals": 3}),
        ("does not hold", 4, {"equals": 3}),
        ("holds", 0, {"equals": 0}),
        ("holds", "fork", {"equals": "fork"}),
        ("does not hold", "fork", {"equals": "spawn"}),
        ("holds", [1, 2], {"equals": [1, 2]}),
        ("does not hold", None, {"equals": [1, 2]}),
        ("holds", True, {}),
        ("does not hold", False, {}),
        ("holds", True, {"equals": True}),
        ("does not hold", True, {"equals": False}),
        ("holds", numpy.float64(1.96), {"above": 1.5}),
        ("holds", numpy.int64(3), {"equals": 3}),
        ("holds", numpy.bool_(True), {}),
        ("does not hold", numpy.bool_(False), {}),
    ],
)
def test_a_measured_value_decides(outcome, value, bound):
    assert outcome == claim(SENTENCE, value, **bound).outcome


@pytest.mark.parametrize("several", [list, tuple, iter, numpy.array])
def test_of_several_measurements_the_median_decides(several):
    assert ("holds", 1.8) == (
        (judged := claim(SENTENCE, several([1.8, 1.0, 1.9]), above=1.5)).outcome,
        judged.measured,
    )


def test_all_measurements_are_shown():
    judged = claim(SENTENCE, [1.8, 1.0, 1.9], above=1.5)
    assert "measured 1.8, the median of 1.8, 1, 1.9; expected above 1.5" == judged.reason


# --- as text


def test_a_claim_that_holds_reads_as_one_line():
    assert f"holds: {SENTENCE} (measured 1.96, expected above 1.5)" == repr(
        claim(SENTENCE, 1.96, above=1.5)
    )


def test_a_claim_that_does_not_hold_reads_as_one_line():
    assert f"does not hold: {SENTENCE} (measured 1.02, expected above 1.5)" == str(
        claim(SENTENCE, 1.02, above=1.5)
    )


def test_a_claim_that_cannot_be_told_says_what_stood_in_the_way():
    judged = claim(SENTENCE, 1.02, above=1.5, needs_cores=2, machine=QUOTA)
    assert (
        f"cannot be told here: {SENTENCE} (needs 2 cores; 1 is yours: "
        "limited by a cgroup v2 quota; measured 1.02, expected above 1.5)"
    ) == repr(judged)


def test_a_figure_just_beside_its_bound_is_shown_with_the_digits_that_tell_them_apart():
    assert "measured 1.49996, expected above 1.5" == claim(SENTENCE, 1.49996, above=1.5).reason


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10,000,000", 10_000_000),
        ("10,000,000", 1e7),
        ("123,457", 123_456.78),
        ("1,235", 1234.5678),
        ("1.97", 1.9654),
        ("0.000123", 0.000123),
        ("0", 0.0),
        ("-2", -2),
        ("1e+300", 1e300),
    ],
)
def test_figures_are_short_to_read(text, value):
    assert f"measured {text}, expected above -5" == claim(SENTENCE, value, above=-5).reason


def test_a_truth_of_numpy_reads_like_one_of_python():
    assert "measured False, expected True" == claim(SENTENCE, numpy.bool_(False)).reason


def test_an_answer_of_several_lines_reads_as_one():
    table = type("Table", (), {"__repr__": lambda _: "a\n  b"})()
    assert "measured a b, expected 'c'" == claim(SENTENCE, table, equals="c").reason


@given(
    outcome=st.sampled_from(["holds", "does not hold", "cannot be told here"]),
    value=st.floats(allow_nan=False, allow_infinity=False),
    bound=st.floats(allow_nan=False, allow_infinity=False),
)
def test_the_text_has_the_form_that_tests_of_notebooks_rely_on_for_all_figures(
    outcome, value, bound
):
    judged = claim(SENTENCE, value, above=bound)
    text = repr(Claim(SENTENCE, outcome, judged.measured, judged.reason))
    assert re.fullmatch(rf"(holds|cannot be told here|does not hold): {SENTENCE} \((.*)\)", text)


# --- what cannot be told here


@pytest.mark.parametrize("value", [1.02, 1.96, [1.0, 2.0]])
def test_without_the_cores_it_cannot_be_told_whatever_was_measured(value):
    assert (
        "cannot be told here"
        == claim(SENTENCE, value, above=1.5, needs_cores=2, machine=QUOTA).outcome
    )


def test_the_machine_is_this_one_by_default(monkeypatch):
    monkeypatch.setattr(claims, "this_machine", lambda: ONE)
    assert (
        "needs 2 cores; 1 is present; measured 1, expected above 1.5"
        == claim(SENTENCE, 1, above=1.5, needs_cores=2).reason
    )


def test_a_machine_with_the_cores_can_tell():
    assert "holds" == claim(SENTENCE, 1.9, above=1.5, needs_cores=2, machine=FOUR).outcome


def test_a_failure_cannot_be_told_if_others_used_the_cores(others_use):
    others_use(2.6)
    assert (
        f"cannot be told here: {SENTENCE} "
        "(others used 2.6 of 4 cores; measured 1.2, expected above 1.5)"
    ) == repr(claim(SENTENCE, 1.2, above=1.5, needs_cores=2))


def test_a_failure_counts_if_others_left_enough_cores(others_use):
    others_use(1.9)
    assert "does not hold" == claim(SENTENCE, 1.2, above=1.5, needs_cores=2).outcome


def test_a_little_use_by_others_excuses_nothing(others_use):
    others_use(2.2)
    assert "does not hold" == claim(SENTENCE, 1.2, above=1.5, needs_cores=2).outcome


def test_a_success_counts_although_others_used_the_cores(others_use):
    others_use(4.0)
    assert "holds" == claim(SENTENCE, 1.9, above=1.5, needs_cores=2).outcome


def test_a_claim_that_needs_one_core_only_is_not_excused_by_others(others_use):
    others_use(4.0)
    assert "does not hold" == claim("The answer is right", 41, equals=42).outcome


def test_use_of_this_machine_does_not_excuse_a_run_of_another_machine(others_use):
    others_use(4.0)
    recorded = Machine("Linux", 8, 8.0, "", 2**34, "fork", "3.13.0", True)
    judged = claim(SENTENCE, 1.2, above=1.5, needs_cores=2, machine=recorded)
    assert "does not hold" == judged.outcome


def test_cores_in_use_remember_what_others_used_meanwhile(others_use):
    others_use(0.0)
    busy = run_of(process("worker", cores=1.0), used_by_others=2.6)
    for cores in (busy.peak_cores, busy.cores_in_use, [busy.peak_cores] * 3):
        told = claim(SENTENCE, cores, above=1.5, needs_cores=2)
        assert "cannot be told here" == told.outcome
        assert "others used 2.6 of 4 cores; " in told.reason


def test_use_of_the_machine_now_does_not_excuse_a_figure_from_a_quiet_time(others_use):
    others_use(4.0)
    quiet = run_of(process("worker", cores=1.0), used_by_others=0.1)
    assert "does not hold" == claim(SENTENCE, quiet.peak_cores, above=1.5, needs_cores=2).outcome


def test_of_a_block_too_short_to_tell_it_counts_what_others_use_now(others_use):
    short = run_of(process("worker", cores=1.0), used_by_others=None)
    others_use(4.0)
    told = claim(SENTENCE, short.peak_cores, above=1.5, needs_cores=2)
    assert "cannot be told here" == told.outcome


def test_a_claim_that_holds_costs_no_look_at_others(monkeypatch):
    monkeypatch.setattr(claims, "cores_used_by_others", lambda: pytest.fail("looked"))
    assert "holds" == claim(SENTENCE, 1.9, above=1.5, needs_cores=2).outcome


# --- judged against the ceiling of the machine


@pytest.mark.parametrize(("outcome", "value"), [("holds", 1.61), ("does not hold", 1.59)])
def test_above_is_a_share_of_the_ceiling(outcome, value):
    judged = claim(SENTENCE, value, above=0.8, ceiling=2.0, needs_cores=2)
    assert outcome == judged.outcome


def test_the_ceiling_is_shown():
    assert (
        "measured 1.8, expected above 1.55: 0.8 of the ceiling of 1.94"
        == claim(SENTENCE, 1.8, above=0.8, ceiling=1.94).reason
    )


def test_nothing_can_be_told_if_independent_processes_gain_nothing():
    judged = claim(SENTENCE, 1.0, above=0.8, ceiling=1.07, needs_cores=2)
    assert (
        f"cannot be told here: {SENTENCE} "
        "(needs 2 cores; independent processes side by side reach only 1.07 times one here; "
        "measured 1, expected above 0.856: 0.8 of the ceiling of 1.07)"
    ) == repr(judged)


@pytest.mark.parametrize("value", [0.8, 1.0, [1.0, 0.99, 1.01]])
def test_a_share_of_the_ceiling_that_one_core_reaches_tells_nothing_of_two(value):
    judged = claim(SENTENCE, value, above=0.6, ceiling=1.6, needs_cores=2)
    assert ("cannot be told here", "0.96 is no more than what one core does alone") == (
        judged.outcome,
        judged.reason.split(";")[0],
    )


# --- judged by what the clock can tell


@pytest.mark.parametrize(
    ("outcome", "value"),
    [
        ("holds", 0.016),
        ("cannot be told here", 0.015),
        ("cannot be told here", 0.0),
        ("cannot be told here", -0.015),
        ("does not hold", -0.016),
    ],
)
def test_a_figure_closer_to_its_bound_than_a_step_of_the_clock_cannot_be_told(outcome, value):
    assert outcome == claim(SENTENCE, value, above=0, resolution=1 / 64).outcome
    assert outcome == claim(SENTENCE, -value, below=0, resolution=1 / 64).outcome


def test_a_claim_that_the_clock_cannot_tell_says_how_the_clock_steps():
    assert (
        f"cannot be told here: {SENTENCE} (the CPU clock steps by 0.0156, more than from the "
        "figure to its bound; measured 0.00781, expected above 0)"
    ) == repr(claim(SENTENCE, 1 / 128, above=0, resolution=1 / 64))


def test_of_several_measurements_the_median_has_to_be_a_step_away_from_the_bound():
    assert "cannot be told here" == claim(SENTENCE, [0.0, 0.01, 9], above=0, resolution=1).outcome
    assert "holds" == claim(SENTENCE, [0.0, 1.01, 9], above=0, resolution=1).outcome


def test_the_step_of_the_clock_counts_for_a_share_of_the_ceiling_too():
    judged = claim(SENTENCE, 1.61, above=0.8, ceiling=2.0, needs_cores=2, resolution=0.02)
    assert "cannot be told here" == judged.outcome


@pytest.mark.parametrize(
    ("outcome", "system"),
    [("holds", "Linux"), ("holds", "Darwin"), ("cannot be told here", "Windows")],
)
def test_figures_of_a_run_know_the_clock_of_the_system_it_was_made_on(outcome, system):
    machine = dataclasses.replace(FOUR, system=system)
    costly = run_of(process("worker", cores=0.05), machine=machine)
    cheap = run_of(process("worker", cores=0.02), machine=machine)
    more = [costly.cpu_seconds - cheap.cpu_seconds] * 3
    assert outcome == claim("It costs more CPU time", more, above=0).outcome
    assert outcome == claim("It keeps less busy", costly.cores_in_use, below=0.05).outcome
    assert outcome == claim("It never keeps more busy", costly.peak_cores, below=0.1).outcome


def test_a_resolution_given_counts_instead_of_that_of_a_run():
    cores = run_of(process("worker", cores=0.05)).cores_in_use
    assert "cannot be told here" == claim(SENTENCE, cores, above=0, resolution=0.1).outcome


@pytest.mark.parametrize("resolution", [-1, "fine", True, float("nan")])
def test_a_senseless_resolution_is_refused(resolution):
    with pytest.raises(ValueError, match=f"resolution is {resolution!r}: give the smallest"):
        claim(SENTENCE, 1, above=0, resolution=resolution)


@pytest.mark.parametrize("bounds", [{"equals": 1}, {}])
def test_a_resolution_goes_with_above_or_below_only(bounds):
    with pytest.raises(ValueError, match=r"give it with above= or below= only"):
        claim(SENTENCE, 1 if bounds else True, resolution=0.1, **bounds)


# --- mistakes


@pytest.mark.parametrize(
    ("value", "bounds", "given"),
    [
        (1.2, {}, "measured 1.2, to be judged by nothing"),
        (1.2, {"above": 1, "below": 2}, "measured 1.2, to be judged by above=1 and below=2"),
        (True, {"above": 1}, "measured True, to be judged by above=1"),
        ("text", {}, "measured 'text', to be judged by nothing"),
    ],
)
def test_a_claim_needs_one_bound_or_a_truth(value, bounds, given):
    with pytest.raises(ValueError, match=re.escape(f"{given}: give one of above=, below=")):
        claim(SENTENCE, value, **bounds)


@pytest.mark.parametrize(
    "value", ["text", None, [], ["a"], [1, None], float("nan"), [float("inf")]]
)
def test_a_value_that_is_no_figure_cannot_be_above(value):
    with pytest.raises(TypeError, match=r"give a finite number, or several measurements"):
        claim(SENTENCE, value, above=1)


@pytest.mark.parametrize("bound", ["2", float("nan"), True, [1]])
def test_a_bound_has_to_be_a_number(bound):
    with pytest.raises(TypeError, match=re.escape(f"above is {bound!r}, but should be a number")):
        claim(SENTENCE, 1, above=bound)


@pytest.mark.parametrize("sentence", ["", "  ", "two\nlines", None, 3])
def test_a_sentence_is_needed(sentence):
    with pytest.raises(ValueError, match=re.escape(f"the sentence is {sentence!r}: claim someth")):
        claim(sentence, True)


@pytest.mark.parametrize("sentence", ["It is so (mostly)", "It is so ", " It is so"])
def test_a_sentence_that_would_blur_into_its_figures_is_refused(sentence):
    with pytest.raises(ValueError, match="nor end with a parenthesis, because the figures"):
        claim(sentence, True)


@pytest.mark.parametrize("cores", [0, -1, 1.5, "two", True, None])
def test_a_senseless_number_of_cores_is_refused(cores):
    with pytest.raises(ValueError, match=f"needs_cores is {cores!r}: give a whole number"):
        claim(SENTENCE, True, needs_cores=cores)


@pytest.mark.parametrize("share", [1.5, 0, -1])
def test_more_than_the_ceiling_is_refused(share):
    with pytest.raises(ValueError, match=f"above is {share} of a ceiling: give a share of it"):
        claim(SENTENCE, 1.5, above=share, ceiling=1.94)


@pytest.mark.parametrize(
    "bounds",
    [
        {"below": 1, "ceiling": 1.9},
        {"equals": 1, "ceiling": 1.9},
        {"above": 0.8, "ceiling": 0},
        {"above": 0.8, "ceiling": "high"},
    ],
)
def test_a_ceiling_goes_with_above_only(bounds):
    with pytest.raises(ValueError, match=r"give above=, as a share of ceiling=ceiling\(\)"):
        claim(SENTENCE, 1, **bounds)


def test_values_that_cannot_be_compared_are_refused_with_a_remedy():
    with pytest.raises(TypeError, match=r"cannot be compared .*: compare them yourself"):
        claim(SENTENCE, numpy.arange(2), equals=numpy.arange(2))


def test_a_claim_cannot_be_changed():
    with pytest.raises(AttributeError):
        claim(SENTENCE, True).outcome = "holds"


# --- repeats that do not all say the same


@pytest.mark.parametrize("repeats", [[1.1, 1.0, 2.8], [2.8, 1.9, 1.0], [1.49, 1.49, 1.51]])
def test_repeats_that_contradict_each_other_tell_nothing_about_cores(repeats):
    assert "cannot be told here" == claim(SENTENCE, repeats, above=1.5, needs_cores=2).outcome


def test_it_is_said_how_many_of_the_repeats_said_so():
    assert (
        f"cannot be told here: {SENTENCE} (the repeats contradict each other: it was so in "
        "1 of 3; measured 1.1, the median of 1.1, 1, 2.8; expected above 1.5)"
    ) == repr(claim(SENTENCE, [1.1, 1.0, 2.8], above=1.5, needs_cores=2))


@pytest.mark.parametrize(
    ("outcome", "repeats"),
    [("does not hold", [0.5, 1.0, 1.4]), ("holds", [1.6, 2.8, 1.9]), ("does not hold", [1.4, 1.4])],
)
def test_repeats_that_differ_but_say_the_same_decide(outcome, repeats):
    assert outcome == claim(SENTENCE, repeats, above=1.5, needs_cores=2).outcome


@pytest.mark.parametrize(
    ("outcome", "passing"), [("does not hold", 1), ("cannot be told here", 2), ("holds", 7)]
)
def test_of_many_repeats_fewer_than_a_quarter_may_say_otherwise(outcome, passing):
    repeats = [1.9] * passing + [1.0] * (8 - passing)
    assert outcome == claim(SENTENCE, repeats, above=1.5, needs_cores=2).outcome


def test_a_claim_that_needs_one_core_only_is_decided_by_the_median_alone():
    assert "does not hold" == claim("It is fast", [1.0, 1.1, 2.8], above=1.5).outcome


@given(
    repeats=st.lists(st.floats(0.01, 8), min_size=1, max_size=9),
    above=st.floats(0.01, 8),
)
def test_a_claim_that_all_repeats_refute_does_not_hold(repeats, above):
    judged = claim(SENTENCE, [min(one, above) for one in repeats], above=above, needs_cores=2)
    assert "does not hold" == judged.outcome
