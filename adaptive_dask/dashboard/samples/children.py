"""The children of a BalancingLearner: the loss and the points of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bokeh.models import Column, ColumnDataSource, HoverTool, Range1d

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import Follower
from adaptive_dask.dashboard.style import BLUE, PURPLE, TOOLS, LogTicks, new_figure, new_note
from adaptive_dask.user_code import guarded

# Above this number, neighbouring children share a bar.
MOST_BARS = 400


class ChildrenFollower(Follower):
    """Follows the children."""

    def read(self, learner: Any, pending: list[Any]) -> Any:
        children = learner.learners
        step = -(-len(children) // MOST_BARS)
        rows = []
        for first in range(0, len(children), step):
            group = children[first : first + step]
            rows.append((first, max(map(_loss, group)), sum(child.npoints for child in group)))
        names = [_name(learner.cdims, first) for first, _, _ in rows]
        return rows, names, step, len(children), learner.npoints

    def prepare(self, raw: Any) -> dict[str, Any]:
        rows, names, step, children, npoints = raw
        first, loss, points = np.array(rows, dtype=float).reshape(-1, 3).T
        note = f"{children:,} learners, {npoints:,} points"
        if step > 1:
            note += f"; each bar is {step} neighbours: their largest loss, their points together"
        return {"first": first, "loss": loss, "points": points, "name": names, "step": step, "note": note}

    def make_chart(self) -> ChildrenChart:
        return ChildrenChart()


class ChildrenChart:
    """Bars for the loss, and bars for the number of points below."""

    def __init__(self) -> None:
        x_range = Range1d(start=-1, end=1)
        self._x_range = x_range
        self._end = 1.0  # set once, because each update would undo a zoom
        self._source = ColumnDataSource(
            {name: [] for name in ("left", "right", "loss", "bar", "floor", "points", "name")}
        )
        self._above = new_figure(tools=TOOLS, x_range=x_range, y_axis_type="log", y_axis_label="loss")
        sides: dict[str, Any] = {"left": "left", "right": "right", "source": self._source, "line_alpha": 0}
        losses = self._above.quad(bottom="floor", top="bar", color=BLUE, fill_alpha=0.75, **sides)
        self._below = new_figure(
            tools=TOOLS,
            toolbar_location=None,
            x_range=x_range,
            x_axis_label="learner",
            y_axis_label="points",
            from_zero=True,
            count_axis=True,
        )
        points = self._below.quad(bottom=0, top="points", color=PURPLE, fill_alpha=0.75, **sides)
        tips = [("learner", "@name"), ("loss", "@loss{0.000e+0}"), ("points", "@points{0,0}")]
        for figure, renderer in ((self._above, losses), (self._below, points)):
            figure.add_tools(HoverTool(renderers=[renderer], tooltips=tips))
        self._ticks = LogTicks(self._above.yaxis)
        self._note = new_note(self._above)
        self.root = Column(children=[self._above, self._below], sizing_mode="stretch_both")

    def show(self, data: dict[str, Any], patch: Patch) -> None:
        first, loss, step = data["first"], data["loss"], data["step"]
        finite = loss[np.isfinite(loss) & (loss > 0)]
        low, high = (finite.min() / 2, finite.max()) if len(finite) else (0.1, 1.0)
        # An infinite loss has a bar of full height, a loss of zero has none.
        bar = np.clip(np.nan_to_num(loss, nan=high, posinf=high), low, high)
        patch.fill(
            self._source,
            {
                "left": first - 0.5 + 0.05,
                "right": first + step - 0.5 - 0.05,
                "loss": loss,
                "bar": bar,
                "floor": np.full(len(bar), low),
                "points": data["points"],
                "name": data["name"],
            },
        )
        end = float(first[-1] + step) if len(first) else 1.0
        if end != self._end:
            self._end = end
            patch.put(self._x_range, end=end)
        self._ticks.fit(patch, [float(low), float(high)])
        infinite = int(np.isinf(loss).sum())
        patch.put(self._note, text=data["note"] + (f"; the loss of {infinite} is infinite" if infinite else ""))


def _loss(child: Any) -> float:
    try:
        return float(guarded(child.loss))
    except Exception:  # user code; the run reports its errors
        return math.nan


def _name(cdims: Any, index: int) -> str:
    if not cdims or index >= len(cdims):
        return str(index)
    values = ", ".join(f"{key} = {value}" for key, value in cdims[index].items())
    return f"{index}: {values}"[:120]
