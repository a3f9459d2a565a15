"""Losses of simplices, for any number of dimensions.

Every loss can be called for one simplex, as users do, and for many at once, as `LearnerND` does. It is written for
many; `for_single_simplices` makes the public function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptive_dask.learner.geometry.simplices import Floats, embedded_volumes, volumes
from adaptive_dask.learner.losses.tagged import tagged

# (simplices, values, opposite points, opposite values) → losses; the last two only with nth_neighbors = 1.
BatchLoss = Callable[..., Floats]
SimplexLoss = Callable[..., float]


def for_single_simplices(batch: BatchLoss, nth_neighbors: int, name: str, doc: str | None = None) -> SimplexLoss:
    """Make a loss for one simplex from a loss for many.

    Parameters
    ----------
    batch : callable
        Takes arrays of shape (m, d + 1, d) and (m, d + 1, vdim) and, if ``nth_neighbors`` is 1, the points and values
        opposite each face, of the same shapes, with NaN for missing ones. Returns shape (m,).
    nth_neighbors : int
        0 or 1.
    name, doc : str
        Name and docstring of the function.

    Returns
    -------
    callable
        ``loss(simplex, values, value_scale[, neighbors, neighbor_values]) -> float``, with the attributes
        ``batch`` and ``nth_neighbors``.
    """

    def loss(
        simplex: Sequence[Sequence[float]],
        values: Sequence[Any],
        value_scale: float = 1.0,
        neighbors: Sequence[Any] | None = None,
        neighbor_values: Sequence[Any] | None = None,
    ) -> float:
        points = np.asarray(simplex, dtype=float)[None]
        heights = np.asarray(values, dtype=float).reshape(1, len(simplex), -1)
        if nth_neighbors == 0:
            return float(batch(points, heights)[0])
        if neighbors is None or neighbor_values is None:
            raise TypeError(f"{name} needs the neighbors and neighbor_values of the simplex.")
        others = np.full(points.shape, np.nan)
        other_heights = np.full(heights.shape, np.nan)
        for i, (point, value) in enumerate(zip(neighbors, neighbor_values, strict=True)):
            if point is not None and value is not None:
                others[0, i], other_heights[0, i] = point, value
        return float(batch(points, heights, others, other_heights)[0])

    loss.__name__ = loss.__qualname__ = name
    loss.__doc__ = doc or batch.__doc__
    return tagged(loss, batch=batch, nth_neighbors=nth_neighbors)


def _uniform(simplices: Floats, values: Floats) -> Floats:
    """Return the volume of the simplex: samples homogeneously."""
    return volumes(simplices)


def _std(simplices: Floats, values: Floats) -> Floats:
    """Return the standard deviation of the values times the simplex's size, plus its volume."""
    sizes = volumes(simplices)
    # relative to one of them, because the sum may overflow
    spread = np.linalg.norm((values - values[:, :1]).std(axis=1), axis=1)
    return np.asarray(spread * sizes ** (1.0 / simplices.shape[2]) + sizes)


def _default(simplices: Floats, values: Floats) -> Floats:
    """Return the volume of the simplex in the graph of the function, (x, f(x)), which is large at slopes."""
    return embedded_volumes(np.concatenate([simplices, values], axis=2))


def _triangle(simplices: Floats, values: Floats, others: Floats, other_values: Floats) -> Floats:
    """Return the mean volume that a simplex of the graph spans with the points opposite its faces.

    It is zero where the function is linear, and for a simplex without neighbours.
    """
    graph = np.concatenate([simplices, values], axis=2)
    opposite = np.concatenate([others, other_values], axis=2)
    rows, faces = np.nonzero(np.isfinite(opposite).all(axis=2))
    spanned = np.concatenate([graph[rows], opposite[rows, faces, None]], axis=1)
    sizes = np.zeros(opposite.shape[:2])
    sizes[rows, faces] = embedded_volumes(spanned)
    return np.asarray(sizes.sum(axis=1) / np.maximum(np.bincount(rows, minlength=len(graph)), 1))


uniform_loss = for_single_simplices(_uniform, 0, "uniform_loss")
std_loss = for_single_simplices(_std, 0, "std_loss")
default_loss = for_single_simplices(_default, 0, "default_loss")
triangle_loss = for_single_simplices(_triangle, 1, "triangle_loss")


def curvature_loss_function(exploration: float = 0.05) -> SimplexLoss:
    """Return a loss that is large for curvature and for large simplices.

    Parameters
    ----------
    exploration : float, default: 0.05
        The weight of a simplex's size.

    Returns
    -------
    callable
        ``(triangle_loss + exploration · volume^((2 + d) / d))^(1 / (2 + d))``
    """

    def curvature(simplices: Floats, values: Floats, others: Floats, other_values: Floats) -> Floats:
        dim = simplices.shape[2]
        sizes = volumes(simplices)
        bent = _triangle(simplices, values, others, other_values)
        return np.asarray((bent + exploration * sizes ** ((2 + dim) / dim)) ** (1.0 / (2 + dim)))

    return for_single_simplices(curvature, 1, "curvature_loss", curvature_loss_function.__doc__)
