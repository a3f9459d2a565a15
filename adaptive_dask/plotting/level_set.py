"""Level sets of functions that are linear on simplices, borders of regions without a value, and how to draw them."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_dask.plotting.backend import load_holoviews, with_options
from adaptive_dask.plotting.thinning import Floats, Indices

# The colour of borders.
COLOR = "#555555"


def level_set(points: Floats, values: Floats, simplices: Indices, level: float) -> tuple[Floats, Indices]:
    """Return the segments (in triangles) or triangles (in tetrahedra) where the function equals `level`.

    A simplex is cut if some of its corners are above the level and others are not. Each edge between such corners has
    one vertex of the result, which all simplices around the edge share. The result therefore has gaps only at values
    that are not finite.

    Parameters
    ----------
    points : array of shape (n, d)
        Points, with d = 2 or 3.
    values : array of shape (n,)
        Simplices with a value that is not finite are omitted.
    simplices : array of int, shape (k, d + 1)
    level : float

    Returns
    -------
    vertices : array of shape (m, d)
    facets : array of int, shape (f, d)
        Indices of vertices.
    """
    d = points.shape[1]
    simplices = np.asarray(simplices, dtype=np.intp).reshape(-1, d + 1)
    simplices = simplices[np.isfinite(values[simplices]).all(axis=1)]
    above = values[simplices] > level
    # corners above the level first, so that there is one case for each number of them
    order = np.argsort(~above, axis=1, kind="stable")
    simplices = np.take_along_axis(simplices, order, axis=1)
    n_above = above.sum(axis=1)
    edges: list[Indices] = []
    for k in range(1, d + 1):
        cut = simplices[n_above == k]
        # the edges between corners above and below
        crossing = np.stack([cut[:, [i, j]] for i in range(k) for j in range(k, d + 1)], axis=1)
        if k * (d + 1 - k) == d:
            edges.append(crossing)
        else:  # four edges of a tetrahedron, 02 03 12 13: two triangles
            edges += [crossing[:, [0, 1, 2]], crossing[:, [1, 2, 3]]]
    facets = np.sort(np.concatenate(edges), axis=2)
    ends, numbers = np.unique(facets.reshape(-1, 2), axis=0, return_inverse=True)
    first, second = values[ends[:, 0]], values[ends[:, 1]]
    # the values differ, because one is above the level and the other is not
    share = ((level - first) / (second - first))[:, None]
    vertices = (1 - share) * points[ends[:, 0]] + share * points[ends[:, 1]]
    return vertices, numbers.reshape(-1, d)


def border(points: Floats, distances: Floats, triangles: Indices, axes: list[Any]) -> Any:
    """Return the border in a picture of two coordinates.

    Parameters
    ----------
    points : array of shape (n, 2)
    distances : array of shape (n,)
        From the border, negative where there is no value.
    triangles : array of int, shape (k, 3)
    axes : list of holoviews.Dimension

    Returns
    -------
    holoviews.Segments
    """
    vertices, facets = level_set(points, distances, triangles, 0.0)
    return _drawn(vertices[facets], axes)


def border_of_pixels(low: Floats, width: Floats, distances: Floats, axes: list[Any]) -> Any:
    """Return the border from distances in the middle of pixels, shape (n, n), rows along the second axis."""
    n = len(distances)
    line = (np.arange(n) + 0.5) / n
    points = low + width * np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = (each.ravel() for each in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    triangles = np.concatenate([np.stack((a, b, c), axis=1), np.stack((d, b, c), axis=1)])
    return border(points, distances.ravel(), triangles, axes)


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
    return _drawn(ends, axes)


def segments(ends: Floats, axes: list[Any], group: str) -> Any:
    """Draw many straight lines.

    A browser draws them at once; the pieces of a path would take about ten milliseconds each.

    Parameters
    ----------
    ends : array of shape (k, 2, 2)
        Coordinates of the two ends of each line.
    axes : list of holoviews.Dimension
    group : str
        The name of the element in an overlay, such as "EdgePaths" as in python-adaptive.
    """
    columns = ends.reshape(-1, 4).T
    return load_holoviews().Segments(tuple(columns), [*axes, "x_end", "y_end"], group=group)


def _drawn(ends: Floats, axes: list[Any]) -> Any:
    return with_options(segments(ends, axes, "Border"), color=COLOR, line_width=1.2)
