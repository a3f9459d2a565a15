"""An integral: the samples of the integrand above, and the errors of the intervals below."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import Column, ColumnDataSource, HoverTool, Range1d

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import Follower, as_floats
from adaptive_dask.dashboard.samples.thinning import ThinLine
from adaptive_dask.dashboard.style import BLUE, GREEN, TOOLS, LogTicks, new_figure, new_note

# Number of intervals that are drawn, those with the largest errors.
MOST_INTERVALS = 1000


class IntegralFollower(Follower):
    """Follows an IntegratorLearner."""

    def __init__(self, learner: Any) -> None:
        self._low, self._high = map(float, learner.bounds)
        self.start_over()

    def start_over(self) -> None:
        super().start_over()
        self._thin = ThinLine(self._low, self._high)

    def read(self, learner: Any, pending: list[Any]) -> Any:
        points, values = self.take(learner.data)
        intervals = [(i.a, i.b, i.err) for i in learner.approximating_intervals]
        return points, values, intervals, (learner.igral, learner.err, len(learner.data))

    def prepare(self, raw: Any) -> dict[str, Any]:
        points, values, intervals, (igral, err, npoints) = raw
        self._thin.add(np.array(points, dtype=float), as_floats(values)[:, :1])
        order = np.argsort(self._thin.x)
        table = np.array(intervals, dtype=float).reshape(-1, 3)
        total = len(table)
        if total > MOST_INTERVALS:
            table = table[np.argsort(-table[:, 2])[:MOST_INTERVALS]]
        return {
            "x": self._thin.x[order],
            "y": self._thin.y[order, 0],
            "intervals": table,
            "note": f"integral {igral:.10g}, error {err:.2g}; {npoints:,} points, {total:,} intervals"
            if npoints
            else "No result yet.",
        }

    def make_chart(self) -> IntegralChart:
        return IntegralChart(self._low, self._high)


class IntegralChart:
    """The integrand above, and the errors of the intervals below, over the same x."""

    def __init__(self, low: float, high: float) -> None:
        x_range = Range1d(start=low, end=high)
        self._above = new_figure(tools=TOOLS, x_range=x_range, y_axis_label="integrand")
        self._points = ColumnDataSource({"x": [], "y": []})
        self._above.varea("x", 0, "y", source=self._points, color=BLUE, fill_alpha=0.15)
        self._above.line("x", "y", source=self._points, color=BLUE, line_width=1)
        self._above.scatter("x", "y", source=self._points, color=BLUE, size=3)
        self._below = new_figure(
            tools=TOOLS,
            toolbar_location=None,
            x_range=x_range,
            y_axis_type="log",
            x_axis_label="x",
            y_axis_label="error of the interval",
        )
        self._intervals = ColumnDataSource({"left": [], "right": [], "error": [], "floor": []})
        quads = self._below.quad(
            left="left",
            right="right",
            bottom="floor",
            top="error",
            source=self._intervals,
            color=GREEN,
            fill_alpha=0.5,
            line_width=0.5,
        )
        tips = [("from", "@left{0.000000}"), ("to", "@right{0.000000}"), ("error", "@error{0.0e+0}")]
        self._below.add_tools(HoverTool(renderers=[quads], tooltips=tips))
        self._ticks = LogTicks(self._below.yaxis)
        self._note = new_note(self._above)
        self.root = Column(children=[self._above, self._below], sizing_mode="stretch_both")

    def show(self, data: dict[str, Any], patch: Patch) -> None:
        finite = np.isfinite(data["y"])
        patch.fill(self._points, {"x": data["x"][finite], "y": data["y"][finite]})
        left, right, error = data["intervals"].T
        drawn = np.isfinite(error) & (error > 0)
        error = error[drawn]
        floor = np.full(len(error), error.min() / 3 if len(error) else 1.0)
        patch.fill(self._intervals, {"left": left[drawn], "right": right[drawn], "error": error, "floor": floor})
        self._ticks.fit(patch, [*floor[:1].tolist(), *error.tolist()])
        patch.put(self._note, text=data["note"])
