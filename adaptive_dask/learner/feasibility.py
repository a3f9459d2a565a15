"""Interpolation next to a region without values: which side a place is on, and values up to the border.

Values are known at points on one side of the border only. So that they can be interpolated up to it, those on the other
side are extrapolated from the nearest points with values.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A polynomial of second degree is fitted to so many times as many points as it has coefficients.
POINTS_PER_COEFFICIENT = 3
# In more dimensions it would have too many coefficients.
MOST_QUADRATIC_DIMENSIONS = 3
# What is left out of a fit if points are nearly on a line or a plane.
CONDITION = 1e-2
# Extrapolated values exceed the range of those that they are from by no more than this part of it.
MARGIN = 0.5


def extrapolated(points: Array, values: Array, feasible: Flags) -> Array:
    """Values at all points, those without one by a local fit to the others.

    Parameters
    ----------
    points : array, shape (n, d)
    values : array, shape (n, m)
    feasible : array of bool, shape (n,)
        Which points have a value.

    Returns
    -------
    array, shape (n, m)
        NaN without a value anywhere.
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
    found = (inverse[:, :1] @ (seen * weights[:, :, None]))[:, 0]  # of a polynomial at 0 the constant is left
    least, most = seen.min(axis=1), seen.max(axis=1)
    slack = MARGIN * (most - least)
    filled = values.copy()
    filled[~feasible] = np.clip(found, least - slack, most + slack)
    return filled


def _powers(dim: int, degree: int) -> list[tuple[int, ...]]:
    return [each for k in range(degree + 1) for each in itertools.combinations_with_replacement(range(dim), k)]


def with_border(x: Array, y: Array, feasible: Flags) -> tuple[Array, Array]:
    """Samples of a function of one variable, and its values half-way to each neighbour without one.

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
