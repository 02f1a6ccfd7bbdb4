"""Interleavings: every order in which two workers can read, add and write one number.

It is worked out, not measured: which orders lose an update does not depend on the machine.
"""

from dataclasses import dataclass
from itertools import combinations

__all__ = ["STEPS", "Interleaving", "interleavings"]

STEPS = ("read", "add", "write")


@dataclass(frozen=True, slots=True)
class Interleaving:
    """One order of the steps of two workers, A and B, who each add one to a number.

    Attributes:
        turns: who takes each step, such as ``"AABABB"``.
        total: what the number is afterwards; it began at zero.
    """

    turns: str
    total: int

    @property
    def loses(self) -> bool:
        """Whether one of the two updates is lost."""
        return self.total < 2


def interleavings() -> tuple[Interleaving, ...]:
    """Return all twenty orders of two workers' read, add and write, each worker's in order.

    The order in which A takes all its steps first is the first one; that in which B does is
    the last.
    """
    both = 2 * len(STEPS)
    chosen = combinations(range(both), len(STEPS))
    every = ["".join("A" if turn in of_a else "B" for turn in range(both)) for of_a in chosen]
    return tuple(Interleaving(turns, _total(turns)) for turns in every)


def _total(turns: str) -> int:
    """Return what a number that began at zero is after these turns."""
    number, seen, taken = 0, {"A": 0, "B": 0}, {"A": 0, "B": 0}
    for worker in turns:
        step = STEPS[taken[worker]]
        taken[worker] += 1
        if step == "read":
            seen[worker] = number
        elif step == "add":
            seen[worker] += 1
        else:
            number = seen[worker]
    return number
