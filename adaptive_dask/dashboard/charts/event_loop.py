"""Delay of the scheduler's event loop, measured while a page is open."""

from __future__ import annotations

import asyncio

from bokeh.models import ColumnDataSource

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.style import RED, new_figure
from adaptive_dask.dashboard.view import Look, Part

EVERY = 0.1  # seconds between two probes
KEPT = 240  # updates of the page


class EventLoopChart(Part):
    """The longest delay of the event loop between two updates of the page."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began = self._latest = 0.0
        self._probe: asyncio.TimerHandle | None = None
        self._source = ColumnDataSource({"time": [], "lag": []})
        self.root = new_figure(x_axis_label="since this page was opened (s)", y_axis_label="delay (ms)", from_zero=True)
        self.root.varea("time", 0, "lag", source=self._source, color=RED, fill_alpha=0.2)
        self.root.line("time", "lag", source=self._source, color=RED, line_width=1.5)

    def update(self, look: Look, patch: Patch) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._began = self._loop.time()
            self._wait(self._loop)
            return
        now = self._loop.time()
        if now > self._began + EVERY:
            patch.append(self._source, {"time": [now - self._began], "lag": [1000 * self._latest]}, KEPT)
            self._latest = 0.0

    def close(self) -> None:
        """Stop measuring."""
        if self._probe is not None:
            self._probe.cancel()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._probe = loop.call_later(EVERY, self._measure, loop, loop.time() + EVERY)

    def _measure(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._latest = max(self._latest, loop.time() - due)
        self._wait(loop)
