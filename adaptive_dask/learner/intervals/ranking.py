"""The order in which the intervals of a `Learner1D` are divided."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.losses.interval_loss import LossTraits

Array = NDArray[np.float64]

_ROUND = 1e12


class IntervalRanking:
    """Ranks intervals by ``loss ** (1 / order)``, which is proportional to the length of a piece.

    The rank is rounded to 12 decimals, so that the last bits do not decide. An infinite or NaN loss is ranked by the
    relative length. Among equal ranks, the leftmost interval is first. If the loss is zero, or does not always decrease
    when an interval is divided, the longest is first; otherwise, a zero or constant loss would lead to divisions in one
    place forever.

    Parameters
    ----------
    traits : LossTraits
    width : float
        The width of the bounds.

    Attributes
    ----------
    width : float
        The width of the sampled box at the last rebuild; unknown intervals are ranked by their length relative to it.
    shrinks : bool
        See `LossTraits`.
    """

    def __init__(self, traits: LossTraits, width: float) -> None:
        self._order = traits.order
        self.shrinks = traits.shrinks
        self._bounds_width = self.width = width

    def rank(self, loss: float, length: float, width: float | None = None) -> float:
        """Return the rank of an interval with this loss and length, in a box of this width."""
        if not math.isfinite(loss):
            loss = length / (width or self.width)
        elif self._order != 1:
            loss = max(loss, 0.0) ** (1 / self._order)
        return float(int(loss * _ROUND + 0.5)) / _ROUND if abs(loss) < 1000 else float(loss)

    def ranks(self, losses: Array, lengths: Array) -> Array:
        """Return the ranks of many intervals, shape (n,)."""
        finite = np.isfinite(losses)
        if self._order != 1:
            losses = np.maximum(losses, 0.0) ** (1 / self._order)
        if not finite.all():
            losses = np.where(finite, losses, lengths / self.width)
        if len(losses) and np.abs(losses).max() >= 1000:
            small = np.abs(losses) < 1000
            return np.where(small, np.trunc(np.where(small, losses, 0.0) * _ROUND + 0.5) / _ROUND, losses)
        return np.trunc(losses * _ROUND + 0.5) / _ROUND

    def tie_break(self, x: float, length: float, rank: float) -> tuple[float, float]:
        """Return a key that sorts intervals of equal rank in ascending order, given their left end."""
        if self.shrinks and rank > 0:
            return 0, x
        return -int(length / self._bounds_width * _ROUND + 0.5), x
