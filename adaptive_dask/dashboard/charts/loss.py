"""The loss over the number of points, and over time."""

from __future__ import annotations

import math
from typing import Literal

from bokeh.models import ColumnDataSource, HoverTool

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.style import BLUE, LogTicks, new_figure, new_note
from adaptive_dask.dashboard.view import Look, Part

_LABELS = {"npoints": "points", "seconds": "time (s)"}


class LossChart(Part):
    """The loss over logarithmic axes.

    Parameters
    ----------
    against : {"npoints", "seconds"}
    """

    def __init__(self, against: Literal["npoints", "seconds"] = "npoints") -> None:
        self._against = against
        self._run = ""
        self._range: list[tuple[float, float]] = []  # lower and upper corner of the drawn data
        self._seen = 0
        self._source = ColumnDataSource({"npoints": [], "seconds": [], "loss": []})
        self.root = new_figure(x_axis_type="log", y_axis_type="log", x_axis_label=_LABELS[against], y_axis_label="loss")
        line = self.root.line(against, "loss", source=self._source, color=BLUE, line_width=2)
        self.root.scatter(against, "loss", source=self._source, color=BLUE, size=3)
        tips = [("loss", "@loss{0.000e+0}"), ("points", "@npoints{0,0}"), ("after", "@seconds{0,0.0} s")]
        self.root.add_tools(HoverTool(renderers=[line], tooltips=tips, mode="vline"))
        self._x_ticks, self._y_ticks = LogTicks(self.root.xaxis), LogTicks(self.root.yaxis)
        self._note = new_note(self.root)

    def update(self, look: Look, patch: Patch) -> None:
        run = look.run
        if run is None:
            return
        losses = run.history.losses
        if run.id != self._run:
            self._run, self._seen, self._range = run.id, 0, []
            patch.fill(self._source, {"npoints": [], "seconds": [], "loss": []})
        # A logarithmic axis shows positive numbers only.
        new = [entry for entry in losses[self._seen :] if 0 < entry.loss < math.inf and entry.npoints > 0]
        self._seen = len(losses)
        if new:
            columns = {
                "npoints": [float(entry.npoints) for entry in new],
                "seconds": [max(entry.seconds, 1e-3) for entry in new],
                "loss": [entry.loss for entry in new],
            }
            patch.append(self._source, columns)
            self._fit(patch, columns)
        patch.put(self._note, text="" if self._range else "No finite loss above zero yet.")

    def _fit(self, patch: Patch, columns: dict[str, list[float]]) -> None:
        """Choose ticks for the drawn data."""
        along, across = columns[self._against], columns["loss"]
        corners = [(min(along), min(across)), (max(along), max(across)), *self._range]
        xs, ys = zip(*corners, strict=True)
        self._range = [(min(xs), min(ys)), (max(xs), max(ys))]
        self._x_ticks.fit(patch, xs)
        self._y_ticks.fit(patch, ys)
