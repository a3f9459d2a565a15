"""Loss functions of an interval, for `Learner1D`.

Coordinates are divided by the size of the sampled box, so that x and y are comparable. Each function has two versions:
for one interval, as users write it, and for many at once (`LossTraits.batch`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive_dask.learner.base_learner import uses_nth_neighbors
from adaptive_dask.learner.losses.interval_loss import Array, LossFunction, batched

Xs = Sequence[Any]
Ys = Sequence[Any]


def _uniform_batch(xs: Array, ys: Array) -> Array:
    middle = xs.shape[1] // 2
    return xs[:, middle] - xs[:, middle - 1]


def _default_batch(xs: Array, ys: Array) -> Array:
    middle = xs.shape[1] // 2
    dx = xs[:, middle] - xs[:, middle - 1]
    dy = ys[:, middle] - ys[:, middle - 1]
    largest = dy[:, 0] if dy.shape[1] == 1 else np.abs(dy).max(axis=1)
    return np.hypot(dx, largest)


def _abs_min_log_batch(xs: Array, ys: Array) -> Array:
    sizes = np.abs(ys).min(axis=2)
    found = (sizes == 0).any(axis=1)
    sizes[found] = 1.0
    return _default_batch(xs, np.log(sizes)[:, :, np.newaxis])


@uses_nth_neighbors(0)
@batched(_uniform_batch)
def uniform_loss(xs: Xs, ys: Ys) -> float:
    """Return the length of the interval: samples uniformly.

    Parameters
    ----------
    xs : pair of float
        The ends of the interval, relative to the width of the domain.
    ys : pair of float, or of arrays of shape (vdim,)
        The values there, relative to the height of the data.
    """
    return float(xs[1] - xs[0])


@uses_nth_neighbors(0)
@batched(_default_batch)
def default_loss(xs: Xs, ys: Ys) -> float:
    """Return the length of the line between the two points; for vectors, the longest over the components.

    Parameters
    ----------
    xs : pair of float
        The ends of the interval, relative to the width of the domain.
    ys : pair of float, or of arrays of shape (vdim,)
        The values there, relative to the height of the data.
    """
    left, right = ys
    if isinstance(left, float):
        return math.hypot(xs[1] - xs[0], right - left)
    return math.hypot(xs[1] - xs[0], np.abs(np.subtract(right, left)).max())


@uses_nth_neighbors(0)
@batched(_abs_min_log_batch)
def abs_min_log_loss(xs: Xs, ys: Ys) -> float:
    """Return the length of the line between the logarithms of the values: finds zeros, of ``|y|`` or of one component.

    Parameters
    ----------
    xs : pair of float
        The ends of the interval, relative to the width of the domain.
    ys : pair of float, or of arrays of shape (vdim,)
        The values there, relative to the height of the data. For vectors, the smallest component counts.

    Returns
    -------
    loss : float
        The length of the interval next to an exact zero, which has no logarithm and was found.
    """
    left, right = (float(np.abs(y).min()) for y in ys)
    dy = math.log(right) - math.log(left) if left and right else 0.0
    return math.hypot(xs[1] - xs[0], dy)


def _triangle_areas(xs: Array, ys: Array, first: int) -> Array:
    """Return the area of the triangle of points first, first + 1 and first + 2 of each row; NaN if one is missing."""
    ax, bx = xs[:, first + 1] - xs[:, first], xs[:, first + 2] - xs[:, first]
    a, b = ys[:, first + 1] - ys[:, first], ys[:, first + 2] - ys[:, first]
    if a.shape[1] == 1:
        return 0.5 * np.abs(ax * b[:, 0] - bx * a[:, 0])
    # |b| times the distance of a from the line along b, which is precise for nearly collinear points, unlike the
    # determinant of the distances.
    share = (ax * bx + (a * b).sum(axis=1)) / (bx * bx + (b * b).sum(axis=1))
    height = np.hypot(ax - share * bx, np.sqrt(((a - share[:, np.newaxis] * b) ** 2).sum(axis=1)))
    base = np.hypot(bx, np.sqrt((b * b).sum(axis=1)))
    area: Array = 0.5 * height * base
    return area


def _triangle_batch(xs: Array, ys: Array) -> Array:
    areas = np.stack([_triangle_areas(xs, ys, 0), _triangle_areas(xs, ys, 1)])
    there = ~np.isnan(xs[:, [0, 3]].T)
    count = there.sum(axis=0)
    total = np.where(there, areas, 0.0).sum(axis=0)
    return np.where(count == 0, xs[:, 2] - xs[:, 1], total / np.maximum(count, 1))


@uses_nth_neighbors(1)
@batched(_triangle_batch)
def triangle_loss(xs: Xs, ys: Ys) -> float:
    """Return the mean area of the two triangles that the interval forms with its neighbouring points.

    Parameters
    ----------
    xs : sequence of 4 (float or None)
        The ends of the interval and the points next to it, relative to the width of the domain.
    ys : sequence of 4 (float, array of shape (vdim,), or None)
        The values there, relative to the height of the data.

    Returns
    -------
    loss : float
        At the edge of the domain, the area of the only triangle, or the length without one.
    """
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None]
    if len(points) == 2:
        return float(points[1][0] - points[0][0])
    total = 0.0
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        if isinstance(y0, float):
            total += 0.5 * abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
        else:
            row = np.array([[x0, x1, x2]])
            total += float(_triangle_areas(row, np.array([[y0, y1, y2]], dtype=float), 0)[0])
    return total / (len(points) - 2)


class _ResolutionLoss:
    """See `resolution_loss_function`."""

    nth_neighbors = 0
    shrinks = True

    def __init__(self, min_length: float, max_length: float) -> None:
        self.min_length = min_length
        self.max_length = max_length

    def __call__(self, xs: Xs, ys: Ys) -> float:
        length = xs[1] - xs[0]
        if length < self.min_length:
            return 0.0
        if length > self.max_length:
            return math.inf
        return default_loss(xs, ys)

    def batch(self, xs: Array, ys: Array) -> Array:
        return limited(_default_batch(xs, ys), xs[:, 1] - xs[:, 0], self.min_length, self.max_length)


def limited(losses: Array, lengths: Array, min_length: float, max_length: float) -> Array:
    """Set the losses of intervals shorter than min_length to 0, and of those longer than max_length to inf."""
    return np.where(lengths < min_length, 0.0, np.where(lengths > max_length, np.inf, losses))


def resolution_loss_function(min_length: float = 0, max_length: float = 1) -> LossFunction:
    """Return `default_loss` with a minimal and a maximal length of intervals.

    Parameters
    ----------
    min_length : float, default: 0
        Intervals shorter than this have no loss. The whole domain has length 1.
    max_length : float, default: 1
        Intervals longer than this have an infinite loss; the learner ranks these by their length.

    Returns
    -------
    loss : callable
    """
    return _ResolutionLoss(min_length, max_length)


class _CurvatureLoss:
    """See `curvature_loss_function`."""

    nth_neighbors = 1
    shrinks = True

    def __init__(self, area_factor: float, euclid_factor: float, horizontal_factor: float) -> None:
        self.area_factor = area_factor
        self.euclid_factor = euclid_factor
        self.horizontal_factor = horizontal_factor

    def __call__(self, xs: Xs, ys: Ys) -> float:
        return float(
            self.area_factor * math.sqrt(triangle_loss(xs, ys))
            + self.euclid_factor * default_loss(xs[1:3], ys[1:3])
            + self.horizontal_factor * (xs[2] - xs[1])
        )

    def batch(self, xs: Array, ys: Array) -> Array:
        return (
            self.area_factor * np.sqrt(_triangle_batch(xs, ys))
            + self.euclid_factor * _default_batch(xs, ys)
            + self.horizontal_factor * (xs[:, 2] - xs[:, 1])
        )


def curvature_loss_function(
    area_factor: float = 1, euclid_factor: float = 0.02, horizontal_factor: float = 0.02
) -> LossFunction:
    """Return a loss that is large at bends of the function, plus terms for the length so that no region is ignored.

    Parameters
    ----------
    area_factor : float, default: 1
        The weight of the square root of `triangle_loss`.
    euclid_factor : float, default: 0.02
        The weight of `default_loss`.
    horizontal_factor : float, default: 0.02
        The weight of the interval's length.

    Returns
    -------
    loss : callable
        Uses one neighbour on each side.
    """
    return _CurvatureLoss(area_factor, euclid_factor, horizontal_factor)
