"""Samples of a learner over a `Space`, in the coordinates of the user."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from bokeh.models import CustomJSHover, CustomJSTickFormatter, HoverTool
from bokeh.plotting import figure

from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.learner.axes.axis import Linear, Log

_TICK = "return Number((10 ** tick).toPrecision(4)).toString()"
_TIP = "return (10 ** value).toPrecision(6)"


class AxesFollower:
    """Follows the learner of the transformed coordinates.

    Parameters
    ----------
    learner : AxesLearner
    """

    def __init__(self, learner: Any) -> None:
        self._follower = make_follower(learner.learner)
        said = zip(learner.space.names, learner.space.numeric, strict=True)
        self._axes = [(axis.label or name, axis) for name, axis in said]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._follower, name)

    def read(self, learner: Any, pending: list[Any]) -> Any:
        inner = []
        for point in pending:
            with suppress(TypeError, ValueError):  # a point that the user told
                inner.append(learner.inner_point(point))
        return self._follower.read(learner.learner, inner)

    def make_chart(self) -> Any:
        chart = self._follower.make_chart()
        components = self._follower.components
        shown = components if isinstance(components, tuple) else (0,)
        for plot in chart.root.select({"type": figure}):
            for column, place, axis in zip(("x", "y"), shown, (plot.xaxis, plot.yaxis), strict=False):
                _name(plot, column, axis, *self._axes[place])
        return chart


def _name(plot: Any, column: str, axis: Any, label: str, found: Linear) -> None:
    """Label an axis and its tooltip; a logarithmic axis shows powers of ten."""
    axis.axis_label = f"{label} ({found.unit})" if found.unit else label
    if isinstance(found, Log):
        axis.formatter = CustomJSTickFormatter(code=_TICK)
    for tool in plot.select({"type": HoverTool}):
        tips = []
        for said, tip in tool.tooltips:
            if tip.startswith(f"@{column}{{"):
                said, tip = label, f"@{column}{{custom}}" if isinstance(found, Log) else tip
            tips.append((said, tip))
        tool.tooltips = tips
        if isinstance(found, Log):
            tool.formatters = {**tool.formatters, f"@{column}": CustomJSHover(code=_TIP)}
