"""The error of linear interpolation in a simplex, estimated from its neighbours."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from adaptive_dask.learner.geometry.simplices import Floats, linear_extrapolation, volumes
from adaptive_dask.learner.losses.simplices import SimplexLoss, for_single_simplices
from adaptive_dask.learner.losses.tagged import tagged

# The assumed hidden curvature of every simplex, for values and coordinates of order one.
_HIDDEN = 0.05


def interpolation_loss_function(min_length: float = 0.0, max_length: float = 0.5) -> SimplexLoss:
    """Return a loss that is the contribution of a simplex to the mean error of linear interpolation.

    Halving the simplex with the largest loss reduces the mean distance between the function and its linear
    interpolation with fewer points than the default loss of `LearnerND`, which is large at slopes.

    Parameters
    ----------
    min_length : float, default: 0
        Simplices whose longest edge is shorter have the loss 0. The whole region has size 1 along every axis.
    max_length : float, default: 0.5
        Simplices whose longest edge is longer have an infinite loss.

    Returns
    -------
    callable
        A loss per simplex that uses the neighbours.

    Raises
    ------
    ValueError
        Unless 0 ≤ min_length < max_length.

    Notes
    -----
    For a function of curvature h, the error at the barycentric coordinates λ is ``½ h Σ_{i<j} λ_i λ_j |e_ij|²``, where
    e are the edges, and its integral is ``h · volume · Σ|e_ij|² / (2 (d + 1)(d + 2))``. The curvature is the mean over
    the neighbours of ``2 |δ| / r²``, where δ is the error of linear extrapolation from the simplex to the point across
    a face, and r the distance of this point from the centre.
    """
    if not 0 <= min_length < max_length:
        raise ValueError(
            f"min_length and max_length must satisfy 0 <= min_length < max_length, got {min_length!r}, {max_length!r}."
        )

    def error(simplices: Floats, values: Floats, others: Floats, other_values: Floats) -> Floats:
        dim = simplices.shape[2]
        missed = np.linalg.norm(other_values - linear_extrapolation(simplices, values, others), axis=2)
        distances = ((others - simplices.mean(axis=1, keepdims=True)) ** 2).sum(axis=2)
        there = np.isfinite(missed) & (distances > 0)
        curvatures = np.where(there, 2 * missed, 0.0) / np.where(there, distances, 1.0)
        curvature = curvatures.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        squares = np.stack(
            [((simplices[:, i] - simplices[:, j]) ** 2).sum(axis=1) for i, j in combinations(range(dim + 1), 2)]
        )
        losses = (curvature + _HIDDEN) * volumes(simplices) * squares.sum(axis=0) / (2 * (dim + 1) * (dim + 2))
        longest = squares.max(axis=0)
        losses[longest < min_length**2] = 0.0
        losses[longest > max_length**2] = np.inf
        return np.asarray(losses)

    loss = for_single_simplices(error, 1, "interpolation_loss", interpolation_loss_function.__doc__)
    return tagged(loss, extra_order=2.0)
