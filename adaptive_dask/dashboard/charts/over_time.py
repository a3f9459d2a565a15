"""Rates over the time of a run, from the differences between entries of its history."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from operator import attrgetter
from typing import Any

from bokeh.models import ColumnDataSource

from adaptive_dask.cluster.scheduler_history import Work
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.style import BLUE, ORANGE, new_figure, new_note, time_unit
from adaptive_dask.dashboard.view import Look, RunChart


class _OverTime(RunChart):
    """A rate over time.

    Parameters
    ----------
    count : callable
        Returns the count of an entry of the history.
    factor : float
        Factor that scales the rate.
    label, color : str
    """

    def __init__(self, count: Callable[[Work], float], factor: float, label: str, color: str) -> None:
        self._count = count
        self._factor = factor
        self._source = ColumnDataSource({"since": [], "time": [], "rate": []})
        self.root = new_figure(x_axis_label="time (s)", y_axis_label=label, from_zero=True)
        bars: dict[str, Any] = {"left": "since", "right": "time", "bottom": 0, "top": "rate"}
        self.root.quad(source=self._source, fill_color=color, fill_alpha=0.25, line_alpha=0, **bars)
        self.root.segment("since", "rate", "time", "rate", source=self._source, color=color, line_width=1.5)
        (self._axis,) = self.root.xaxis
        self._note = new_note(self.root)

    def key(self, look: Look, run: HostedRun) -> object:
        return len(run.history.work), run.history.thinned

    def draw(self, look: Look, run: HostedRun, patch: Patch) -> None:
        work = run.history.work
        unit, scale = time_unit(work[-1].seconds if work else 0.0)
        rates = [self._rate(before, after) for before, after in pairwise(work)]
        times = [entry.seconds / scale for entry in work]
        patch.fill(self._source, {"since": times[:-1], "time": times[1:], "rate": rates})
        patch.put(self._axis, axis_label=f"time ({unit})")
        patch.put(self._note, text="" if rates else "Nothing to see before the first second of results.")

    def _rate(self, before: Work, after: Work) -> float:
        return self._factor * (self._count(after) - self._count(before)) / max(after.seconds - before.seconds, 1e-9)


class PaceChart(_OverTime):
    """Points per second."""

    def __init__(self) -> None:
        super().__init__(attrgetter("evaluated"), 1.0, "points per second", BLUE)


class LearnerChart(_OverTime):
    """CPU time of the learner, as a share of one core of the scheduler's machine."""

    def __init__(self) -> None:
        super().__init__(attrgetter("learner_seconds"), 100.0, "share of a core (%)", ORANGE)
