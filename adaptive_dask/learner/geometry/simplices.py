"""Vectorised measures of simplices: volume, embedded volume, barycentric coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# A point closer to a face than this, in barycentric coordinates, lies on the face.
ON_FACE = 1e-9


def distinct(numbers: Ints) -> Ints:
    """The same as `numpy.unique`, several times faster for a few hundred.

    Parameters
    ----------
    numbers : array of int, shape (n,)

    Returns
    -------
    array of int
        Ascending.
    """
    ordered = numbers.copy()
    ordered.sort()
    is_first = np.empty(len(ordered), dtype=bool)
    is_first[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def determinants(matrices: Floats) -> Floats:
    """Determinants of a stack of small square matrices.

    Written out for two and three rows, where that is several times faster than LAPACK.

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
    """Volumes of full-dimensional simplices.

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
    """Volumes of k-simplices in a space of n ≥ k dimensions.

    The square root of the Gram determinant of the edges that leave the first vertex, over k!. A flat
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
    """What the linear interpolants on simplices say at points.

    Parameters
    ----------
    simplices : array, shape (m, d + 1, d)
    values : array, shape (m, d + 1, vdim)
    points : array, shape (m, k, d)

    Returns
    -------
    array, shape (m, k, vdim)
        Not a number for a simplex that is flat.
    """
    edges = simplices[:, 1:] - simplices[:, :1]
    slopes, flat = _solve(edges, values[:, 1:] - values[:, :1])
    slopes[flat] = np.nan
    return np.asarray(values[:, :1] + (points - simplices[:, :1]) @ slopes)


def barycentric(simplices: Floats, points: Floats) -> Floats:
    """Barycentric coordinates of every point in every simplex.

    Parameters
    ----------
    simplices : array, shape (m, d + 1, d)
    points : array, shape (k, d)

    Returns
    -------
    array, shape (m, k, d + 1)
        Rows sum to one. A flat simplex contains nothing: its coordinates are -inf.
    """
    edges = (simplices[:, 1:] - simplices[:, :1]).transpose(0, 2, 1)
    offsets = (points[None] - simplices[:, :1]).transpose(0, 2, 1)
    rest, flat = _solve(edges, offsets)
    rest = rest.transpose(0, 2, 1)
    result = np.concatenate([1.0 - rest.sum(axis=-1, keepdims=True), rest], axis=-1)
    result[flat] = -np.inf
    return result


def weights_at(corners: Sequence[Sequence[float]], point: Sequence[float]) -> list[float]:
    """Barycentric coordinates of one point in one simplex, all -inf if the simplex is flat.

    The same as `barycentric`: for a single small system, Gaussian elimination in Python is several times faster.

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

    Also return which of the systems have no solution; their rows of the result are meaningless.
    """
    flat: NDArray[np.bool_] = determinants(matrices) == 0.0
    solvable = matrices
    if flat.any():
        solvable = np.where(flat[:, None, None], np.eye(matrices.shape[-1]), matrices)
    try:
        return np.asarray(np.linalg.solve(solvable, rights)), flat
    except np.linalg.LinAlgError:
        # Rounding is another here, and of a tiny determinant a pivot may be left that is none.
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
    """Replace values that are not finite by the mean of the simplex's others, 0 if there are none.

    Parameters
    ----------
    values : array, shape (m, d + 1, vdim)

    Returns
    -------
    array of the same shape
        The same array if all is finite. A point without a value says nothing: the function counts as flat
        there, and the loss of the simplex stays finite.
    """
    finite = np.isfinite(values)
    if finite.all():
        return values
    zeroed = np.where(finite, values, 0.0)
    # Divided first, for a sum may be larger than any number.
    means = (zeroed / np.maximum(finite.sum(axis=1, keepdims=True), 1)).sum(axis=1, keepdims=True)
    return np.where(finite, values, means)


def vertex_gradients(places: Ints, corners: Floats, heights: Floats, count: int) -> Floats:
    """Estimate the gradients at points of the plane from the triangles around them.

    The mean of the gradients of the linear interpolants on the triangles around a point, weighted by their
    areas: an estimate that needs the nearest neighbours only.

    Parameters
    ----------
    places : array of int, shape (m, 3)
        For at least all triangles around the k points which of these each corner is, counted from 1, or 0 for none.
    corners : array, shape (m, 3, 2)
    heights : array, shape (m, 3, vdim)
        The values there, all of them finite.
    count : int
        k

    Returns
    -------
    array, shape (k, 2, vdim)
    """
    x, y = (corners[:, 1:] - corners[:, :1]).transpose(2, 1, 0)
    rises = (heights[:, 1:] - heights[:, :1]).transpose(2, 1, 0)
    doubled = x[0] * y[1] - x[1] * y[0]
    # The gradient times the area has no division in it, so flat triangles need no care.
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
