"""Reduces many points to those that are visible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Approximate width of a plot in pixels. For each of these columns, the lowest and the highest value are kept.
COLUMNS = 600

# Maximum number of points in a plane, and the share that thinning leaves, so that it is not needed again at once.
# The finest cells have the size of about a pixel.
MOST_POINTS = 6000
ROOM = 0.9
CELLS = 512


class ThinLine:
    """Points over a line. If there are many, only the extremes of each column are kept, and gaps, which are NaN.

    Parameters
    ----------
    low, high : float
        The visible range of x.
    """

    def __init__(self, low: float, high: float) -> None:
        self._low, self.high = low, high
        self.x: Floats = np.empty(0)
        self.y: Floats = np.empty((0, 1))
        self.thinned = False

    def add(self, x: Floats, y: Floats) -> None:
        """Add points, x of shape (n,) and y of shape (n, components)."""
        seen = (x >= self._low) & (x <= self.high)
        x, y = x[seen], y[seen]
        if not len(x):
            return
        if y.shape[1] != self.y.shape[1]:  # the number of components is unknown before the first value
            width = max(y.shape[1], self.y.shape[1]) if len(self.x) else y.shape[1]
            self.y, y = _widened(self.y, width), _widened(y, width)
        self.x = np.concatenate([self.x, x])
        self.y = np.concatenate([self.y, y])
        if len(self.x) > 2 * COLUMNS * self.y.shape[1]:
            self.thinned = True
            kept = self._extremes()
            self.x, self.y = self.x[kept], self.y[kept]

    def _extremes(self) -> NDArray[np.intp]:
        span = max(self.high - self._low, np.finfo(float).tiny)
        column = np.minimum((COLUMNS * ((self.x - self._low) / span)).astype(int), COLUMNS - 1)
        return np.unique(np.concatenate([_lowest_and_highest(values, column) for values in self.y.T]))


class ThinPlane:
    """Points in a plane. If there are many, only the lowest and the highest in each cell are kept, and gaps (NaN).

    Cells are as small as the number of points allows, so densely sampled regions stay visible.

    Parameters
    ----------
    low, high : array of shape (2,)
        The corners of the visible rectangle.
    """

    def __init__(self, low: Floats, high: Floats) -> None:
        self._low, self._high = low, high
        self._cells = CELLS
        self.points: Floats = np.empty((0, 2))
        self.values: Floats = np.empty(0)
        self.thinned = False

    def add(self, points: Floats, values: Floats) -> None:
        """Add points of shape (n, 2) and values of shape (n,)."""
        seen = np.all((points >= self._low) & (points <= self._high), axis=1)
        self.points = np.concatenate([self.points, points[seen]])
        self.values = np.concatenate([self.values, values[seen]])
        if len(self.points) <= MOST_POINTS:
            return
        self.thinned = True
        kept = self._extremes()
        while len(kept) > ROOM * MOST_POINTS:
            self._cells //= 2
            kept = self._extremes()
        self.points, self.values = self.points[kept], self.values[kept]

    def _extremes(self) -> NDArray[np.intp]:
        span = np.maximum(self._high - self._low, np.finfo(float).tiny)
        place = np.minimum((self._cells * ((self.points - self._low) / span)).astype(int), self._cells - 1)
        return np.unique(_lowest_and_highest(self.values, place @ [1, self._cells]))


def _widened(values: Floats, width: int) -> Floats:
    missing = np.full((len(values), max(width - values.shape[1], 0)), np.nan)
    return np.concatenate([values, missing], axis=1)[:, :width]


def _lowest_and_highest(values: Floats, group: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the indices of the lowest and the highest value of each group, and of two points without a value."""
    group = 2 * group + np.isnan(values)
    order = np.lexsort((np.nan_to_num(values), group))
    ends = np.flatnonzero(np.diff(group[order], append=-1))
    starts = np.concatenate([[0], ends[:-1] + 1])
    return np.concatenate([order[starts], order[ends]])
