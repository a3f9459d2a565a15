"""The largest loss of a triangle with the gradients of the smoothest surface, as in python-adaptive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import Delaunay, QhullError

from adaptive_dask.learner.geometry.patch import Graph
from adaptive_dask.learner.geometry.simplices import Floats, Ints
from adaptive_dask.learner.losses.triangles import TriangleLoss
from adaptive_dask.learner.losses.value_range import ROUNDING

# The energy of an edge is 4 a² + 4 ab + 4 b² in the slopes a and b at its ends. Relative to 4 a² + 4 b², its
# eigenvalues differ from 1 by no more than this radius. So each step divides the error by 3.7, and after these steps
# it is below 1e-4.
RADIUS = 0.5
GRADIENT_STEPS = 8


Mask = NDArray[np.bool_]


class _Smooth(Graph):
    """The attributes of an interpolator, with gradients of the smoothest surface."""

    def __init__(self, tri: Delaunay, values: Floats, shown: Mask) -> None:
        extent = float(np.ptp(values / 2, axis=0).max()) * 2
        if extent <= ROUNDING * float(np.abs(values).max()):  # the differences are rounding errors
            values, extent = np.broadcast_to(values[0], values.shape), 0.0
        extent = min(extent, float(np.finfo(float).max))
        self.unit = 2.0**-250 if extent > 1e200 else 2.0**250 if 0 < extent < 1e-200 else 1.0
        self.tri = tri
        self.values = values
        self.value_range = extent * self.unit or 1.0
        self.heights = values[tri.simplices] * self.unit
        slopes = smoothest_gradients(tri.points, _edges(tri, shown), values * self.unit / self.value_range)
        self.gradients = slopes * self.value_range


def smooth_loss(
    points: Floats,
    values: Floats,
    loss: TriangleLoss,
    are_used_up: Callable[[Floats], Mask] | None = None,
    failed: Mask | None = None,
) -> float | None:
    """Return the largest loss of a triangle.

    Parameters
    ----------
    points : array, shape (n, 2)
    values : array, shape (n, vdim)
        Values; points with values that are not finite are omitted.
    loss : callable
    are_used_up : callable, optional
        Returns True for triangles, with corners of shape (m, 3, 2), whose loss is 0.
    failed : array of bool, shape (n,), optional
        Points where the function has no value. Triangles around them do not count.

    Returns
    -------
    float or None
        None if there are too few points, or if the loss needs another interpolator.
    """
    known: Mask = np.logical_and.reduce(np.isfinite(values), axis=1)
    if known.sum() < 4:
        return None
    try:
        tri = Delaunay(points[known])
        shown = np.ones(len(tri.simplices), dtype=bool)
        if failed is not None:
            inside = tri.find_simplex(points[failed])
            shown[inside[inside >= 0]] = False
        losses = np.asarray(loss(_Smooth(tri, values[known], shown)), dtype=float)
        if are_used_up is not None:
            losses = np.where(are_used_up(tri.points[tri.simplices]), 0.0, losses)
        losses = losses[shown]
    except (QhullError, AttributeError, TypeError, IndexError):
        return None
    return float(losses.max()) if losses.size and not np.isnan(losses).any() else None


def _edges(tri: Delaunay, shown: Mask | None = None) -> Ints:
    """Return the edges of triangles that are shown, shape (2, k), in the order of the last triangle of each edge."""
    first = tri.neighbors < np.arange(len(tri.simplices))[:, None]
    if shown is not None:
        first = (first | ~shown[tri.neighbors]) & shown[:, None]
    starts, ends = tri.simplices[:, [1, 2, 0]], tri.simplices[:, [2, 0, 1]]
    return np.array([starts[first], ends[first]])


def smoothest_gradients(points: Floats, edges: Ints, values: Floats) -> Floats:
    """Compute the gradients that minimise the bending of cubic curves along all edges.

    Minimises the sum over the edges of the integral of the squared second derivative (Nielson, Math. Comp. 40 (1983)
    253), by Chebyshev's semi-iteration.

    Parameters
    ----------
    points : array, shape (n, 2)
    edges : array of int, shape (2, k)
        The indices of the points at both ends.
    values : array, shape (n, vdim)

    Returns
    -------
    array, shape (n, 2, vdim)
    """
    n, k = len(points), edges.shape[1]
    along = points[edges[1]] - points[edges[0]]
    lengths = np.hypot(along[:, 0], along[:, 1])
    weights = (lengths * np.sqrt(lengths))[:, None]
    along /= weights
    rises = (values[edges[1]] - values[edges[0]]) / weights
    # in units of slopes in which the matrix of one end is 1, and that of both ends is 1 + N
    ends = edges.ravel()
    x, y = np.concatenate([along, along]).T
    unit = 2 * np.sqrt(np.bincount(ends, x * x, minlength=n))
    unit[unit == 0] = np.inf  # of a point without edges
    skew = 4 * np.bincount(ends, x * y, minlength=n) / unit
    rest = 4 * np.bincount(ends, y * y, minlength=n) - skew * skew
    other = np.sqrt(np.where(rest > 0, rest, np.inf))  # infinite for a point without triangles
    first = x / unit[ends]
    entries = np.array([first, (y - skew[ends] * first) / other[ends]]).T.reshape(2, -1)
    columns = (2 * edges[:, :, None] + [0, 1]).reshape(2, -1)
    rows = np.arange(0, 4 * k + 1, 2)
    here = csr_array((entries.ravel(), columns.ravel(), rows), shape=(2 * k, 2 * n))
    there = csr_array((entries[::-1].ravel(), columns[::-1].ravel(), rows), shape=(2 * k, 2 * n)).T
    right = here.T @ (6 * np.concatenate([rises, rises]))
    before, slopes, omega = np.zeros_like(right), right, 2 / (2 - RADIUS**2)
    for _ in range(GRADIENT_STEPS):
        before, slopes = slopes, omega * (right - 2 * (there @ (here @ slopes)) - before) + before
        omega = 1 / (1 - RADIUS**2 * omega / 4)
    u, v = slopes.reshape(n, 2, -1).transpose(1, 0, 2)
    v = v / other[:, None]
    return np.stack([(u - skew[:, None] * v) / unit[:, None], v], axis=1)
