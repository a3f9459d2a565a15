"""Plots of a function of two coordinates: an image, its triangles, and the points without a value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from adaptive_dask.learner.space_learner import SpaceLearner
from adaptive_dask.plotting.backend import as_picture, load_holoviews, with_options
from adaptive_dask.plotting.labels import coordinate_names, dimensions, title_of
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.level_set import border, segments
from adaptive_dask.plotting.palette import COLOR_MAP, COLORS
from adaptive_dask.plotting.region_data import MOST_TRIANGULATED, Interpolation, RegionData, region_data
from adaptive_dask.plotting.thinning import Floats, Indices, edges_of, longest

# The default number of pixels of an image along each axis.
FEWEST_PIXELS, MOST_PIXELS = 100, 400

# More edges would be a white area, and slow in a browser.
MOST_EDGES = 20_000


class Surface:
    """The data for plots of a function of two coordinates.

    Parameters
    ----------
    learner : SpaceLearner
        A learner of two dimensions.
    stretch : float, default: 1
        Scale of the second axis for the triangulation.
    """

    def __init__(self, learner: SpaceLearner, stretch: float = 1.0) -> None:
        self._whole = region_data(learner)
        evaluated = self._whole.thinned(MOST_TRIANGULATED[2])
        self._n_drawn = len(evaluated.points)
        self.data: RegionData = evaluated.with_barred(learner)
        self.interpolation = Interpolation(self.data, np.array([1.0, stretch]))
        self.axes, self.value_axis = dimensions(learner.function, *coordinate_names(2))
        self._outside = learner.npoints - len(self._whole.points)

    @property
    def triangles(self) -> Indices:
        """Indices of points, shape (k, 3)."""
        return self.interpolation.simplices

    def overlay(self, n: int | None, tri_alpha: float, component: int) -> Any:
        """Return ``Image * Segments * Points`` of one component of the values."""
        holoviews = load_holoviews()
        n = pixels(n) or self._default_pixels()
        corner, values = self.data.low, None
        if self.interpolation.is_known:
            line = (np.arange(n) + 0.5) / n
            grid = np.stack(np.meshgrid(line, line), axis=-1)
            values = self.interpolation(grid)[..., component]
        picture = image(corner, self.data.width, values, self.axes, self.value_axis)
        edges = edges_of(self.triangles if tri_alpha else self.triangles[:0])
        ends = self.data.originals[longest(edges, self.data.points, MOST_EDGES)]
        strange = (
            ~np.isfinite(self.data.values[: self._n_drawn, component]) if self.interpolation.is_known else slice(None)
        )
        marks = holoviews.Points(self.data.originals[: self._n_drawn][strange], kdims=self.axes)
        elements = [
            picture,
            with_options(segments(ends, self.axes, "EdgePaths"), color="white", line_width=0.5, opacity=tri_alpha),
            with_options(marks, color=COLORS[1], diameter=5.0),
        ]
        if self.data.has_gaps:
            elements.append(border(self.data.originals, self.data.distances, self.triangles, self.axes))
        (x_low, y_low), (x_high, y_high) = corner, corner + self.data.width
        ranges = {"x": padded(x_low, x_high), "y": padded(y_low, y_high)}
        return as_picture(holoviews.Overlay(elements).redim.range(**ranges), self.title(component, len(edges)))

    def title(self, component: int, n_edges: int = 0) -> str:
        gone = int((self._whole.shares == 0).sum())
        strange = int((~np.isfinite(self._whole.values[:, component])).sum()) if len(self._whole.points) else 0
        strange -= gone
        remarks = []
        if self._outside > 0:
            remarks.append(f"{self._outside:,} out of bounds")
        if gone:
            remarks.append(f"{gone:,} infeasible (marked)")
        if strange:
            remarks.append(f"{strange:,} not finite (marked)")
        if not self.interpolation.is_known:
            remarks.append("too few for an image")
        if n_edges > MOST_EDGES:
            remarks.append(f"the longest {MOST_EDGES:,} of {n_edges:,} edges are drawn")
        npoints = len(self._whole.points) + self._outside
        return title_of(npoints, self._n_drawn + self._outside, *remarks)

    def _default_pixels(self) -> int:
        """Return a number of pixels that is sufficient for the smallest triangle, within limits."""
        if not len(self.triangles):
            return FEWEST_PIXELS
        a, b, c = np.moveaxis(self.data.points[self.triangles], 1, 0)
        (ux, uy), (vx, vy) = (b - a).T, (c - a).T
        smallest = float(np.abs(ux * vy - uy * vx).min()) / 2
        return int(min(max(FEWEST_PIXELS, 2 / math.sqrt(smallest)), MOST_PIXELS)) if smallest else MOST_PIXELS


def draw_surface(
    learner: SpaceLearner, n: int | None, tri_alpha: float, component: int | None, stretch: float = 1.0
) -> Any:
    """Return ``Image * Segments * Points`` of a learner of two dimensions; for vectors, a HoloMap of overlays."""
    if not 0 <= tri_alpha <= 1:
        raise ValueError(f"tri_alpha must be an opacity between 0 and 1, got {tri_alpha!r}.")
    pixels(n)
    surface = Surface(learner, stretch)
    return by_component(learner.vdim, component, lambda i: surface.overlay(n, tri_alpha, i))


def checked_component(component: int, vdim: int) -> int:
    """Check the index of a component."""
    if not 0 <= component < vdim:
        raise ValueError(f"component must be between 0 and {vdim - 1}, got {component!r}.")
    return component


def by_component(vdim: int, component: int | None, draw_one: Any) -> Any:
    """Return the plot of one component, or a HoloMap of all components."""
    if component is not None:
        return draw_one(checked_component(component, vdim))
    if vdim == 1:
        return draw_one(0)
    return load_holoviews().HoloMap({i: draw_one(i) for i in range(vdim)}, kdims=["component"])


def pixels(n: int | None) -> int | None:
    """Check the number of pixels."""
    if n is not None and n < 2:
        raise ValueError(f"n must be 2 or more pixels along each axis, got {n!r}.")
    return n


def image(low: Floats, width: Floats, values: Floats | None, axes: list[Any], value_axis: Any) -> Any:
    """Return an image of a rectangle.

    Parameters
    ----------
    low, width : array of shape (2,)
        Position and size of the rectangle.
    values : array of shape (n, n), or None
        Values at the centres of the pixels, with rows along the second axis; NaN is transparent.
    axes, value_axis : holoviews.Dimension
    """
    is_empty = values is None or not np.isfinite(values).any()
    if values is None or is_empty:
        # Matplotlib warns if all values are NaN, so this image is transparent instead.
        values = np.zeros((2, 2))
    corners = (low[0], low[1], low[0] + width[0], low[1] + width[1])
    element = load_holoviews().Image(values[::-1], bounds=corners, kdims=axes, vdims=[value_axis])
    return with_options(
        element,
        cmap=COLOR_MAP,
        colorbar=not is_empty,
        opacity=0.0 if is_empty else 1.0,
        bokeh={"tools": [] if is_empty else ["hover"], "colorbar_opts": {"title_standoff": 8}},
        matplotlib={"aspect": "auto"},
    )
