"""The possible places in boxes if some axes have only equidistant coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .simplices import Floats


class BoxPlaces:
    """The places in boxes of the unit cube that can be evaluated.

    A box contains its lower sides, and its upper ones only if they are sides of the cube.

    Parameters
    ----------
    steps : array of int, shape (d,)
        The number of steps along each axis, or 0 for real numbers.
    """

    def __init__(self, steps: Sequence[int]) -> None:
        self._steps: Floats = np.array(steps, dtype=float)
        self._is_whole = self._steps > 0
        self._n = np.where(self._is_whole, self._steps, 1.0)

    def counts(self, low: Floats, high: Floats) -> Floats:
        """Return the number of coordinates of boxes along each axis, shape (m, d); infinite along real ones."""
        last = np.where(high >= 1.0, self._n, self._first(high) - 1)
        return np.where(self._is_whole, last - self._first(low) + 1, np.inf)

    def nearest(self, point: Floats, low: Floats, high: Floats) -> Floats:
        """Return the nearest place in a box that has places; shapes (d,)."""
        last = np.where(high >= 1.0, self._n, self._first(high) - 1)
        places = np.minimum(np.maximum(np.rint(point * self._n), self._first(low)), last) / self._n
        return np.where(self._is_whole, places, point)

    def are_single(self, low: Floats, high: Floats) -> NDArray[np.bool_]:
        """Return which boxes, shape (m,), have only one place."""
        return np.asarray((self.counts(low, high) <= 1).all(axis=-1))

    def _first(self, low: Floats) -> Floats:
        """Return the number of the first place that is not below."""
        n = self._n
        first = np.ceil(low * n)  # off by one if the product was rounded
        first = np.where((first - 1) / n >= low, first - 1, first)
        return np.where(first / n < low, first + 1, first)
