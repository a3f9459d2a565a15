"""The error of linear interpolation as a loss, so that points are added where they reduce this error most.

On an interval of length h, the error of a straight line between two points of f is at most h²|f''|/8, and h³|f''|/12 in
the integral. Dividing the interval with the largest error leads to a density of points proportional to |f''|^(1/2) or
|f''|^(1/3), which is optimal for the maximal or the mean error of piecewise linear interpolation (C. de Boor, A
Practical Guide to Splines, chapter III).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from adaptive_dask.learner.losses.interval import limited
from adaptive_dask.learner.losses.interval_loss import Array, LossFunction


def even_split(length: float) -> float:
    """Return the fraction at which to divide an interval, so that gaps of all sizes from 1/2 to 1 of the largest occur.

    Bisection leads to gaps of the domain's length over powers of two. If the intended density is uniform in a wide
    region, all gaps there are divided at about the same time, and half of the points are wasted in between: at the
    worst moment, the mean error is 1.41 times the smallest possible. With the gaps log₂(1 + 1/k), k = n … 2n - 1, of
    which the largest is divided into log₂(1 + 1/2n) and log₂(1 + 1/(2n + 1)), it is 1.13 times at any moment [1]_. In
    addition, no regular pattern of points can coincide with the zeros of a periodic function.

    Parameters
    ----------
    length : float
        The length of the interval; the whole domain has length 1.

    Returns
    -------
    fraction : float
        From 0.585 for the whole domain to 0.5 for short intervals.

    References
    ----------
    .. [1] N. G. de Bruijn and P. Erdős, Sequences of points on a circle, Indagationes Mathematicae 11
       (1949) 46-49.
    """
    # length = log₂(1 + 1/n) in units of the domain
    return math.log1p(math.expm1(length * math.log(2)) / 2) / (length * math.log(2))


class InterpolationLoss:
    """See `interpolation_loss_function`."""

    nth_neighbors = 1
    shrinks = True
    split = staticmethod(even_split)

    def __init__(self, norm: str, min_length: float, max_length: float) -> None:
        self.norm = norm
        self.min_length = min_length
        self.max_length = max_length
        # The power of the length with which the error decreases, its constant, and the assumed hidden curvature per
        # length².
        self.order = 3 if norm == "mean" else 2
        self._constant, self._hidden = (1 / 12, 0.3) if norm == "mean" else (1 / 8, 10.0)

    def __call__(self, xs: Sequence[Any], ys: Sequence[Any]) -> float:
        length = xs[2] - xs[1]
        if length < self.min_length:
            return 0.0
        if length > self.max_length:
            return math.inf
        slope = (ys[2] - ys[1]) / length
        bends = []
        if xs[0] is not None and xs[0] < xs[1]:
            bends.append(abs(slope - (ys[1] - ys[0]) / (xs[1] - xs[0])) * 2 / (xs[2] - xs[0]))
        if xs[3] is not None and xs[2] < xs[3]:
            bends.append(abs((ys[3] - ys[2]) / (xs[3] - xs[2]) - slope) * 2 / (xs[3] - xs[1]))
        # Neighbours closer than the floating-point resolution can coincide after scaling.
        if not bends:
            return math.inf
        bend = sum(bends) / len(bends) if self.norm == "mean" else np.max(bends, axis=0)
        if not isinstance(bend, float):
            bend = bend.max()
        return float(length**self.order * self._constant * (bend + self._hidden * length * length))

    def batch(self, xs: Array, ys: Array) -> Array:
        lengths = np.diff(xs, axis=1)
        lengths[lengths == 0] = np.nan
        slopes = np.diff(ys, axis=1) / lengths[:, :, np.newaxis]
        bends = np.abs(np.diff(slopes, axis=1)) * (2 / (xs[:, 2:] - xs[:, :-2]))[:, :, np.newaxis]
        # An unknown bend at the edge of the domain is assumed to be as large as the other one.
        missing = np.isnan(lengths[:, ::2])
        left, right = (np.where(missing[:, i, np.newaxis], bends[:, 1 - i], bends[:, i]) for i in (0, 1))
        bend = (np.maximum(left, right) if self.norm == "max" else (left + right) / 2).max(axis=1)
        length = lengths[:, 1]
        losses = length**self.order * self._constant * (bend + self._hidden * length * length)
        losses[missing[:, 0] & missing[:, 1]] = np.inf
        return limited(losses, length, self.min_length, self.max_length)


def interpolation_loss_function(norm: str = "mean", min_length: float = 0.0, max_length: float = 0.1) -> LossFunction:
    """Return a loss that is the error of linear interpolation, estimated from second differences.

    The loss of an interval is an error relative to the height of the data. For ``norm="max"``, it is the largest
    distance between the function and the line, so a ``loss_goal`` of 0.001 gives a plot with an error of 0.1 %. For
    ``norm="mean"``, it is the contribution of the interval to the mean distance.

    Features that second differences miss are found in three ways. Intervals longer than
    ``max_length`` have an infinite loss and are ranked by their length, so no goal smaller than ``max_length ** 3``
    (``max_length ** 2`` for "max") is reached while such intervals exist. Each interval is assumed to have a hidden
    curvature proportional to the square of its length, so that a share of the points, which decreases as their number
    grows, explores regions where the function looks straight. Intervals are divided according to `even_split` instead
    of in the middle, so that no pattern of points can coincide with the zeros of a periodic function.

    Parameters
    ----------
    norm : {"mean", "max"}, default: "mean"
        Whether to reduce the mean or the maximal error.
    min_length : float, default: 0
        Intervals shorter than this have the loss 0. The whole domain has length 1.
    max_length : float, default: 0.1
        Intervals longer than this have an infinite loss.

    Returns
    -------
    loss : callable
        A loss that uses one neighbour on each side. For vectors, the component with the largest error counts.

    Raises
    ------
    ValueError
        If the norm is invalid, or unless 0 ≤ min_length < max_length.
    """
    if norm not in ("mean", "max"):
        raise ValueError(f'norm must be "mean" or "max", got {norm!r}.')
    if not 0 <= min_length < max_length:
        raise ValueError(
            f"min_length and max_length must satisfy 0 <= min_length < max_length, got {min_length!r}, {max_length!r}."
        )
    return InterpolationLoss(norm, min_length, max_length)
