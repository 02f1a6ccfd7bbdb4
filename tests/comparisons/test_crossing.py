"""break_even(): from which size of the work on one contestant is faster than the first."""

import pytest
from made_up import run_of

from manybrains.comparisons.comparison import Comparison, Contestant
from manybrains.comparisons.crossing import break_even


def one_of(name, wall):
    return Contestant(name, (run_of(wall=wall),))


def at_sizes(**walls):
    """Comparisons at 10, 100, 1,000: the first contestant takes 1 s at each of them."""
    sizes = (10, 100, 1_000)
    return {
        size: Comparison((one_of("first", 1.0), *(one_of(n, w[i]) for n, w in walls.items())))
        for i, size in enumerate(sizes)
    }


def test_it_is_the_size_at_which_the_lines_cross():
    assert pytest.approx(100 * 10**0.5) == break_even(at_sizes(other=(9, 2, 0.5)), "other")


def test_it_is_nearer_to_the_size_with_the_smaller_difference():
    found = break_even(at_sizes(other=(9, 1.1, 0.1)), "other")
    assert 100 < found < 120


def test_a_size_of_equal_times_is_the_break_even():
    assert pytest.approx(100) == break_even(at_sizes(other=(9, 1, 0.5)), "other")


def test_only_the_last_crossing_counts():
    found = break_even(at_sizes(other=(0.5, 2, 0.5)), "other")
    assert pytest.approx(100 * 10**0.5) == found


def test_who_is_faster_at_all_sizes_breaks_even_at_the_smallest():
    assert 10 == break_even(at_sizes(other=(0.9, 0.8, 0.7)), "other")


def test_who_is_not_faster_at_the_largest_size_breaks_even_nowhere():
    assert break_even(at_sizes(other=(2, 0.5, 1.5)), "other") is None
    assert break_even(at_sizes(other=(2, 2, 1)), "other") is None


def test_the_sizes_may_come_in_any_order():
    comparisons = at_sizes(other=(9, 2, 0.5))
    turned = dict(reversed(comparisons.items()))
    assert break_even(comparisons, "other") == break_even(turned, "other")


def test_a_name_that_nobody_has_is_told():
    with pytest.raises(KeyError, match="no contestant is called 'nobody'"):
        break_even(at_sizes(other=(1, 1, 1)), "nobody")


@pytest.mark.parametrize("sizes", [(), (0, 10), (-1,)])
def test_sizes_without_a_logarithm_are_refused(sizes):
    comparisons = {size: Comparison((one_of("first", 1.0),)) for size in sizes}
    with pytest.raises(ValueError, match="compare at some sizes above 0"):
        break_even(comparisons, "first")
