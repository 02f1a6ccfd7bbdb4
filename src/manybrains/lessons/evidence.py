"""Evidence: one cell of the final table, its verdict, and the figure that decided.

The lesson measures and judges; here the verdict stands beside what the course says.
"""

from dataclasses import dataclass

__all__ = ["COURSE", "UNTOLD", "WAYS", "Evidence"]

UNTOLD = "cannot be told here"
WAYS = ("threading", "async", "multiprocessing")
COURSE = {
    "parallel CPU": ("no", "no", "yes"),
    "best for I/O": ("yes", "best", "not ideal"),
    "memory shared": ("yes", "yes", "no"),
    "complexity": ("medium", "high", "high"),
    "GIL in the way": ("yes", "single thread", "no"),
}  # what the course says: for each question, a verdict on each of the ways


@dataclass(frozen=True, slots=True)
class Evidence:
    """The verdict of this machine on one cell of the final table; its text is one line.

    Attributes:
        question: the row, such as ``"parallel CPU"``.
        way: the column: ``"threading"``, ``"async"`` or ``"multiprocessing"``.
        verdict: what follows from the figure, or ``"cannot be told here"``.
        measured: the figure, in a few words.

    Raises:
        ValueError: if the table has no such row or column, or if a text is empty.
    """

    question: str
    way: str
    verdict: str
    measured: str

    def __post_init__(self) -> None:
        if self.question not in COURSE:
            raise ValueError(f"no row is called {self.question!r}: choose one of {[*COURSE]}")
        if self.way not in WAYS:
            raise ValueError(f"no column is called {self.way!r}: choose one of {[*WAYS]}")
        for name, text in (("verdict", self.verdict), ("measured", self.measured)):
            if not isinstance(text, str) or len(text.splitlines()) != 1:
                raise ValueError(f"{name} is {text!r}: say it in words, on one line")

    @property
    def course(self) -> str:
        """What the course says in this cell."""
        return COURSE[self.question][WAYS.index(self.way)]

    @property
    def outcome(self) -> str:
        """Whether the word of the course holds here: the same three outcomes as of a claim."""
        if self.verdict == UNTOLD:
            return UNTOLD
        return "holds" if self.verdict == self.course else "does not hold"

    def __repr__(self) -> str:
        here = f"here {self.verdict}: " if self.outcome == "does not hold" else ""
        return f"{self.outcome}: {self.question}, {self.way}: {self.course} ({here}{self.measured})"
