"""Interpolation at the border of a region without values.

Values are known only on one side of the border. To interpolate up to the border, values on the other side are
extrapolated from the nearest points with values.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.types import Floats

Flags = NDArray[np.bool_]

# A polynomial of second degree is fitted to this multiple of the number of its coefficients.
POINTS_PER_COEFFICIENT = 6
# In more dimensions the polynomial would have too many coefficients.
MOST_QUADRATIC_DIMENSIONS = 3
# Smaller singular values, relative to the largest one, are ignored. They occur if points are nearly on a plane. With
# all points on the same side, those of the curvature are small, too, and must not be among them.
CONDITION = 2e-3
# Extrapolated values exceed the range of their points by at most this share of it.
MARGIN = 0.5


def extrapolated(points: Floats, values: Floats, feasible: Flags) -> Floats:
    """Return values at all points, extrapolated by a local fit where there are none.

    Parameters
    ----------
    points : array, shape (n, d)
    values : array, shape (n, m)
    feasible : array of bool, shape (n,)
        True for points with a value.

    Returns
    -------
    array, shape (n, m)
        NaN if no point has a value.
    """
    is_known = feasible & np.isfinite(values).all(axis=1)
    known, places = points[is_known], points[~feasible]
    if not len(places) or not len(known):
        return values
    from scipy.spatial import cKDTree

    low, width = points.min(axis=0), np.ptp(points, axis=0)
    known, places = (known - low) / width, (places - low) / width
    dim = points.shape[1]
    degree = 2 if dim <= MOST_QUADRATIC_DIMENSIONS else 1
    count = POINTS_PER_COEFFICIENT * len(_powers(dim, degree))
    if len(known) < count:
        degree, count = 1, min(POINTS_PER_COEFFICIENT * (dim + 1), len(known))
    distances, nearest = cKDTree(known).query(places, k=count)
    distances, nearest = distances.reshape(-1, count), nearest.reshape(-1, count)
    size = distances[:, -1:]
    offsets = (known[nearest] - places[:, None]) / size[:, :, None]
    weights = size / distances
    design = np.stack([offsets[:, :, list(power)].prod(axis=2) for power in _powers(dim, degree)], axis=2)
    seen = values[is_known][nearest]
    inverse = np.linalg.pinv(design * weights[:, :, None], rcond=CONDITION)
    found = (inverse[:, :1] @ (seen * weights[:, :, None]))[:, 0]  # the constant term, the value of the polynomial at 0
    least, most = seen.min(axis=1), seen.max(axis=1)
    slack = MARGIN * (most - least)
    filled = values.copy()
    filled[~feasible] = np.clip(found, least - slack, most + slack)
    return filled


def signed_distances(points: Floats, feasible: Flags, periodic: Sequence[bool] = ()) -> Floats:
    """Return the distance of each point from the nearest one on the other side of the border.

    The border is where the linear interpolation of these is 0. Halfway between points on its two sides, it would follow
    them in a zigzag.

    Parameters
    ----------
    points : array, shape (n, d)
        In coordinates of the unit cube.
    feasible : array of bool, shape (n,)
        True for points with a value.
    periodic : sequence of d bools, optional

    Returns
    -------
    array, shape (n,)
        Negative for points without a value; 1 or -1 if all points are on the same side.
    """
    distances = np.where(feasible, 1.0, -1.0)
    if feasible.all() or not feasible.any():
        return distances
    from scipy.spatial import cKDTree

    periods = np.array(periodic or [False] * points.shape[1], dtype=float)  # 0 for other axes
    points = np.where(periods > 0, points % 1.0, points)
    for side in (feasible, ~feasible):
        distances[side] *= cKDTree(points[~side], boxsize=periods).query(points[side])[0]
    return distances


def _powers(dim: int, degree: int) -> list[tuple[int, ...]]:
    return [each for k in range(degree + 1) for each in itertools.combinations_with_replacement(range(dim), k)]


def with_border(x: Floats, y: Floats, feasible: Flags) -> tuple[Floats, Floats]:
    """Return samples of a function of one variable, with values half-way to each neighbour without a value.

    Parameters
    ----------
    x : array, shape (n,)
        Ascending.
    y : array, shape (n, m)
    feasible : array of bool, shape (n,)

    Returns
    -------
    x : array, shape (k,)
    y : array, shape (k, m)
        NaN at samples without a value.
    """
    borders = np.flatnonzero(feasible[1:] != feasible[:-1])
    if not len(borders):
        return x, y
    last = len(x) - 1
    inner = np.where(feasible[borders], borders, borders + 1)
    behind = np.where(feasible[borders], borders - 1, borders + 2)
    behind = np.clip(behind, 0, last)
    behind = np.where(feasible[behind], behind, inner)
    middles = 0.5 * (x[borders] + x[borders + 1])
    step = np.where(behind != inner, x[inner] - x[behind], 1.0)
    ends = y[inner] + (y[inner] - y[behind]) * ((middles - x[inner]) / step)[:, None]
    xs, ys = np.concatenate([x, middles]), np.concatenate([y, ends])
    order = np.argsort(xs, kind="stable")
    return xs[order], ys[order]
