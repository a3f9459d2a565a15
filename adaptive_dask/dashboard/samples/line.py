"""Samples over a line: Learner1D, and the means of AverageLearner1D with their errors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.models.annotations import TeeHead, Whisker

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import (
    MOST_NEW,
    MOST_PENDING,
    NEWEST,
    Floats,
    Follower,
    as_floats,
    count_gaps,
    describe_gaps,
    with_gaps,
)
from adaptive_dask.dashboard.samples.thinning import ThinLine
from adaptive_dask.dashboard.style import GREY, ORANGE, SERIES, TOOLS, new_figure, new_note
from adaptive_dask.learner.infeasible_points import barred_points

# Above this number of points, only the line is drawn.
MOST_MARKED = 400

# Maximum number of points with error bars.
MOST_BARS = 1000
_NO_BARS = np.empty((3, 0))


class LineFollower(Follower):
    """Follows points on a line that are evaluated once."""

    def __init__(self, learner: Any) -> None:
        self._low, self._high = map(float, self._bounds(learner))
        self.look_at((self._low, self._high))

    def look_at(self, window: tuple[float, float]) -> None:
        """Read all data again, for the visible part of the line."""
        self._window = window
        self.start_over()

    def start_over(self) -> None:
        super().start_over()
        low, high = self._window
        margin = 0.1 * (high - low)
        self._thin = ThinLine(low - margin, high + margin)
        self._newest: deque[tuple[float, float]] = deque(maxlen=NEWEST)

    def _bounds(self, learner: Any) -> Any:
        return learner.bounds

    def read(self, learner: Any, pending: list[Any]) -> Any:
        self.follow(learner.data)
        x, y = learner.data.arrays(self.position, self.position + MOST_NEW)
        self.position += len(x)
        self.behind = self.position < len(learner.data)
        return (
            x,
            with_gaps(learner, x, y),
            self.position,
            pending[:MOST_PENDING],
            count_gaps(learner),
            barred_points(learner),
        )

    def prepare(self, raw: Any) -> dict[str, Any]:
        x, y, npoints, pending, n_gaps, barred = raw
        self._thin.add(x, y)
        self._newest.extend(zip(x[-NEWEST:].tolist(), y[-NEWEST:, 0].tolist(), strict=True))
        x, y = _with_barred(self._thin.x, self._thin.y, barred)
        return {
            "x": x,
            "y": y,
            "newest": np.array(self._newest).reshape(-1, 2),
            "pending": np.array(pending, dtype=float),
            "npoints": npoints,
            "errors": _NO_BARS,
            "thinned": self._thin.thinned,
            "border": _border(x, y[:, 0]) if n_gaps or len(barred) else np.empty(0),
            "n_gaps": n_gaps,
        }

    def make_chart(self) -> LineChart:
        return LineChart(self._low, self._high, self.components)

    @property
    def components(self) -> int:
        """Return the number of lines to draw."""
        return min(int(self._thin.y.shape[1]), len(SERIES))


class TuplesFollower(LineFollower):
    """Follows a LearnerND of one variable, whose points are tuples of one number."""

    def _bounds(self, learner: Any) -> Any:
        return learner.bbox[0]

    def read(self, learner: Any, pending: list[Any]) -> Any:
        points, values = self.take(learner.data)
        return (
            np.ravel(np.array(points, dtype=float)),
            with_gaps(learner, points, as_floats(values)),
            self.position,
            np.ravel(pending[:MOST_PENDING]),
            count_gaps(learner),
            np.ravel(barred_points(learner)),
        )


class RationalFollower(LineFollower):
    """Follows a RationalLearner1D. Real and imaginary parts of complex values are drawn."""

    _is_complex: bool | None = None

    def read(self, learner: Any, pending: list[Any]) -> Any:
        points, values = self.take(learner.data)
        y = np.asarray(values).reshape(len(points), -1) if points else np.empty((0, 1))
        if self._is_complex is None and points:
            # The first reading decides, because the lines of a chart cannot change.
            self._is_complex = np.iscomplexobj(y)
        if self._is_complex:
            y = np.stack((y.real, y.imag), axis=2).reshape(len(y), 2 * y.shape[1])
        return np.array(points, dtype=float), y.real, self.position, pending[:MOST_PENDING], 0, []


class MeansFollower(Follower):
    """Follows the means of a noisy function, which change with every sample."""

    def __init__(self, learner: Any) -> None:
        self._low, self._high = map(float, learner.bounds)

    def read(self, learner: Any, pending: list[Any]) -> Any:
        x, y = learner.data.arrays()
        errors = [learner.error[point] for point in x.tolist()] if len(x) <= MOST_BARS else None
        return x, y, learner.nsamples, [point for _, point in pending[:MOST_PENDING]], errors

    def prepare(self, raw: Any) -> dict[str, Any]:
        x, y, nsamples, pending, errors = raw
        thin = ThinLine(self._low, self._high)
        thin.add(x, y)
        return {
            "x": thin.x,
            "y": thin.y,
            "newest": np.empty((0, 2)),
            "pending": np.array(pending, dtype=float),
            "npoints": len(x),
            "border": np.empty(0),
            "n_gaps": 0,
            "errors": _NO_BARS if errors is None else (x, y[:, 0], np.nan_to_num(np.array(errors), posinf=0.0)),
            "nsamples": nsamples,
        }

    def make_chart(self) -> LineChart:
        return LineChart(self._low, self._high, 1, "mean of y, with its confidence interval")


class LineChart:
    """Points over x; the newest points, those in flight and the borders of gaps are marked."""

    def __init__(self, low: float, high: float, components: int = 1, y_label: str = "y") -> None:
        self._components = components
        margin = 0.02 * (high - low)
        self._x_range = Range1d(start=low - margin, end=high + margin)
        self._thinned = self._zoomed = False
        self.root = new_figure(tools=TOOLS, x_range=self._x_range, x_axis_label="x", y_axis_label=y_label)
        self._pending = ColumnDataSource({"x": []})
        self._border = ColumnDataSource({"x": []})
        self._errors = ColumnDataSource({"x": [], "low": [], "high": []})
        self._points = ColumnDataSource({"x": [], **{f"y{i}": [] for i in range(components)}})
        self._newest = ColumnDataSource({"x": [], "y": []})
        self.root.vspan("x", source=self._pending, color=GREY, line_alpha=0.35, line_width=1)
        self.root.vspan("x", source=self._border, color=GREY, line_width=1.5, line_dash="dashed")
        bars = Whisker(base="x", lower="low", upper="high", source=self._errors, line_color=GREY)
        bars.upper_head = bars.lower_head = TeeHead(size=4, line_color=GREY)
        self.root.add_layout(bars)
        self._markers: list[Any] = []
        for i, color in enumerate(SERIES[:components]):
            line = self.root.line("x", f"y{i}", source=self._points, color=color, line_width=1.5)
            self._markers.append(self.root.scatter("x", f"y{i}", source=self._points, color=color, size=4))
            tips = [("x", "@x{0.000000e+0}"), ("y", f"@y{i}{{0.000000e+0}}")]
            self.root.add_tools(HoverTool(renderers=[line], tooltips=tips))
        newest = self.root.scatter("x", "y", source=self._newest, color=ORANGE, size=6)
        newest.level = "overlay"
        self._note = new_note(self.root)

    def on_look(self, tell: Callable[[tuple[float, float]], None]) -> None:
        """Call `tell` when the user zooms or pans."""

        def changed(attr: str, old: Any, new: Any) -> None:
            if self._thinned or self._zoomed:
                self._zoomed = True
                window: Any = (self._x_range.start, self._x_range.end)
                tell(window)

        self._x_range.on_change("start", changed)
        self._x_range.on_change("end", changed)

    def show(self, data: dict[str, Any], patch: Patch) -> None:
        x, y = data["x"], data["y"]
        self._thinned = data.get("thinned", False)
        order = np.argsort(x)
        columns = {f"y{i}": _drawable(values[order]) for i, values in enumerate(y.T[: self._components])}
        patch.fill(self._points, {"x": x[order], **columns})
        for marker in self._markers:
            patch.put(marker, visible=len(x) <= MOST_MARKED)
        newest = data["newest"]
        patch.fill(self._newest, {"x": newest[:, 0], "y": _drawable(newest[:, 1])})
        patch.fill(self._pending, {"x": data["pending"]})
        patch.fill(self._border, {"x": data["border"]})
        at, mean, error = data["errors"]
        patch.fill(self._errors, {"x": at, "low": mean - error, "high": mean + error})
        patch.put(self._note, text=_describe(data))


def _describe(data: dict[str, Any]) -> str:
    npoints, drawn = data["npoints"], len(data["x"])
    if not npoints:
        return "No result yet."
    text = f"{npoints:,} points" + describe_gaps(data["n_gaps"])
    if "nsamples" in data:
        text += f", {data['nsamples']:,} samples"
    if data.get("thinned"):
        text += f", {drawn:,} drawn; zoom in for more"
    text += "; orange: newest" if len(data["newest"]) else ""
    return text + (f"; grey: {len(data['pending'])} on their way" if len(data["pending"]) else "")


def _with_barred(x: Floats, y: Floats, barred: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    """Return the points of a line with a gap at each point that is barred."""
    if not len(barred):
        return x, y
    x, y = np.append(x, barred), np.append(y, np.full((len(barred), y.shape[1]), np.nan), axis=0)
    order = np.argsort(x)
    return x[order], y[order]


def _border(x: Floats, y: Floats) -> Floats:
    """Return where gaps begin and end, halfway between points with and without a value."""
    order = np.argsort(x)
    x, y = x[order], y[order]
    ends = np.flatnonzero(np.diff(np.isnan(y)))
    return (x[ends] + x[ends + 1]) / 2


def _drawable(values: Floats) -> Floats:
    """Replace values that are not finite by NaN, which leaves a gap."""
    return np.where(np.isfinite(values), values, np.nan)
