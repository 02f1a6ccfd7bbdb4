"""The family of a run: which process started which, and which process only asked for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..records.run import Lane, Run
from .timeline_data import failed
from .words import exit_words, shortened

__all__ = ["ASKED", "Member", "census", "family_of"]

ASKED = "asked for by"
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
GENERATIONS = (("main", "main"), ("child", "children"), ("grandchild", "grandchildren"))


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the tree.

    Attributes:
        words: the lines of text about it.
        parent: the place in the family of the process that started it; None for main.
        depth: how many processes are above it in the tree.
        generation: 0 for main, 1 for a process that main asked for, 2 for a process that a
            process of generation 1 asked for, and so on.
        helper: True if it ran none of the reader's code.
        failed: True if it ended with an error or was killed.
    """

    words: tuple[str, ...]
    parent: int | None
    depth: int
    generation: int
    helper: bool = False
    failed: bool = False


def family_of(run: Run) -> tuple[Member, ...]:
    """Return main, all other processes, and for each the process that really started it.

    Processes are in order of birth.  A helper stands before the processes that it started; the
    other helpers come last.  A process whose parent is not known counts as a child of main.
    """
    return tuple(_Family(run).members)


class _Family:
    """The members so far, and the latest member with each pid: a system can use a pid again."""

    def __init__(self, run: Run) -> None:
        self.members: list[Member] = []
        self._system = run.machine.system
        self._places: dict[int, int] = {}
        self._helpers = {helper.pid: helper for helper in run.helpers}
        for lane in run.lanes:
            if lane.kind != "thread":
                self._add_lane(lane)
        while self.members and self._helpers:
            self._add_helper(next(iter(self._helpers)))

    def _add_lane(self, lane: Lane) -> None:
        words = [shortened(lane.name, 18), f"pid {lane.pid}"]
        if lane.exit_code is not None:
            words.append(exit_words(lane.exit_code, self._system))
        parent = asked = self._place(lane.parent_pid)
        if lane.requested_by is not None:
            asked = self._place(lane.requested_by)
        if asked is not None and asked != parent:
            words += [ASKED, self.members[asked].words[0]]
        generation = 0 if asked is None else self.members[asked].generation + 1
        self._add(lane.pid, words, parent, generation, failed=failed(lane))

    def _add_helper(self, pid: int) -> None:
        """Add a helper.  It is no generation of its own: it gets the generation of its parent."""
        helper = self._helpers.pop(pid)
        parent = self._place(helper.parent_pid)
        generation = 0 if parent is None else self.members[parent].generation
        words = [helper.name, "helper process", f"pid {pid}"]
        self._add(pid, words, parent, generation, helper=True)

    def _place(self, pid: int | None) -> int | None:
        """Return the place of the process with this pid, or that of main if there is none."""
        if not self.members:
            return None
        if pid in self._helpers:
            self._add_helper(pid)
        return self._places.get(pid or 0, 0)

    def _add(
        self,
        pid: int,
        words: Sequence[str],
        parent: int | None,
        generation: int,
        helper: bool = False,
        failed: bool = False,
    ) -> None:
        depth = 0 if parent is None else self.members[parent].depth + 1
        self._places[pid] = len(self.members)
        self.members.append(Member(tuple(words), parent, depth, generation, helper, failed))


def census(family: Sequence[Member]) -> str:
    """Return a sentence about how many processes there are; helpers are counted separately."""
    own = [member.generation for member in family if not member.helper]
    helpers = len(family) - len(own)
    parts = []
    for generation, names in enumerate(GENERATIONS):
        count = own.count(generation)
        if count:
            parts.append(f"{_number(count)} {names[count > 1]}")
    deeper = sum(generation >= len(GENERATIONS) for generation in own)
    parts += [f"{_number(deeper)} further down"] if deeper else []
    text = f"{len(own):,} process{'' if len(own) == 1 else 'es'}: {', '.join(parts)}"
    if helpers:
        text += f" (and {_number(helpers)} helper{'' if helpers == 1 else 's'})"
    return text if own else "no process was watched"


def _number(count: int) -> str:
    return WORDS[count] if count < len(WORDS) else f"{count:,}"
