"""Vectorized functions of simplices: volume, embedded volume, barycentric coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# A point up to this distance from a face, in barycentric coordinates, is on the face.
ON_FACE = 1e-9


def distinct(numbers: Ints) -> Ints:
    """Return the result of `numpy.unique`, several times faster for a few hundred numbers.

    Parameters
    ----------
    numbers : array of int, shape (n,)

    Returns
    -------
    array of int
        In ascending order.
    """
    ordered = numbers.copy()
    ordered.sort()
    is_first = np.empty(len(ordered), dtype=bool)
    is_first[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def at_corners(rows: Floats, simplices: Ints) -> Floats:
    """Return the rows of an array at the corners of simplices.

    They are stored corner by corner. Differences of corners then take a fraction of the time, because NumPy's loops run
    over all simplices, not over the few numbers of a row.

    Parameters
    ----------
    rows : array, shape (n, k)
    simplices : array of int, shape (m, d + 1)

    Returns
    -------
    array, shape (m, d + 1, k)
    """
    return rows.take(simplices.T, axis=0).swapaxes(0, 1)


def determinants(matrices: Floats) -> Floats:
    """Compute the determinants of a stack of small square matrices.

    Explicit formulas for two and three rows are several times faster than LAPACK.

    Parameters
    ----------
    matrices : array, shape (..., d, d)

    Returns
    -------
    array, shape (...)
    """
    m = matrices
    if m.shape[-1] == 2:
        two: Floats = m[..., 0, 0] * m[..., 1, 1] - m[..., 0, 1] * m[..., 1, 0]
        return two
    if m.shape[-1] == 3:
        a, b, c = m[..., 0, :], m[..., 1, :], m[..., 2, :]
        three: Floats = (
            a[..., 0] * (b[..., 1] * c[..., 2] - b[..., 2] * c[..., 1])
            - a[..., 1] * (b[..., 0] * c[..., 2] - b[..., 2] * c[..., 0])
            + a[..., 2] * (b[..., 0] * c[..., 1] - b[..., 1] * c[..., 0])
        )
        return three
    return np.asarray(np.linalg.det(m))


def volumes(simplices: Floats) -> Floats:
    """Compute the volumes of full-dimensional simplices.

    Parameters
    ----------
    simplices : array, shape (m, d + 1, d)
        The vertices of each simplex.

    Returns
    -------
    array, shape (m,)
    """
    dim = simplices.shape[-1]
    edges = simplices[:, 1:] - simplices[:, :1]
    return np.abs(determinants(edges)) / math.factorial(dim)


def embedded_volumes(simplices: Floats) -> Floats:
    """Compute the volumes of k-simplices in a space of n ≥ k dimensions.

    The result is the square root of the Gram determinant of the edges at the first vertex, divided by k!. A flat
    simplex has volume 0.

    Parameters
    ----------
    simplices : array, shape (m, k + 1, n)

    Returns
    -------
    array, shape (m,)
    """
    edges = simplices[:, 1:] - simplices[:, :1]
    if edges.shape[1] == edges.shape[2]:
        return volumes(simplices)
    gram = edges @ edges.transpose(0, 2, 1)
    return np.sqrt(np.maximum(determinants(gram), 0.0)) / math.factorial(edges.shape[1])


def linear_extrapolation(simplices: Floats, values: Floats, points: Floats) -> Floats:
    """Evaluate the linear interpolants on simplices at points.

    Parameters
    ----------
    simplices : array, shape (m, d + 1, d)
    values : array, shape (m, d + 1, vdim)
    points : array, shape (m, k, d)

    Returns
    -------
    array, shape (m, k, vdim)
        NaN for a flat simplex.
    """
    edges = simplices[:, 1:] - simplices[:, :1]
    slopes, flat = _solve(edges, values[:, 1:] - values[:, :1])
    slopes[flat] = np.nan
    return np.asarray(values[:, :1] + (points - simplices[:, :1]) @ slopes)


def barycentric(simplices: Floats, points: Floats) -> Floats:
    """Compute the barycentric coordinates of every point in every simplex.

    Parameters
    ----------
    simplices : array, shape (m, d + 1, d)
    points : array, shape (k, d)

    Returns
    -------
    array, shape (m, k, d + 1)
        Rows sum to one. The coordinates in a flat simplex are -inf, so it contains no point.
    """
    edges = (simplices[:, 1:] - simplices[:, :1]).transpose(0, 2, 1)
    offsets = (points[None] - simplices[:, :1]).transpose(0, 2, 1)
    rest, flat = _solve(edges, offsets)
    rest = rest.transpose(0, 2, 1)
    result = np.concatenate([1.0 - rest.sum(axis=-1, keepdims=True), rest], axis=-1)
    result[flat] = -np.inf
    return result


def weights_at(corners: Sequence[Sequence[float]], point: Sequence[float]) -> list[float]:
    """Compute the barycentric coordinates of one point in one simplex, all -inf if the simplex is flat.

    The result is that of `barycentric`. For a single small system, Gaussian elimination in Python is several times
    faster.

    Parameters
    ----------
    corners : d + 1 sequences of d floats
    point : sequence of d floats

    Returns
    -------
    list of d + 1 floats
    """
    first, *others = corners
    dim = len(first)
    rows = [[corner[i] - first[i] for corner in others] + [point[i] - first[i]] for i in range(dim)]
    for k in range(dim):
        pivot = max(range(k, dim), key=lambda i: abs(rows[i][k]))
        rows[k], rows[pivot] = rows[pivot], rows[k]
        row = rows[k]
        if row[k] == 0.0:
            return [-math.inf] * (dim + 1)
        for i in range(k + 1, dim):
            factor = rows[i][k] / row[k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], row, strict=True)]
    rest = [0.0] * dim
    for k in reversed(range(dim)):
        row = rows[k]
        rest[k] = (row[dim] - sum([row[j] * rest[j] for j in range(k + 1, dim)])) / row[k]
    return [1.0 - sum(rest), *rest]


def _solve(matrices: Floats, rights: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Solve m systems of linear equations, shapes (m, d, d) and (m, d, k).

    Also return which of the systems have no solution; their rows of the result are undefined.
    """
    flat: NDArray[np.bool_] = determinants(matrices) == 0.0
    solvable = matrices
    if flat.any():
        solvable = np.where(flat[:, None, None], np.eye(matrices.shape[-1]), matrices)
    try:
        return np.asarray(np.linalg.solve(solvable, rights)), flat
    except np.linalg.LinAlgError:
        # Rounding differs here, and even a tiny determinant may leave a nonzero pivot.
        flat = flat | np.array([_is_singular(matrix) for matrix in matrices])
        solvable = np.where(flat[:, None, None], np.eye(matrices.shape[-1]), matrices)
        return np.asarray(np.linalg.solve(solvable, rights)), flat


def _is_singular(matrix: Floats) -> bool:
    try:
        np.linalg.solve(matrix, matrix)
    except np.linalg.LinAlgError:
        return True
    return False


def fill_undefined(values: Floats) -> Floats:
    """Replace values that are not finite by the mean of the simplex's other values, or 0 if there are none.

    Parameters
    ----------
    values : array, shape (m, d + 1, vdim)

    Returns
    -------
    array of the same shape
        The same array if all values are finite. The function counts as constant around a point without a value, so that
        the loss of the simplex stays finite.
    """
    finite = np.isfinite(values)
    if finite.all():
        return values
    zeroed = np.where(finite, values, 0.0)
    # Divided first, because the sum may overflow.
    means = (zeroed / np.maximum(finite.sum(axis=1, keepdims=True), 1)).sum(axis=1, keepdims=True)
    return np.where(finite, values, means)


def vertex_gradients(places: Ints, corners: Floats, heights: Floats, count: int) -> Floats:
    """Estimate the gradients at points of the plane from the triangles around them.

    The estimate is the mean of the gradients of the linear interpolants on the triangles around a point, weighted by
    their areas. It only needs the nearest neighbours.

    Parameters
    ----------
    places : array of int, shape (m, 3)
        For all triangles around the k points, the index of the point at each corner, counted from 1, or 0 for others.
    corners : array, shape (m, 3, 2)
    heights : array, shape (m, 3, vdim)
        The values at the corners, all finite.
    count : int
        The number of points, k.

    Returns
    -------
    array, shape (k, 2, vdim)
    """
    x, y = (corners[:, 1:] - corners[:, :1]).transpose(2, 1, 0)
    rises = (heights[:, 1:] - heights[:, :1]).transpose(2, 1, 0)
    doubled = x[0] * y[1] - x[1] * y[0]
    # The gradient multiplied by the area is computed without a division, so flat triangles are no special case.
    sign = np.sign(doubled)
    along_x = sign * (y[1] * rises[:, 0] - y[0] * rises[:, 1])
    along_y = sign * (x[0] * rises[:, 1] - x[1] * rises[:, 0])
    bins = places.ravel()

    def summed(weights: Floats) -> Floats:
        return np.bincount(bins, weights.repeat(3), minlength=count + 1)[1:].astype(float, copy=False)

    total = summed(np.abs(doubled))
    total[total == 0] = 1.0
    result = np.empty((count, 2, heights.shape[2]))
    for component in range(heights.shape[2]):
        result[:, 0, component] = summed(along_x[component]) / total
        result[:, 1, component] = summed(along_y[component]) / total
    return result
