"""Outbox: what main sends to other processes, counted in messages and bytes.

The checks of exercises use it: time depends on the machine, but what is sent does not.
"""

from multiprocessing import reduction
from types import TracebackType
from typing import Any

from ..workers.stdlib_internals import PICKLE_TASK

__all__ = ["Outbox"]


class Outbox:
    """Note the size of each message that this process pickles for a queue, a pipe or a pool.

    What is handed over by the start of a worker is no message and is not counted: under fork
    it is not even pickled.

    Attributes:
        sizes: the bytes of each message, in order.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __enter__(self) -> "Outbox":
        self._kept = kept = vars(reduction.ForkingPickler)[PICKLE_TASK]
        sizes = self.sizes

        def noted(kind: Any, *arguments: Any, **keywords: Any) -> Any:
            message = kept.__func__(kind, *arguments, **keywords)
            sizes.append(len(message))
            return message

        setattr(reduction.ForkingPickler, PICKLE_TASK, classmethod(noted))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        setattr(reduction.ForkingPickler, PICKLE_TASK, self._kept)
