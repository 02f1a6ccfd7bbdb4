"""What is sent of a growing run: one row for each lane, and the looks that are new.

A message stays small, however long the run is and however many workers it has.
"""

import platform
from typing import Any

from ..lens.growing_run import News
from ..plots.timeline_data import failed, row_name
from ..plots.words import exit_words
from ..records.run import Lane, Sample

__all__ = ["LiveNews"]

MOST_ROWS = 60  # if there are more workers, those that have ended first are left out
YOUNG = 5.0  # seconds: until then, the browser may still be loading what draws
MOST_LOOKS = 1_200  # in one message


class LiveNews:
    """The messages about one run.

    Args:
        run: a number, another one for each run that the same widget shows.
        name: the name of the run.

    Attributes:
        rows: the lanes to be shown, in the order of their births.
    """

    def __init__(self, run: int, name: str) -> None:
        self.rows: list[dict[str, Any]] = []
        self._head = {"run": run, "name": name}
        self._now = 0.0
        self._shown: dict[int, dict[str, Any]] = {}
        self._looks: list[tuple[int, float, float, int | None]] = []
        self._workers = 0

    def take(self, news: News) -> None:
        """Add what is new."""
        self._now = max(self._now, news.now)
        if self._now > YOUNG or len(self._looks) > MOST_LOOKS // 2:
            self._looks = []  # they were sent; before that, each message has them all
        for index, lane in news.lanes.items():
            self._shown[index] = _row(index, lane)
            self._workers = max(self._workers, index)
        while len(self._shown) > MOST_ROWS:
            del self._shown[min(self._shown, key=self._importance)]
        self.rows = [self._shown[index] for index in sorted(self._shown)]
        self._looks += [_look(each) for each in news.samples if each.lane in self._shown]
        del self._looks[:-MOST_LOOKS]

    def _importance(self, index: int) -> tuple[bool, float]:
        """Return what is smallest for the row to leave out: of those that ended, the first."""
        ended = self._shown[index]["ended"]
        return (True, -index) if ended is None else (False, ended)

    def content(self, is_over: bool) -> dict[str, Any]:
        """Return what is sent beside the rows."""
        return {
            **self._head,
            "now": round(self._now, 3),
            "workers": self._workers,
            "over": is_over,
            "looks": self._looks,
        }


def _row(index: int, lane: Lane) -> dict[str, Any]:
    words = exit_words(lane.exit_code, platform.system()) if lane.exit_code else ""
    return {
        "id": index,
        "kind": lane.kind,
        "name": row_name(lane),
        "requested": _rounded(lane.requested),
        "started": _rounded(lane.started),
        "ended": _rounded(lane.ended),
        "cpu": round(lane.cpu_seconds, 4),
        "failed": failed(lane),
        "ending": words,
    }


def _look(sample: Sample) -> tuple[int, float, float, int | None]:
    return sample.lane, round(sample.time, 3), round(sample.cpu_seconds, 4), sample.core


def _rounded(moment: float | None) -> float | None:
    return None if moment is None else round(moment, 4)
