"""Mirror images of points beyond the bounds, to interpolate up to bounds that have no points."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.types import Array

# In more dimensions most points are next to a bound, and there would be too many images to triangulate.
MOST_MIRRORED_DIMENSIONS = 3
# Points closer to a bound than this share of the width count as on it.
_ON_BOUND = 1e-9


def with_images(
    points: Array, bbox: Sequence[tuple[float, float]], periodic: Sequence[bool] = ()
) -> tuple[Array, NDArray[np.intp]]:
    """Return points inside bounds, then their mirror images beyond the bounds and the corners.

    A triangulation of the inner points alone has long, thin triangles at the bounds, which connect distant points. With
    images of the points next to the bounds, no triangle lies along a bound. A point has an image if no other point is
    as close to its projection on the bound.

    Parameters
    ----------
    points : array, shape (n, d)
    bbox : sequence of d pairs of float
    periodic : sequence of d bools, optional
        Axes along which there are no images.

    Returns
    -------
    points : array, shape (k, d)
        Begins with the given points.
    numbers : array of int, shape (k,)
        The index of the point that is mirrored, or next to the corner.
    """
    from scipy.spatial import cKDTree

    low, high = np.array(bbox, dtype=float).T
    scaled = (points - low) / (high - low)
    numbers = np.flatnonzero(((scaled >= 0) & (scaled <= 1)).all(axis=1))
    if not len(numbers):
        return points, np.arange(len(points))
    found = inside = scaled[numbers]
    for axis in range(points.shape[1]):
        if any(periodic) and periodic[axis]:
            continue
        tree = cKDTree(found)
        images, sources = [found], [numbers]
        for bound in (0.0, 1.0):
            projected = found.copy()
            projected[:, axis] = bound
            away = np.abs(found[:, axis] - bound)
            next_to_it = (away > _ON_BOUND) & (tree.query(projected)[0] >= away)
            image = found[next_to_it]
            image[:, axis] = 2 * bound - image[:, axis]
            images.append(image)
            sources.append(numbers[next_to_it])
        found, numbers = np.concatenate(images), np.concatenate(sources)
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=points.shape[1])))
    away, nearest = cKDTree(inside).query(corners)
    is_new = away > _ON_BOUND
    beyond = np.concatenate([found[len(inside) :], corners[is_new]])
    sources = [np.arange(len(points)), numbers[len(inside) :], numbers[nearest[is_new]]]
    return np.concatenate([points, low + beyond * (high - low)]), np.concatenate(sources)
