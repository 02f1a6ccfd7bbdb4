"""Lanes that grow while a block runs, drawn by the reader's browser.

The kernel sends what is new, a few times a second; `live_lanes.js` draws it in the style of the
timeline.  Nothing of it is stored: afterwards the timeline takes its place.
"""

import contextlib
import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anywidget
from traitlets import List, Unicode

from ..lens.growing_run import GrowingRun, News
from ..lens.watched_run import WatchedRun
from ..plots.core_colours import palette
from ..plots.style import our_style
from .live_news import LiveNews

__all__ = ["LiveLanes"]

PERIOD = 0.35  # seconds from one message to the next
LAST_MESSAGE = 1.0  # seconds within which the last one is sent


class LiveLanes(anywidget.AnyWidget):
    """A widget that shows the lanes of a block which is being watched, while they grow.

    It can stand in a layout of ipywidgets, and shows one block after the other:
    ``with watch() as run, lanes.follow(run): ...``.
    """

    _esm = Path(__file__).with_name("live_lanes.js")
    _css = Path(__file__).with_name("live_lanes.css")
    # Texts of JSON: a nested list would be walked twice in Python before it is sent.
    rows = Unicode("[]").tag(sync=True)
    news = Unicode("{}").tag(sync=True)
    palette = List(Unicode()).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        with our_style():
            super().__init__(palette=palette(), **traits)
        self._runs = 0

    @contextlib.contextmanager
    def follow(self, run: WatchedRun) -> Iterator[None]:
        """Show a block while it runs, from here until this context is left.

        Any thread may run the block and leave the context.

        Args:
            run: what ``with watch() as run`` gives.

        Raises:
            RuntimeError: if the block is over.
        """
        growing, stop = run.growing(), threading.Event()
        self._runs += 1
        show = functools.partial(self._show, LiveNews(self._runs, growing.name))
        show(News(0.0, {}, ()))  # what was shown before goes away
        thread = threading.Thread(
            target=_feed, args=(growing, show, stop), name="live lanes", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(LAST_MESSAGE)

    def _show(self, message: LiveNews, news: News, is_over: bool = False) -> None:
        message.take(news)
        with self.hold_sync():  # one message
            self.rows = json.dumps(message.rows)
            self.news = json.dumps(message.content(is_over))


def _feed(growing: GrowingRun, show: Callable[..., None], stop: threading.Event) -> None:
    """Show what is new until there is nothing more to show."""
    with contextlib.suppress(Exception):  # the block goes on, whatever happens to its picture
        is_over = False
        while not is_over:
            is_over = stop.wait(PERIOD)
            news = growing.news(time.perf_counter())
            if news is not None or is_over:
                show(news or News(0.0, {}, ()), is_over)
