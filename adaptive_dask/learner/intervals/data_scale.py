"""The size of the sampled box, by which x and y are divided before a loss is computed."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.losses.value_range import ROUNDING


class DataScale:
    """The box around all points and finite values.

    Parameters
    ----------
    bounds : pair of float

    Attributes
    ----------
    x : float
        The width of the box.
    y : float
        The height of the box; for vectors, that of the component that varies most. Never infinite, and 0 if the values
        differ only by rounding errors.
    recomputed_y : float
        The height at the last computation of all losses.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (bounds[0], bounds[1])
        self._x_low, self._x_high = self._bounds
        self._y_low: NDArray[np.float64] | None = None
        self._y_high: NDArray[np.float64] | None = None
        self._low, self._high = math.inf, -math.inf
        self.x = bounds[1] - bounds[0]
        self.y = 0.0
        self.recomputed_y = 0.0
        self._y_of_noise = 1.0

    @property
    def y_divisor(self) -> float:
        """The divisor of y: the height, 1 if all values are equal, or their size if they differ only by rounding."""
        return self.y or self._y_of_noise

    @property
    def spans_bounds(self) -> bool:
        """True if the box is as wide as the bounds; only `fit` makes it narrower."""
        return (self._x_low, self._x_high) == self._bounds

    def include(self, x: float, y: float | NDArray[np.float64]) -> None:
        """Grow the box by one point."""
        if not self._x_low <= x <= self._x_high:
            self._x_low = min(self._x_low, x)
            self._x_high = max(self._x_high, x)
            self.x = self._x_high - self._x_low
        if isinstance(y, float):
            if not self._low <= y <= self._high and math.isfinite(y):
                self._low = min(self._low, y)
                self._high = max(self._high, y)
                height, size = min(self._high - self._low, sys.float_info.max), max(abs(self._low), abs(self._high))
                if height > ROUNDING * size:
                    self.y = height
                elif height:
                    self._y_of_noise = size
        else:
            self.include_many(y[np.newaxis])

    def include_at(self, x: float, ys: list[float]) -> None:
        """Grow the box by several numbers at one point."""
        spread = sum(ys)
        # minimum and maximum of the finite numbers only
        for y in (min(ys), max(ys)) if spread - spread == 0.0 and len(ys) > 2 else ys:
            self.include(x, y)

    def include_many(self, ys: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Grow the box by the values of many points, one after the other.

        Parameters
        ----------
        ys : array of float, shape (n, vdim)

        Returns
        -------
        heights : array of float, shape (n,), or None
            The height after each value; None if it did not change.
        """
        finite = np.isfinite(ys)
        all_finite = bool(finite.all())
        lows = ys if all_finite else np.where(finite, ys, np.inf)
        highs = ys if all_finite else np.where(finite, ys, -np.inf)
        if ys.shape[1] == 1:
            low, high = np.array([self._low]), np.array([self._high])
        elif self._y_low is None or self._y_high is None:
            low, high = np.full(ys.shape[1], np.inf), np.full(ys.shape[1], -np.inf)
        else:
            low, high = self._y_low, self._y_high
        if (lows >= low).all() and (highs <= high).all():
            return None
        lows = np.minimum(np.minimum.accumulate(lows, axis=0), low)
        highs = np.maximum(np.maximum.accumulate(highs, axis=0), high)
        sizes = np.maximum(np.abs(lows), np.abs(highs))
        with np.errstate(over="ignore", invalid="ignore"):
            ranges = highs - lows
            is_noise = ~(ranges > ROUNDING * sizes).any(axis=1)
            heights: NDArray[np.float64] = np.clip(ranges.max(axis=1), 0.0, sys.float_info.max)
        if is_noise[-1] and heights[-1]:
            self._y_of_noise = float(sizes[-1].max())
        heights[is_noise] = 0.0
        if ys.shape[1] == 1:
            self._low, self._high = float(lows[-1, 0]), float(highs[-1, 0])
        else:
            self._y_low, self._y_high = lows[-1], highs[-1]
        self.y = float(heights[-1])
        return heights

    def fit(self, xs: NDArray[np.float64]) -> None:
        """Set the width of the box to that of the given points, if these are two or more.

        python-adaptive does the same when it rebuilds its data, so that the same points are chosen. This matters only
        until both bounds are known or pending.
        """
        if len(xs) > 1:
            self._x_low, self._x_high = float(xs.min()), float(xs.max())
            self.x = self._x_high - self._x_low
