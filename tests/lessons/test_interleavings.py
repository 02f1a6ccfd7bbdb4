"""interleavings(): all orders of two workers' steps, worked out by hand where it matters."""

from manybrains.lessons.interleavings import Interleaving, interleavings

ORDERS = interleavings()


def test_there_are_twenty_and_no_two_are_the_same():
    assert 20 == len({order.turns for order in ORDERS}) == len(ORDERS)


def test_each_worker_has_three_steps_in_each():
    assert {("A" * 3, "B" * 3)} == {
        (order.turns.replace("B", ""), order.turns.replace("A", "")) for order in ORDERS
    }


def test_only_one_worker_after_the_other_loses_nothing():
    kept = [order for order in ORDERS if not order.loses]
    assert [Interleaving("AAABBB", 2), Interleaving("BBBAAA", 2)] == kept


def test_in_all_others_one_update_is_lost():
    assert [1] * 18 == [order.total for order in ORDERS if order.loses]


def test_they_stand_in_order():
    turns = [order.turns for order in ORDERS]
    assert sorted(turns) == turns
