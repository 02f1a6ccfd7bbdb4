"""Claims: what the course asserts, judged by what was measured on this machine.

A claim holds, does not hold, or cannot be told here.  The verdict is printed, and never
raised as an exception: an unusual machine of a reader is not an error.
"""

import math
import numbers
import operator
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeGuard

from ..comparisons.ceiling import cores_used_by_others
from ..records.machine import Machine, this_machine
from ..records.measured import Measured
from .predictions import Prediction, predict

__all__ = ["Claim", "Prediction", "claim", "predict"]

TOLERANCE = 0.25  # cores: if other programs use more, a measurement is worth nothing
DISSENT = 0.25  # from this share of the repeats on, dissent makes a contradiction
LEAST_GAIN = 0.25  # what each further core must add to the ceiling, to count as a core


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence and the verdict on it; its text is one line.

    Attributes:
        sentence: what is claimed.
        outcome: ``"holds"``, ``"does not hold"`` or ``"cannot be told here"``.
        measured: the figure that decided; of several repeats, the median.
        reason: the figures, and why it cannot be told if it cannot.
    """

    sentence: str
    outcome: Literal["holds", "does not hold", "cannot be told here"]
    measured: Any
    reason: str

    def __repr__(self) -> str:
        return f"{self.outcome}: {self.sentence} ({self.reason})"


def claim(
    sentence: str,
    value: Any,
    *,
    above: float | None = None,
    below: float | None = None,
    equals: Any = None,
    needs_cores: int = 1,
    ceiling: float | None = None,
    resolution: float | None = None,
    machine: Machine | None = None,
) -> Claim:
    """Return a verdict: was it as the sentence says, in what was measured?

    Args:
        sentence: one line, without figures that differ from machine to machine.
        value: True or False; or a number, judged by one of `above`, `below`, `equals`; or
            several measurements of the same.  Then their median decides, and all are shown.
        above, below: the figure that the value must exceed, or stay below.
        equals: what the value must be exactly; anything that can be compared.
        needs_cores: with fewer cores the claim cannot be told.  If it is more than one, more
            than three quarters of the repeats must agree, on "holds" or on "does not hold": of
            three repeats, all.  A claim does not fail if other programs used these cores.  A
            figure of a `Run` remembers how many they used; for another figure, `claim`
            measures for 0.2 s how many they use now.
        ceiling: what independent processes reach on this machine (`manybrains.ceiling()`).
            Then `above` is a share of it: 0.8 is four fifths of what this machine can do.
            If that is no more than one core does alone, a claim about several cores cannot be
            told.
        resolution: the smallest difference that the clock behind the value can tell, such as
            `this_machine().cpu_clock_step`.  A value closer to its bound cannot be told.  A
            figure of a `Run` remembers its own.
        machine: the machine on which it was measured; by default this one.

    Raises:
        TypeError, ValueError: if it cannot be judged; the message says what is missing.
    """
    _check(sentence, needs_cores)
    test = _test(value, above, below, equals, ceiling)
    _check_resolution(resolution, test)
    figure, repeats = _measured(value, test)
    shown = _shown(figure, repeats, test)
    obstacle = (
        _too_few_cores(needs_cores, ceiling, machine or this_machine())
        or _too_coarse(figure, resolution, test)
        or _too_low(needs_cores, ceiling, test)
        or _contradicted(needs_cores, repeats, test)
    )
    if not obstacle and test.passes(figure):
        return Claim(sentence, "holds", figure, shown)
    if obstacle := obstacle or _busy(needs_cores, machine, repeats or [value]):
        return Claim(sentence, "cannot be told here", figure, f"{obstacle}; {shown}")
    return Claim(sentence, "does not hold", figure, shown)


class _Test(NamedTuple):
    """What a figure must be; `bound` is None if it is not compared with a number."""

    passes: Callable[[Any], bool]
    wanted: str
    bound: float | None = None
    share: str = ""

    @property
    def has_sides(self) -> bool:
        """Whether a figure can be near the bound, on the right or on the wrong side of it."""
        return self.wanted in ("above", "below")


def _check(sentence: str, needs_cores: int) -> None:
    if not isinstance(sentence, str) or not sentence.strip() or len(sentence.splitlines()) > 1:
        raise ValueError(f"the sentence is {sentence!r}: claim something, in words, on one line")
    if sentence != sentence.strip() or sentence.endswith(")"):
        raise ValueError(
            f"the sentence {sentence!r} should neither begin nor end with a space, nor end with "
            "a parenthesis, because the figures follow in one"
        )
    if isinstance(needs_cores, bool) or not isinstance(needs_cores, int) or needs_cores < 1:
        raise ValueError(f"needs_cores is {needs_cores!r}: give a whole number such as 2")


def _check_resolution(resolution: Any, test: _Test) -> None:
    if resolution is None:
        return
    if not _is_number(resolution) or resolution < 0:
        raise ValueError(
            f"resolution is {resolution!r}: give the smallest difference that the clock can tell, "
            "such as this_machine().cpu_clock_step"
        )
    if not test.has_sides:
        raise ValueError(f"resolution is {resolution!r}: give it with above= or below= only")


def _test(value: Any, above: Any, below: Any, equals: Any, ceiling: Any) -> _Test:
    bounds = {"above": above, "below": below, "equals": equals}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if ceiling is not None and (above is None or not _is_number(ceiling) or ceiling <= 0):
        raise ValueError(f"ceiling is {ceiling!r}: give above=, as a share of ceiling=ceiling()")
    if _is_bool(value) and not given:
        return _Test(bool, "True")
    if len(given) != 1 or (_is_bool(value) and equals is None):
        raise ValueError(
            f"measured {_short(value)}, to be judged by {_listed(given) or 'nothing'}: give one of "
            "above=, below=, equals= with a measured figure, and none with True or False"
        )
    [(name, bound)] = given.items()
    if name == "equals":
        return _equality(bound)
    if not _is_number(bound):
        raise TypeError(f"{name} is {bound!r}, but should be a number")
    if ceiling is not None:
        return _share_of(bound, ceiling)
    compare = operator.gt if name == "above" else operator.lt
    return _Test(lambda figure: bool(compare(figure, bound)), name, bound)


def _equality(wanted: Any) -> _Test:
    if _is_number(wanted):
        return _Test(lambda figure: bool(figure == wanted), "", wanted)
    return _Test(lambda figure: _equal(figure, wanted), _short(wanted))


def _share_of(share: float, ceiling: float) -> _Test:
    if not 0 < share <= 1:
        raise ValueError(f"above is {share!r} of a ceiling: give a share of it, such as 0.8")
    bound = share * ceiling
    note = f": {_text(share)} of the ceiling of {_text(ceiling)}"
    return _Test(lambda figure: bool(figure > bound), "above", bound, note)


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{_short(one)} and {_short(other)} cannot be compared ({error}): compare them "
            "yourself, and claim that the result is True"
        ) from error


def _measured(value: Any, test: _Test) -> tuple[Any, list[Any]]:
    """Return the figure that decides, and the repeats if there are several."""
    if test.bound is None:
        return value, []
    if _is_number(value):
        return value, []
    repeats = (
        [*value] if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else []
    )
    if not repeats or not all(_is_number(one) for one in repeats):
        raise TypeError(
            f"measured {_short(value)}: give a finite number, or several measurements of the same "
            "thing in a list"
        )
    return statistics.median(repeats), repeats


def _shown(figure: Any, repeats: list[Any], test: _Test) -> str:
    if test.bound is None:
        return f"measured {_short(figure)}, expected {test.wanted}"
    # As many digits as show that 1.4999 is not above 1.5.
    apart = (n for n in range(3, 18) if figure == test.bound or _differ(figure, test.bound, n))
    digits = next(apart, 17)
    wanted = f"expected {test.wanted} {_text(test.bound, digits)}".replace("  ", " ") + test.share
    measured = f"measured {_text(figure, digits)}"
    if len(repeats) < 2:
        return f"{measured}, {wanted}"
    return f"{measured}, the median of {', '.join(map(_text, repeats))}; {wanted}"


def _differ(one: float, other: float, digits: int) -> bool:
    return _text(one, digits) != _text(other, digits)


def _text(number: float, digits: int = 3) -> str:
    if number == int(number) and abs(number) < 10**15:
        return f"{int(number):,}"
    whole = len(str(int(abs(number))))
    if 3 < whole < 16:
        return f"{number:,.{max(digits - whole, 0)}f}"
    return f"{number:.{digits}g}"


def _short(value: object) -> str:
    text = " ".join(repr(bool(value) if _is_bool(value) else value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _listed(given: dict[str, Any]) -> str:
    return " and ".join(f"{name}={_short(bound)}" for name, bound in given.items())


def _is_bool(value: object) -> bool:
    return type(value).__name__ in ("bool", "bool_")  # NumPy's own is no subclass of bool


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, numbers.Real) and not _is_bool(value) and math.isfinite(value)


def _too_few_cores(needs_cores: int, ceiling: float | None, machine: Machine) -> str:
    if machine.cores_yours < needs_cores:
        yours = _text(machine.cores_yours)
        verb = "is" if machine.cores_yours <= 1 else "are"
        why = f"yours: limited by {machine.limited_by}" if machine.limited_by else "present"
        return f"needs {needs_cores} cores; {yours} {verb} {why}"
    if ceiling is not None and ceiling < 1 + LEAST_GAIN * (needs_cores - 1):
        return (
            f"needs {needs_cores} cores; independent processes side by side "
            f"reach only {_text(ceiling)} times one here"
        )
    return ""


def _too_coarse(figure: Any, resolution: float | None, test: _Test) -> str:
    """Return that a figure is so near its bound that the clock cannot tell the side; else ""."""
    if not test.has_sides or test.bound is None:
        return ""
    step = getattr(figure, "resolution", 0.0) if resolution is None else resolution
    if abs(figure - test.bound) >= step:
        return ""
    return f"the CPU clock steps by {_text(step)}, more than from the figure to its bound"


def _too_low(needs_cores: int, ceiling: float | None, test: _Test) -> str:
    """Return that a share of the ceiling cannot tell several cores from one; else ""."""
    if needs_cores < 2 or ceiling is None or test.bound is None or test.bound > 1:
        return ""
    return f"{_text(test.bound)} is no more than what one core does alone"


def _contradicted(needs_cores: int, repeats: list[Any], test: _Test) -> str:
    """Return that the repeats of a claim about several cores contradict each other; else "".

    It counts only on which side of the bound each repeat is: repeats that differ widely and
    all refute a claim do refute it.  It comes before the median decides, whether that holds
    or not: else noise could only speak for a claim.
    """
    passed = sum(map(test.passes, repeats))
    dissent = min(passed, len(repeats) - passed)
    if needs_cores < 2 or dissent < DISSENT * len(repeats) or not dissent:
        return ""
    return f"the repeats contradict each other: it was so in {passed} of {len(repeats)}"


def _busy(needs_cores: int, measured_on: Machine | None, figures: Sequence[Any]) -> str:
    """Return that other programs used cores which a claim needs; else "".

    A figure of a `Run` knows what they used meanwhile; for another figure, look what they use
    now.
    """
    here = this_machine()
    machine = measured_on or here
    known = [one.used_by_others for one in figures if isinstance(one, Measured)]
    meanwhile = [cores for cores in known if cores is not None]
    if needs_cores < 2 or not (meanwhile or machine == here):
        return ""
    others = max(meanwhile) if meanwhile else cores_used_by_others()
    if min(machine.cores_yours, machine.cores_present - others) >= needs_cores - TOLERANCE:
        return ""
    return f"others used {others:.1f} of {machine.cores_present} cores"
