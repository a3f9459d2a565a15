"""What a loss function of `Learner1D` may carry besides the calculation itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.losses.tagged import F, tagged

Array = NDArray[np.float64]
LossFunction = Callable[..., Any]
BatchLoss = Callable[[Array, Array], Array]
Split = Callable[[float], float]


class LossTraits(NamedTuple):
    """The optional attributes of a loss function, read once.

    Attributes
    ----------
    nth_neighbors : int
        How many points beyond each end of the interval the loss looks at. 0 if absent.
    batch : callable or None
        The same loss for many intervals: ``batch(xs, ys)`` with xs of shape (n, 2 + 2 nth_neighbors)
        and ys of shape (n, 2 + 2 nth_neighbors, vdim) returns shape (n,). Neighbours that are not
        there are NaN in both. Without it the function is called for every interval.
    order : int
        The power of an interval's length with which the loss falls when the interval is divided. 1
        if absent. The learner ranks intervals by ``loss ** (1 / order)``, which is what a pending
        point divides in proportion to the length of the pieces.
    split : callable or None
        ``split(length)`` returns at which fraction of an interval, whose length is given relative to
        the whole domain, a point is placed. Without it an interval that gets k points is divided
        into k + 1 equal pieces.
    shrinks : bool
        Whether the loss of an interval is certain to fall when it is divided, if it is not zero. Then
        intervals of equal loss are divided from left to right. False if absent: the longest is first.
    """

    nth_neighbors: int
    batch: BatchLoss | None
    order: int
    split: Split | None
    shrinks: bool

    @classmethod
    def of(cls, loss: LossFunction) -> LossTraits:
        """Read the attributes of ``loss``.

        Raises
        ------
        ValueError
            If an attribute has a value that makes no sense.
        """
        nth_neighbors = getattr(loss, "nth_neighbors", 0)
        order = getattr(loss, "order", 1)
        if nth_neighbors != int(nth_neighbors) or nth_neighbors < 0:
            raise ValueError(f"nth_neighbors of a loss is a number of points, 0 or more, not {nth_neighbors!r}.")
        if not order > 0 or not math.isfinite(order):
            raise ValueError(f"order of a loss is a positive power, not {order!r}.")
        batch, split = getattr(loss, "batch", None), getattr(loss, "split", None)
        return cls(int(nth_neighbors), batch, order, split, bool(getattr(loss, "shrinks", False)))


def batched(batch: BatchLoss) -> Callable[[F], F]:
    """Give a loss function that shrinks its calculation for many intervals, see `LossTraits`."""
    return lambda loss: tagged(loss, batch=batch, shrinks=True)
