"""Vectorised measures of simplices: volume, embedded volume, barycentric coordinates."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


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
    gram = edges @ edges.transpose(0, 2, 1)
    return np.sqrt(np.maximum(determinants(gram), 0.0)) / math.factorial(edges.shape[1])


def gradients(simplices: Floats, values: Floats) -> Floats:
    """Gradients of the linear interpolants; zero for a simplex that is flat.

    Parameters
    ----------
    simplices : array, shape (m, d + 1, d)
    values : array, shape (m, d + 1, vdim)

    Returns
    -------
    array, shape (m, d, vdim)
    """
    edges = simplices[:, 1:] - simplices[:, :1]
    rises = values[:, 1:] - values[:, :1]
    det = determinants(edges)
    flat = det == 0.0
    if edges.shape[-1] == 2:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inverse = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, det))
        slopes = np.empty_like(rises)
        slopes[:, 0] = edges[:, 1, 1, None] * rises[:, 0] - edges[:, 0, 1, None] * rises[:, 1]
        slopes[:, 1] = edges[:, 0, 0, None] * rises[:, 1] - edges[:, 1, 0, None] * rises[:, 0]
        slopes *= inverse[:, None, None]
        return slopes
    if flat.any():
        edges = np.where(flat[:, None, None], np.eye(edges.shape[-1]), edges)
        rises = np.where(flat[:, None, None], 0.0, rises)
    return np.asarray(np.linalg.solve(edges, rises))


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
    flat = determinants(edges) == 0.0
    if flat.any():
        edges = np.where(flat[:, None, None], np.eye(edges.shape[-1]), edges)
    offsets = (points[None] - simplices[:, :1]).transpose(0, 2, 1)
    rest = np.linalg.solve(edges, offsets).transpose(0, 2, 1)
    result = np.concatenate([1.0 - rest.sum(axis=-1, keepdims=True), rest], axis=-1)
    result[flat] = -np.inf
    return result
