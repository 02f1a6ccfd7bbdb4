"""What is new of a block that runs, asked of the sampler and the log of events."""

import math
import os
from collections.abc import Mapping
from multiprocessing import process

from ..workers.session import Session
from .growing_run import Facts, GrowingRun, Known
from .observations import Key, Observations
from .sampler_client import Sampler, helpers_of

__all__ = ["NewFacts", "growing_run"]


def growing_run(
    session: Session, key: int, name: str, begin: float, baseline: Mapping[Key, float | None]
) -> GrowingRun:
    """Return what tells what is new of a block, from the beginning; the block runs.

    Args:
        session, key: as for `NewFacts`.
        name: the name of the run.
        begin, baseline: as in `Observations`.
    """
    me = process.current_process().name
    block = Observations(begin, math.inf, os.getpid(), me, 0.0, (), baseline=dict(baseline))
    return GrowingRun(block, NewFacts(session, key), name)


class NewFacts:
    """Returns, when it is called, what of a block is not known yet; None if there is no answer.

    Args:
        session: the session in which the block is watched.
        key: the key of the block at the sampler.
    """

    def __init__(self, session: Session, key: int) -> None:
        self._session = session
        self._sampler: Sampler = session.sampler
        self._key = key
        self._helpers: set[int] = set()

    def __call__(self, known: Known) -> Facts | None:
        """Ask for what is not known."""
        report = self._sampler.news(self._key, *known)
        if report is None:
            return None
        own = helpers_of(self._session)
        self._helpers |= {helper.pid for helper in (*own, *report.helpers)}
        return Facts(
            self._sampler.lifetimes.read(),
            report.looks,
            report.exits,
            report.unrecorded,
            frozenset(self._helpers),
            len(report.helpers),
        )
