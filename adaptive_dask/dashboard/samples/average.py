"""The running mean of an AverageLearner, with its standard error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import Floats, Follower, as_floats
from adaptive_dask.dashboard.style import BLUE, TOOLS, LogTicks, new_figure, new_note

# The mean is stored at numbers of samples that grow by at least this factor.
GROWTH = 1.01


class MeanFollower(Follower):
    """Follows the mean of the samples in order of arrival."""

    def __init__(self, learner: Any) -> None:
        self.start_over()

    def start_over(self) -> None:
        super().start_over()
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0  # sum of the squared distances from the mean
        self._kept: list[tuple[int, float, float]] = []

    def read(self, learner: Any, pending: list[Any]) -> Any:
        return self.take(learner.data)[1]

    def prepare(self, raw: Any) -> dict[str, Any]:
        for value in as_floats(raw)[:, 0].tolist():
            self._add(value)
        now = [(self._n, self._mean, self._error())] if self._n > 1 else []
        return {"table": np.array([*self._kept, *now], dtype=float).reshape(-1, 3)}

    def _add(self, value: float) -> None:
        self._n += 1
        step = value - self._mean
        self._mean += step / self._n
        self._squares += step * (value - self._mean)
        if self._n > 1 and (not self._kept or self._n >= self._kept[-1][0] * GROWTH):
            self._kept.append((self._n, self._mean, self._error()))

    def _error(self) -> float:
        return math.sqrt(self._squares / (self._n - 1) / self._n)

    def make_chart(self) -> MeanChart:
        return MeanChart()


class MeanChart:
    """The mean of the first n samples over n."""

    def __init__(self) -> None:
        self.root = new_figure(tools=TOOLS, x_axis_type="log", x_axis_label="samples", y_axis_label="mean")
        self._source = ColumnDataSource({"n": [], "mean": [], "low": [], "high": []})
        self.root.varea("n", "low", "high", source=self._source, color=BLUE, fill_alpha=0.25)
        self.root.line("n", "mean", source=self._source, color=BLUE, line_width=2)
        self._ticks = LogTicks(self.root.xaxis)
        self._note = new_note(self.root)

    def show(self, data: dict[str, Any], patch: Patch) -> None:
        table: Floats = data["table"]
        n, mean, error = table.T
        patch.fill(self._source, {"n": n, "mean": mean, "low": mean - error, "high": mean + error})
        if not len(n):
            patch.put(self._note, text="A mean with an error needs two samples.")
            return
        self._ticks.fit(patch, n.tolist())
        patch.put(self._note, text=f"{n[-1]:,.0f} samples, mean {mean[-1]:.6g} ± {error[-1]:.2g} (standard error)")
