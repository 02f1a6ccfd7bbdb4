"""What a picture shows, in words for a screen reader."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from ..records.run import Run
from .break_even import crossings_in_words
from .final_table import table_in_words
from .orders import interleavings_in_words
from .speedup import gain_in_words
from .ticks import meeting, ticks_given
from .timeline_data import in_words
from .wall_times import race_in_words

if TYPE_CHECKING:
    from ..comparisons.comparison import Comparison
    from ..comparisons.scaling import Scaling
    from ..lessons.evidence import Evidence
    from ..lessons.interleavings import Interleaving
    from ..lessons.workloads import Ticks

    Several = Sequence[Evidence] | Sequence[Interleaving] | Sequence[Ticks]
    Drawn = Run | Comparison | Scaling | Mapping[float, Comparison] | Several

__all__ = ["alt_text"]


def alt_text(data: "Drawn") -> str:
    """Return, in sentences for a screen reader, what the picture of the data shows.

    Raises:
        TypeError: if `data` cannot be drawn.
    """
    if isinstance(data, Run):
        return in_words(data)
    if isinstance(data, Mapping):
        return crossings_in_words(data)
    if hasattr(data, "contestants"):
        return race_in_words(cast("Comparison", data))
    if hasattr(data, "points"):
        return gain_in_words(cast("Scaling", data))
    if isinstance(data, Sequence) and any(hasattr(one, "measured") for one in data):
        return table_in_words(cast("Sequence[Evidence]", data))
    if isinstance(data, Sequence) and any(hasattr(one, "loses") for one in data):
        return interleavings_in_words(cast("Sequence[Interleaving]", data))
    return f"When each worker computed. {meeting(ticks_given('alt_text', data))}."
