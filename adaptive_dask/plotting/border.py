"""Lines around the regions where a function has no value."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_dask.plotting.backend import load_holoviews, with_options
from adaptive_dask.plotting.level_set import level_set
from adaptive_dask.plotting.thinning import Floats, Indices

# Where an interpolator has no value.
LEVEL = 0.5

COLOR = "#555555"


def border(points: Floats, shares: Floats, triangles: Indices, axes: list[Any]) -> Any:
    """Return the border in a picture of two coordinates.

    Parameters
    ----------
    points : array of shape (n, 2)
    shares : array of shape (n,)
        0 where there is no value, 1 where there is one.
    triangles : array of int, shape (k, 3)
    axes : list of holoviews.Dimension

    Returns
    -------
    holoviews.Segments
    """
    vertices, facets = level_set(points, shares, triangles, LEVEL)
    return _segments(vertices[facets].reshape(-1, 4), axes)


def border_of_pixels(low: Floats, width: Floats, shares: Floats, axes: list[Any]) -> Any:
    """Return the border from shares in the middle of pixels, shape (n, n), rows along the second axis."""
    n = len(shares)
    line = (np.arange(n) + 0.5) / n
    points = low + width * np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = (each.ravel() for each in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    triangles = np.concatenate([np.stack((a, b, c), axis=1), np.stack((d, b, c), axis=1)])
    return border(points, shares.ravel(), triangles, axes)


def border_on_line(x: Floats, shares: Any, values: Floats, axes: list[Any]) -> Any:
    """Return vertical lines for a picture of one coordinate, halfway between points with and without a value.

    Parameters
    ----------
    x, shares : array of shape (n,), by x
    values : array of shape (n, m)
        Lines are as long as these.
    axes : list of holoviews.Dimension
    """
    places = np.flatnonzero(np.diff(shares))
    middles = (x[places] + x[places + 1]) / 2
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    ends = np.column_stack((middles, np.full_like(middles, low), middles, np.full_like(middles, high)))
    return _segments(ends, axes)


def _segments(ends: Floats, axes: list[Any]) -> Any:
    element = load_holoviews().Segments(tuple(ends.T), [*axes, "x_end", "y_end"], group="Border")
    return with_options(element, color=COLOR, line_width=1.2)
