"""The stepper: the lost update by hand, one step of one worker after the other.

All that happens is in stepper.js, which the site uses as well, without a kernel.
"""

from pathlib import Path
from typing import Any

from anywidget import AnyWidget
from traitlets import Bool, Int, Unicode

from ..records.frontend import in_notebook, is_headless

__all__ = ["MODULE", "Stepper", "stepper"]

MODULE = Path(__file__).with_suffix(".js")
SEEDS = 2**32  # as many as there are


class Stepper(AnyWidget):
    """Two workers that each add one to the same number, in the order of a schedule.

    Attributes:
        schedule: who took each step so far, such as ``"AABABB"``; set it to show another one.
        lock: whether each worker takes a lock before it reads, and gives it back after it wrote.
        seed: of the schedule that is played at random; the same seed plays the same one.
    """

    _esm = MODULE.read_text(encoding="utf-8")
    schedule = Unicode().tag(sync=True)
    lock = Bool().tag(sync=True)
    seed = Int(1, min=0, max=SEEDS - 1).tag(sync=True)

    def __repr__(self) -> str:
        return f"stepper({self.schedule!r}, lock={self.lock}, seed={self.seed})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the view; without a reader, and outside a notebook, its text alone."""
        text = {"text/plain": f"{self!r}: its buttons are there when you run the cell"}
        if is_headless() or not in_notebook():
            return text, {}
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return data | text, metadata


def stepper(schedule: str = "", lock: bool = False, seed: int = 1) -> Stepper:
    """Return the stepper: buttons for the steps of two workers that add one to the same number.

    Each worker reads the number, adds one to what it has read, and writes the sum; with the lock
    it takes that first and gives it back last.  The stepper begins with the steps of the
    `schedule`.  Where a schedule is not possible, the stepper says at which character.

    Example:
        ``stepper("ABABAB")`` shows how one of two updates is lost.
    """
    return Stepper(schedule=schedule, lock=lock, seed=seed)
