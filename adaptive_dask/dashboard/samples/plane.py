"""Samples in a plane: those of a function of two variables, or two coordinates of a function of more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import Column, ColumnDataSource, HoverTool, LinearColorMapper, Range1d, Row
from bokeh.models.annotations import ColorBar
from bokeh.models.widgets import Select
from bokeh.palettes import Viridis256
from numpy.typing import NDArray

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import (
    MOST_PENDING,
    NEWEST,
    Floats,
    Follower,
    as_floats,
    count_gaps,
    describe_gaps,
    with_gaps,
)
from adaptive_dask.dashboard.samples.thinning import ThinPlane
from adaptive_dask.dashboard.style import GREY, ORANGE, TOOLS, new_figure, new_note, select_style
from adaptive_dask.learner.feasibility import signed_distances
from adaptive_dask.learner.infeasible_points import barred_points
from adaptive_dask.plotting.level_set import level_set
from adaptive_dask.plotting.thinning import edges_of

# Above this number of points, the edges of triangles would be a grey area.
MOST_IN_MESH = 2000

# Pixels of the picture along each axis.
PIXELS = 128


class PlaneFollower(Follower):
    """Follows points with two or more coordinates.

    Parameters
    ----------
    learner : SpaceLearner
        Functions of exactly two variables are interpolated between the points.
    """

    def __init__(self, learner: Any) -> None:
        self.ndim = learner.ndim
        self._low, self._high = np.array(learner.bbox, dtype=float).T
        self.look_at((0, 1))

    def look_at(self, axes: tuple[int, int]) -> None:
        """Read all data again, for other coordinates."""
        self.axes = axes
        self.start_over()

    def start_over(self) -> None:
        super().start_over()
        axes = list(self.axes)
        self._thin = ThinPlane(self._low[axes], self._high[axes])
        self._newest: Floats = np.empty((0, 2))

    @property
    def components(self) -> tuple[int, int]:
        """Return the coordinates that the chart shows."""
        return self.axes

    def read(self, learner: Any, pending: list[Any]) -> Any:
        points, values = self.take(learner.data)
        floats = with_gaps(learner, points, as_floats(values)[:, :1])[:, 0]
        barred = barred_points(learner)  # where `feasible` is false; never evaluated
        return points, floats, self.position, pending[:MOST_PENDING], count_gaps(learner), barred

    def prepare(self, raw: Any) -> dict[str, Any]:
        points, values, npoints, pending, n_gaps, barred = raw
        axes = list(self.axes)
        if points:
            here = np.array(points, dtype=float).reshape(len(points), -1)[:, axes]
            # Gaps can be seen between two variables, and not among more.
            shown = slice(None) if self.ndim == 2 else np.isfinite(values)
            self._thin.add(here[shown], values[shown])
            self._newest = np.concatenate([self._newest, here])[-NEWEST:]
        points, values = self._thin.points, self._thin.values
        data: dict[str, Any] = {
            "points": points,
            "values": np.where(np.isfinite(values), values, np.nan),
            "newest": self._newest,
            "pending": np.array(pending, dtype=float).reshape(len(pending), self.ndim)[:, axes],
            "npoints": npoints,
            "n_gaps": n_gaps,
            "image": None,
            "mesh": np.empty((0, 2)),
            "border": np.empty((0, 2)),
        }
        if self.ndim == 2 and len(points) > 3:
            blank = np.full(len(barred), np.nan)
            points = np.concatenate([points, np.array(barred, dtype=float).reshape(-1, 2)])
            has_value = ~np.isnan(np.append(values, blank))
            data |= self._between(points, np.append(data["values"], blank), has_value)
        return data

    def _between(self, points: Floats, values: Floats, has_value: NDArray[np.bool_]) -> dict[str, Any]:
        """Return the linear interpolation on a grid, the edges of the triangles, and the border of gaps."""
        # Not before it is needed: every scheduler with a dashboard loads this module.
        from scipy.interpolate import LinearNDInterpolator
        from scipy.spatial import Delaunay, QhullError

        try:
            mesh = Delaunay(unit := (points - self._low) / (self._high - self._low))
        except QhullError:  # all points on one line
            return {}
        grid = (np.arange(PIXELS) + 0.5) / PIXELS
        image = LinearNDInterpolator(mesh, values)(*np.meshgrid(grid, grid))
        found: dict[str, Any] = {"image": image.astype(np.float32)}
        if not self._thin.thinned and len(points) <= MOST_IN_MESH:
            found["mesh"] = _separated(points[edges_of(mesh.simplices)])
        if not has_value.all():
            ends, facets = level_set(points, signed_distances(unit, has_value), mesh.simplices, 0.0)
            found["border"] = _separated(ends[facets])
        return found

    def make_chart(self) -> PlaneChart:
        axes = list(self.axes)
        names = ["x", "y"] if self.ndim == 2 else [f"x{_subscript(axis + 1)}" for axis in range(self.ndim)]
        return PlaneChart(self._low[axes], self._high[axes], names, self.axes)


class PlaneChart:
    """Points coloured by value, above a picture of the interpolation."""

    def __init__(self, low: Floats, high: Floats, all_names: list[str], axes: tuple[int, int]) -> None:
        names = [all_names[axis] for axis in axes]
        corners = zip((low - 0.02 * (high - low)).tolist(), (high + 0.02 * (high - low)).tolist(), strict=True)
        ranges = [Range1d(start=start, end=end) for start, end in corners]
        self._figure = new_figure(
            tools=TOOLS,
            x_range=ranges[0],
            y_range=ranges[1],
            x_axis_label=names[0],
            y_axis_label=names[1],
        )
        self._colors = LinearColorMapper(palette=Viridis256, low=0, high=1, nan_color="rgba(0, 0, 0, 0)")
        self._image = ColumnDataSource({"image": []})
        (x, y), (width, height) = low.tolist(), (high - low).tolist()
        self._figure.image("image", x=x, y=y, dw=width, dh=height, source=self._image, color_mapper=self._colors)
        self._mesh = ColumnDataSource({"x": [], "y": []})
        self._figure.line("x", "y", source=self._mesh, color="#000000", line_alpha=0.3, line_width=0.7)
        self._border = ColumnDataSource({"x": [], "y": []})
        self._figure.line("x", "y", source=self._border, color=GREY, line_width=2)
        self._points = ColumnDataSource({"x": [], "y": [], "value": []})
        # An edge keeps dark points visible on black and light points on white, and separates points from the picture.
        edge = {"line_color": "#000000", "line_alpha": 0.4} if len(all_names) == 2 else {"line_color": GREY}
        fill = {"field": "value", "transform": self._colors}
        self._dots = self._figure.scatter(
            "x", "y", source=self._points, size=6, fill_color=fill, line_width=0.5, **edge
        )
        self._pending = ColumnDataSource({"x": [], "y": []})
        self._figure.scatter("x", "y", source=self._pending, marker="x", size=6, color=GREY)
        self._newest = ColumnDataSource({"x": [], "y": []})
        self._figure.scatter("x", "y", source=self._newest, size=8, fill_alpha=0, line_color=ORANGE, line_width=1.8)
        tips = [(names[0], "@x{0.00000}"), (names[1], "@y{0.00000}"), ("value", "@value{0.0000e+0}")]
        self._figure.add_tools(HoverTool(renderers=[self._dots], tooltips=tips))
        self._figure.add_layout(ColorBar(color_mapper=self._colors, width=10), "right")
        self._figure.ygrid.visible = False
        self._note = new_note(self._figure)
        options: Any = all_names
        self._choices: list[Any] = [
            Select(title=title, value=names[i], options=options, width=90, stylesheets=[select_style()])
            for i, title in enumerate(("horizontal", "vertical"))
        ]
        self._all_names = all_names
        self.root = self._figure
        if len(all_names) > 2:
            row = Row(children=[*self._choices])
            self.root = Column(children=[row, self._figure], sizing_mode="stretch_both")

    def on_look(self, tell: Callable[[tuple[int, int]], None]) -> None:
        """Call `tell` when the user chooses other coordinates."""

        def changed(attr: str, old: Any, new: Any) -> None:
            x, y = (self._all_names.index(choice.value) for choice in self._choices)
            if x != y:
                tell((x, y))

        for choice in self._choices:
            choice.on_change("value", changed)

    def show(self, data: dict[str, Any], patch: Patch) -> None:
        points, values = data["points"], data["values"]
        known = values[~np.isnan(values)]
        if len(known):
            low, high = float(known.min()), float(known.max())
            patch.put(self._colors, low=low, high=max(high, low + 1e-12 * max(1.0, abs(low))))
        patch.fill(self._image, {"image": [] if data["image"] is None else [data["image"]]})
        patch.fill(self._mesh, {"x": data["mesh"][:, 0], "y": data["mesh"][:, 1]})
        patch.fill(self._border, {"x": data["border"][:, 0], "y": data["border"][:, 1]})
        patch.fill(self._points, {"x": points[:, 0], "y": points[:, 1], "value": values})
        size = 6.0 if len(points) < 500 else 3.5 if len(points) < 2000 else 2.0
        patch.put(self._dots.glyph, size={"value": size})
        patch.fill(self._newest, {"x": data["newest"][:, 0], "y": data["newest"][:, 1]})
        patch.fill(self._pending, {"x": data["pending"][:, 0], "y": data["pending"][:, 1]})
        patch.put(self._note, text=_describe(data))


def _describe(data: dict[str, Any]) -> str:
    npoints, drawn = data["npoints"], len(data["points"])
    if not npoints:
        return "No result yet."
    text = f"{npoints:,} points" + describe_gaps(data["n_gaps"], " (hollow)" if data["image"] is not None else "")
    if drawn < npoints:
        text += f", {drawn:,} of them drawn"
    pending = len(data["pending"])
    return text + "; colour: value, ring: newest" + (f"; cross: {pending} on their way" if pending else "")


def _separated(ends: Floats) -> Floats:
    """Return lines, shape (k, 2, 2), as one line with gaps, shape (3 k, 2)."""
    gaps = np.full((len(ends), 1, 2), np.nan)
    return np.concatenate([ends, gaps], axis=1).reshape(-1, 2).astype(np.float32)


def _subscript(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))
