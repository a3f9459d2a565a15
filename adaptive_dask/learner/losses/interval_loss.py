"""The optional attributes of loss functions of `Learner1D`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.losses.tagged import F, tagged, traits_of

Array = NDArray[np.float64]
LossFunction = Callable[..., Any]
BatchLoss = Callable[[Array, Array], Array]
Split = Callable[[float], float]


class LossTraits(NamedTuple):
    """The optional attributes of a loss function, read once.

    Attributes
    ----------
    nth_neighbors : int
        The number of points beyond each end of the interval that the loss uses. 0 if absent.
    batch : callable or None
        The same loss for many intervals: ``batch(xs, ys)`` with xs of shape (n, 2 + 2 nth_neighbors)
        and ys of shape (n, 2 + 2 nth_neighbors, vdim) returns shape (n,). Missing neighbours are NaN in both. Without
        this attribute, the function is called for every interval.
    order : int
        The power of an interval's length with which the loss decreases when the interval is divided. 1 if absent. The
        learner ranks intervals by ``loss ** (1 / order)``, which a pending point divides in proportion to the length of
        the pieces.
    split : callable or None
        ``split(length)`` returns the fraction of an interval at which a point is placed, given the length relative to
        the whole domain. Without this attribute, an interval that gets k points is divided into k + 1 equal pieces.
    shrinks : bool
        True if a nonzero loss always decreases when the interval is divided. Then intervals of equal loss are divided
        from left to right. False if absent: the longest is divided first.
    """

    nth_neighbors: int = 0
    batch: BatchLoss | None = None
    order: int = 1
    split: Split | None = None
    shrinks: bool = False

    @classmethod
    def of(cls, loss: LossFunction) -> LossTraits:
        """Read the attributes of ``loss``.

        Raises
        ------
        ValueError
            If the value of an attribute is invalid.
        """
        traits: LossTraits = traits_of(loss, cls)
        nth_neighbors, order = traits.nth_neighbors, traits.order
        if nth_neighbors != int(nth_neighbors) or nth_neighbors < 0:
            raise ValueError(f"nth_neighbors of a loss must be a number of points, 0 or more, got {nth_neighbors!r}.")
        if not order > 0 or not math.isfinite(order):
            raise ValueError(f"order of a loss must be a positive power, got {order!r}.")
        return traits._replace(nth_neighbors=int(nth_neighbors))


def batched(batch: BatchLoss) -> Callable[[F], F]:
    """Set `LossTraits.batch` and `LossTraits.shrinks` of a loss function."""
    return lambda loss: tagged(loss, batch=batch, shrinks=True)
