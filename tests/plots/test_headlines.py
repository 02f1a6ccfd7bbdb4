"""The message of a run in a sentence."""

import dataclasses

import pytest
from made_up import MACHINE, MAIN, process, run_of

from manybrains.plots.headlines import headline


def test_the_headline_says_who_kept_how_many_cores_busy_for_how_long():
    run = run_of(process("one", 0, 1, cores=1.0), process("two", 0, 1, cores=0.96), name="duel")
    assert "duel: 2 workers kept 1.96 cores busy for 1.00 s" == headline(run)


def test_the_headline_of_a_run_without_workers_names_main():
    run = run_of(main=dataclasses.replace(MAIN, cpu_seconds=0.5), name="alone")
    assert "alone: no workers, main kept 0.50 cores busy for 1.00 s" == headline(run)


@pytest.mark.parametrize(
    ("note", "end"),
    [
        ("stopped at its deadline of 1 s while it was at `p.join()`", ", until the deadline"),
        ("stopped by ZeroDivisionError", ", until ZeroDivisionError"),
        ("", ", then stopped early"),
        ("nobody knows why", ", then stopped early"),
    ],
)
def test_the_headline_of_an_unfinished_run_says_what_ended_it(note, end):
    assert headline(run_of(finished=False, note=note)).endswith(f" s{end}")


@pytest.mark.parametrize(
    ("yours", "words"),
    [
        (0.5, ", more than the 0.5 that are yours"),
        (1.0, ", more than the 1 that is yours"),
        (1.75, " for 1.00 s"),  # no more than clocks are wrong by
    ],
)
def test_the_headline_says_if_more_cores_were_busy_than_are_yours(yours, words):
    machine = dataclasses.replace(MACHINE, cores_yours=yours, limited_by="CPU affinity")
    assert headline(run_of(process("one", 0, 1, cores=2.0), machine=machine)).endswith(words)
