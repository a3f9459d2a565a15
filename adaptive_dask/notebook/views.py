"""Views: the places where the plots of a HoloViews stream are shown, and their updates."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from adaptive_dask.notebook.page import MARK, ask_to_say_when_gone, live_streams, prepare_pictures, tell_gone


class Views:
    """The places in notebooks that show plots of a stream.

    A plot can be updated after the browser has opened a comm, with a message to this kernel. Earlier updates would be
    lost.

    Parameters
    ----------
    holoviews : module

    Attributes
    ----------
    stream : holoviews.streams.Stream
        For a DynamicMap.
    """

    def __init__(self, holoviews: Any) -> None:
        self._triggering = holoviews.streams.triggering_streams
        # HoloViews takes a plot with sliders from its cache, unless a stream has a value and is transient.
        self.stream = holoviews.streams.Stream.define(MARK, turn=0)(transient=True)
        self._were_any = False
        self._lock = threading.RLock()  # the clock's thread draws while the user's thread may replace a plot
        prepare_pictures()

    @property
    def _plots(self) -> list[Any]:
        plots = [subscriber.__self__ for subscriber in self.stream.subscribers]
        self._were_any = self._were_any or bool(plots)
        return plots

    @property
    def any_open(self) -> bool:
        """True if there is a plot to update."""
        return any(_is_open(plot) for plot in self._plots)

    @property
    def all_closed(self) -> bool:
        """True if plots were shown, but are not shown any more."""
        return not self._plots and self._were_any

    def refresh(self) -> None:
        """Update all plots that can be updated, and raise the first error."""
        with self._lock:
            for plot in self._plots:
                if _is_open(plot):
                    ask_to_say_when_gone(plot)
                    with self._triggering([self.stream]):
                        plot.refresh()

    def let_go(self) -> None:
        """Forget the plots that need no more updates; plots with sliders or with other live plots still do."""
        with self._lock:
            needed = [plot for plot in self._plots if plot.dimensions or live_streams(plot) != {self.stream}]
            for plot in self._plots:
                if not any(other.root is plot.root for other in needed):  # a layout has several
                    tell_gone(plot)

    def refresh_when_opened(self, refresh: Callable[[], None]) -> None:
        """Update plots that cannot be updated yet as soon as they are opened."""
        for plot in self._plots:
            if plot.comm is not None and not _is_open(plot):
                plot.comm._on_open = lambda _: refresh()


def _is_open(plot: Any) -> bool:
    return plot.comm is not None and plot.comm._comm is not None
