"""Geometry of simplices, under the names of python-adaptive's module, for loss functions and scripts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from adaptive_triangulation import (
    Triangulation,
    circumsphere,
    fast_2d_circumcircle,
    fast_2d_point_in_simplex,
    fast_3d_circumcircle,
    fast_norm,
    orientation,
    point_in_simplex,
    simplex_volume_in_embedding,
)
from numpy.typing import ArrayLike

from adaptive_dask.learner.geometry.simplices import Floats, determinants, volumes

__all__ = [
    "Triangulation",
    "choose_point_in_simplex",
    "choose_point_in_triangle",
    "circumsphere",
    "fast_2d_circumcircle",
    "fast_2d_point_in_simplex",
    "fast_3d_circumcircle",
    "fast_det",
    "fast_norm",
    "orientation",
    "orientation_of_simplex",
    "point_in_simplex",
    "simplex_volume_in_embedding",
    "volume",
]


def fast_det(matrix: ArrayLike) -> float:
    """Return the determinant of a square matrix."""
    return float(determinants(np.asarray(matrix, dtype=float)))


def volume(simplex: ArrayLike, ys: Any = None) -> float:
    """Compute the volume of a simplex.

    Parameters
    ----------
    simplex : array-like, shape (N + 1, N)
        The corners.
    ys : optional
        Ignored.

    Returns
    -------
    float
    """
    return float(volumes(np.asarray(simplex, dtype=float)[None])[0])


def orientation_of_simplex(simplex: ArrayLike) -> float:
    """Return the sign of the determinant of the edges to the last corner: 1, -1, or 0 for a flat simplex.

    Parameters
    ----------
    simplex : array-like, shape (N + 1, N)
    """
    corners = np.asarray(simplex, dtype=float)
    return float(np.sign(determinants(corners[:-1] - corners[-1])))


def choose_point_in_simplex(simplex: ArrayLike, transform: ArrayLike | None = None) -> Floats:
    """Choose a point that divides a simplex well.

    Parameters
    ----------
    simplex : array-like, shape (N + 1, N)
        The corners.
    transform : array-like, shape (N, N), optional
        Applied to the corners, and undone on the result.

    Returns
    -------
    array, shape (N,)
        The center if the simplex contains the center of its circumsphere, else the middle of its longest edge.
    """
    corners = np.asarray(simplex, dtype=float)
    if transform is not None:
        corners = corners @ np.asarray(transform, dtype=float)
    center, _ = circumsphere(corners)
    if point_in_simplex(center, corners):
        point = corners.mean(axis=0)
    else:
        lengths = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
        i, j = np.unravel_index(np.argmax(lengths), lengths.shape)
        point = (corners[i] + corners[j]) / 2
    return point if transform is None else np.linalg.solve(np.asarray(transform, dtype=float), point)


def choose_point_in_triangle(triangle: ArrayLike, max_badness: float) -> Floats:
    """Choose a point that divides a triangle well.

    Parameters
    ----------
    triangle : array-like, shape (3, 2)
    max_badness : float
        The squared longest edge over the area, relative to an equilateral triangle, above which the longest edge is
        halved.

    Returns
    -------
    array, shape (2,)
        The center of the triangle, or the middle of its longest edge.
    """
    corners = np.asarray(triangle, dtype=float)
    others = np.roll(corners, 1, axis=0)
    lengths = np.linalg.norm(corners - others, axis=1)
    longest = int(lengths.argmax())
    if lengths[longest] ** 2 * math.sqrt(3) / 4 > max_badness * volume(corners):
        return np.asarray((corners[longest] + others[longest]) / 2)
    return np.asarray(corners.mean(axis=0))
