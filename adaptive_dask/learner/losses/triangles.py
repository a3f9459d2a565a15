"""Losses of triangles, for `Learner2D`: functions of an interpolator, one number per triangle.

The interpolator is a `scipy.interpolate.LinearNDInterpolator`, or a part of one (`Patch`) with the triangles that have
changed. Both have ``tri.points``, ``tri.simplices``, ``tri.neighbors`` and ``values``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adaptive_dask.learner.base_learner import uses_nth_neighbors
from adaptive_dask.learner.geometry.patch import Graph
from adaptive_dask.learner.geometry.simplices import (
    Floats,
    embedded_volumes,
    fill_undefined,
    vertex_gradients,
    volumes,
)
from adaptive_dask.learner.losses.tagged import tagged

Interpolator = Any
TriangleLoss = Callable[[Interpolator], Floats]

_OTHERS = np.array([[1, 2, 0], [2, 0, 1]])  # the other corners of a triangle, for each corner


def areas(ip: Interpolator) -> Floats:
    """Return the area of every triangle of an interpolator.

    Parameters
    ----------
    ip : scipy.interpolate.LinearNDInterpolator

    Returns
    -------
    array, shape (m,)
    """
    return ip.areas if isinstance(ip, Graph) else volumes(_corners(ip))


def deviations(ip: Interpolator) -> Floats:
    """Return the deviations of a triangle's values from linear extrapolations from its corners.

    The largest difference between the linear extrapolation from a corner and the values at the other corners, summed
    over the corners. Values are relative to their range.

    Parameters
    ----------
    ip : scipy.interpolate.LinearNDInterpolator

    Returns
    -------
    array, shape (vdim, m)

    Notes
    -----
    The gradients are means over the triangles around a point (`vertex_gradients`), not the globally smoothest ones, so
    that a new point changes only the losses of the triangles around it.
    """
    values = _two_dimensional(ip.values)
    simplices = ip.tri.simplices
    if isinstance(ip, Graph):
        slopes = ip.gradients
    else:
        slopes = vertex_gradients(simplices + 1, _corners(ip), _heights(ip), len(values))
    # The first axes are the other corner, the corner and the triangle.
    corners, heights = _corners(ip).swapaxes(0, 1), _heights(ip).swapaxes(0, 1)
    slopes = slopes.take(simplices.T, axis=0)
    ways, rises = corners.take(_OTHERS, axis=0) - corners, heights.take(_OTHERS, axis=0) - heights
    differences = np.abs(ways[..., :1] * slopes[:, :, 0] + ways[..., 1:] * slopes[:, :, 1] - rises)
    return np.asarray(np.add.reduce(np.maximum(*differences)).T / _value_range(ip))


@uses_nth_neighbors(0)
def uniform_loss(ip: Interpolator) -> Floats:
    """Return the square root of the area: samples homogeneously.

    Parameters
    ----------
    ip : scipy.interpolate.LinearNDInterpolator

    Returns
    -------
    array, shape (m,)
    """
    return np.sqrt(areas(ip))


@uses_nth_neighbors(0)
def default_loss(ip: Interpolator) -> Floats:
    """Return the deviation of the function from a plane over the triangle, plus a term for the area.

    Parameters
    ----------
    ip : scipy.interpolate.LinearNDInterpolator

    Returns
    -------
    array, shape (m,)
        √area · Σ deviations + 0.3 area
    """
    sizes = areas(ip)
    return np.asarray(deviations(ip).sum(axis=0) * np.sqrt(sizes) + 0.3 * sizes)


# Deviations are proportional to the square of the size, and the loss to its cube; see `LossRule.extra_order`.
tagged(default_loss, extra_order=1.0)


@uses_nth_neighbors(0)
def minimize_triangle_surface_loss(ip: Interpolator) -> Floats:
    """Return the area of the triangle in the graph of the function, with values relative to their range.

    Parameters
    ----------
    ip : scipy.interpolate.LinearNDInterpolator

    Returns
    -------
    array, shape (m,)
    """
    return embedded_volumes(np.concatenate([_corners(ip), _heights(ip) / _value_range(ip)], axis=2))


@uses_nth_neighbors(1)
def triangle_loss(ip: Interpolator) -> Floats:
    """Return the mean volume that a triangle of the graph spans with the points of its neighbours.

    The same as `adaptive_dask.learner.learnerND.triangle_loss`, for unscaled values.

    Parameters
    ----------
    ip : scipy.interpolate.LinearNDInterpolator

    Returns
    -------
    array, shape (m,)
    """
    tri = ip.tri
    values = _two_dimensional(ip.values)
    # The volume is proportional to the height of one component, and may be in range although its factors are not.
    units = ip.unit if isinstance(ip, Graph) else 1.0
    unit = units if values.shape[1] == 1 else 1.0
    values = values * unit
    graph = np.concatenate([_corners(ip), _heights(ip) * (unit / units)], axis=2)
    rows, sides = np.nonzero(tri.neighbors >= 0)
    neighbors = tri.neighbors[rows, sides]
    # The vertex that the neighbour does not share with the triangle.
    across = tri.simplices[neighbors]
    shared = (across[:, :, None] == tri.simplices[rows][:, None, :]).any(axis=2)
    opposite = across[np.arange(len(across)), np.argmin(shared, axis=1)]
    known = np.isfinite(values[opposite]).all(axis=1)
    rows, opposite = rows[known], opposite[known]
    others = np.concatenate([tri.points[opposite], values[opposite]], axis=1)
    sizes = embedded_volumes(np.concatenate([graph[rows], others[:, None]], axis=1))
    count = np.maximum(np.bincount(rows, minlength=len(graph)), 1)
    return np.asarray(np.bincount(rows, sizes, minlength=len(graph)) / count / unit)


def resolution_loss_function(min_distance: float = 0, max_distance: float = 1) -> TriangleLoss:
    """Return the default loss with a minimal and a maximal size of triangles.

    Parameters
    ----------
    min_distance : float, default: 0
        Triangles of a smaller size (the square root of the area) have the loss 0.
    max_distance : float, default: 1
        Triangles of a larger size have an infinite loss. The whole domain has size 1.

    Returns
    -------
    callable
        A loss per triangle.
    """

    @uses_nth_neighbors(0)
    def loss(ip: Interpolator) -> Floats:
        return resolution_loss(ip, min_distance, max_distance)

    return loss


@uses_nth_neighbors(0)
def resolution_loss(ip: Interpolator, min_distance: float = 0, max_distance: float = 1) -> Floats:
    """Return the loss of `resolution_loss_function`; use this with `functools.partial`.

    Returns
    -------
    array, shape (m,)
    """
    losses = default_loss(ip)
    sizes = areas(ip)
    losses[sizes < min_distance**2] = 0
    losses[sizes > max_distance**2] = np.inf
    return losses


def thresholded_loss_function(
    lower_threshold: float | None = None,
    upper_threshold: float | None = None,
    priority_factor: float = 0.1,
) -> TriangleLoss:
    """Return the default loss, reduced for values beyond a threshold.

    Parameters
    ----------
    lower_threshold, upper_threshold : float, optional
        The loss of a triangle is reduced if all of its values are below the lower or above the upper threshold.
    priority_factor : float, default: 0.1
        The factor by which the loss is multiplied.

    Returns
    -------
    callable
        A loss per triangle.
    """

    @uses_nth_neighbors(0)
    def loss(ip: Interpolator) -> Floats:
        losses = default_loss(ip)
        values = _two_dimensional(ip.values)[ip.tri.simplices]
        if lower_threshold is not None:
            losses[(values < lower_threshold).all(axis=(1, 2))] *= priority_factor
        if upper_threshold is not None:
            losses[(values > upper_threshold).all(axis=(1, 2))] *= priority_factor
        return losses

    return loss


def _corners(ip: Interpolator) -> Floats:
    """Return the corners of the triangles, shape (m, 3, 2), which a `Graph` stores."""
    return ip.corners if isinstance(ip, Graph) else np.asarray(ip.tri.points[ip.tri.simplices])


def _heights(ip: Interpolator) -> Floats:
    """Return finite values at the corners, shape (m, 3, vdim); of a `Graph` times its unit, like `_value_range`."""
    return ip.heights if isinstance(ip, Graph) else fill_undefined(_two_dimensional(ip.values)[ip.tri.simplices])


def _two_dimensional(values: Floats) -> Floats:
    return values if values.ndim == 2 else values[:, None]


def _value_range(ip: Interpolator) -> float:
    if isinstance(ip, Graph):
        return ip.value_range
    values = _two_dimensional(ip.values)
    values = np.where(np.isfinite(values), values, np.nan)
    if np.isnan(values).all():
        return 1.0
    finite = values[~np.isnan(values).all(axis=1)]
    return float(np.max(np.nanmax(finite, axis=0) - np.nanmin(finite, axis=0))) or 1.0
