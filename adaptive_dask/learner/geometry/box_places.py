"""Which places in boxes can be evaluated: along some axes, equidistant ones only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .simplices import Floats


class BoxPlaces:
    """The places in boxes of the unit cube that can be evaluated.

    A box has its lower sides and not its upper ones, unless these are sides of the cube.

    Parameters
    ----------
    steps : array of int, shape (d,)
        Into how many steps each axis is divided; 0 for one along which all coordinates are places.
    """

    def __init__(self, steps: Sequence[int]) -> None:
        self._steps: Floats = np.array(steps, dtype=float)
        self._is_whole = self._steps > 0
        self._n = np.where(self._is_whole, self._steps, 1.0)

    def counts(self, low: Floats, high: Floats) -> Floats:
        """How many coordinates boxes have along each axis, shape (m, d); infinite along real ones."""
        last = np.where(high >= 1.0, self._n, self._first(high) - 1)
        return np.where(self._is_whole, last - self._first(low) + 1, np.inf)

    def nearest(self, point: Floats, low: Floats, high: Floats) -> Floats:
        """The nearest place in a box that has some; shapes (d,)."""
        last = np.where(high >= 1.0, self._n, self._first(high) - 1)
        places = np.minimum(np.maximum(np.rint(point * self._n), self._first(low)), last) / self._n
        return np.where(self._is_whole, places, point)

    def are_single(self, low: Floats, high: Floats) -> NDArray[np.bool_]:
        """Which boxes, shape (m,), have one place only."""
        return np.asarray((self.counts(low, high) <= 1).all(axis=-1))

    def _first(self, low: Floats) -> Floats:
        """The number of the first place that is not below."""
        n = self._n
        first = np.ceil(low * n)  # wrong by one if the product was rounded
        first = np.where((first - 1) / n >= low, first - 1, first)
        return np.where(first / n < low, first + 1, first)
