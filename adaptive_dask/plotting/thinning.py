"""Reduce the number of points of a plot without a visible change."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# The maximum number of points; a browser is slow with more, and has fewer pixels.
MOST_POINTS = 100_000

# The binary logarithm of the maximum number of cells of a grid.
CELLS_BITS = 20


def thin(x: Floats, y: Floats, most: int) -> tuple[Floats, Floats]:
    """Remove points of a curve.

    Parameters
    ----------
    x, y : array of shape (n,)
        Coordinates of points, ascending in x and finite.
    most : int
        Maximum number of points to keep.

    Returns
    -------
    x, y : array of shape (k,)
        The lowest and the highest point of each group of neighbours; k ≤ `most`.
    """
    kept = extremes(y, most)
    return x[kept], y[kept]


def extremes(y: Floats, most: int) -> Indices:
    """Return the lowest and the highest of each of ``most / 2`` groups of neighbours, as ascending indices."""
    if len(y) <= most:
        return np.arange(len(y))
    size = -(-len(y) // (most // 2))
    padding = -len(y) % size
    groups = np.append(y, np.repeat(y[-1], padding)).reshape(-1, size)
    starts = np.arange(len(groups)) * size
    kept = np.unique(np.concatenate([starts + groups.argmin(axis=1), starts + groups.argmax(axis=1)]))
    return kept[kept < len(y)]


def thin_cells(points: Floats, values: Floats, most: int) -> Indices:
    """Remove points of a region, except for the lowest and the highest in each cell of a grid.

    Parameters
    ----------
    points : array of shape (n, d)
        Points in the unit cube.
    values : array of shape (n,)
        Values; values that are not finite count as lowest.
    most : int

    Returns
    -------
    array of int, shape (k,)
        Ascending indices of the points to keep; the grid is as fine as k ≤ `most` allows.
    """
    n, d = points.shape
    if n <= most:
        return np.arange(n)
    order = np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable")
    ranks = np.arange(n)
    cells_per_axis = 2 ** (CELLS_BITS // d)
    while True:
        cells = np.minimum((points[order] * cells_per_axis).astype(np.intp), cells_per_axis - 1)
        codes = np.ravel_multi_index(tuple(cells.T), (cells_per_axis,) * d)
        lowest, highest = np.full(cells_per_axis**d, n), np.full(cells_per_axis**d, -1)
        np.minimum.at(lowest, codes, ranks)
        np.maximum.at(highest, codes, ranks)
        occupied = highest >= 0
        is_kept = np.zeros(n, dtype=bool)
        is_kept[order[lowest[occupied]]] = is_kept[order[highest[occupied]]] = True
        kept = np.flatnonzero(is_kept)
        if len(kept) <= most or cells_per_axis == 1:
            return kept
        cells_per_axis //= 2


def edges_of(simplices: Indices) -> Indices:
    """Return the edges of simplices without duplicates.

    Parameters
    ----------
    simplices : array of int, shape (k, d + 1)
        Indices of points.

    Returns
    -------
    array of int, shape (n, 2)
    """
    corners = np.sort(simplices, axis=1)
    pairs = [corners[:, pair] for pair in itertools.combinations(range(corners.shape[1]), 2)]
    return np.unique(np.concatenate(pairs), axis=0)


def longest(edges: Indices, points: Floats, most: int) -> Indices:
    """Return the longest edges, at most this number."""
    if len(edges) <= most:
        return edges
    lengths = np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1)
    return edges[np.argpartition(-lengths, most)[:most]]
