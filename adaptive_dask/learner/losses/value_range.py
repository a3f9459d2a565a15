"""The scale of the values, which follows the data."""

from __future__ import annotations

import numpy as np

from adaptive_dask.learner.geometry.simplices import Floats

# A range that is not larger than this part of the values themselves is rounding error: scaled up, it would look like a
# function.
ROUNDING = 1e-13

# The values are scaled again when their range has grown by this factor.
RESCALE = 1.1
# Even if all values are equal, what is computed of values larger than this is relative to their size.
LARGE = 1e100


class ValueRange:
    """The range of all finite values seen, and the scale that goes with it.

    Parameters
    ----------
    by_component : bool, default: False
        Take the largest of the components' ranges instead of the range of all values together.

    Attributes
    ----------
    scale : float
        What to divide values by: their range when it last grew by a tenth. Lagging behind saves computing
        all losses again whenever a new largest value comes.
    """

    def __init__(self, by_component: bool = False) -> None:
        self.scale = 1.0
        self._by_component = by_component
        self._low = np.full(1, np.inf)
        self._high = np.full(1, -np.inf)
        self._used = 0.0

    def save(self) -> tuple[float, Floats, Floats, float]:
        """The state that `resume` continues from."""
        return self.scale, self._low, self._high, self._used

    def resume(self, saved: tuple[float, Floats, Floats, float]) -> None:
        """Continue as another range that was saved."""
        self.scale, self._low, self._high, self._used = saved

    def include(self, values: Floats) -> bool:
        """Take in values, shape (k, vdim); True if the scale has changed."""
        if not values.size:
            return False
        columns = values if self._by_component else values.reshape(-1, 1)
        if ((columns >= self._low) & (columns <= self._high)).all():
            return False
        finite = np.isfinite(columns)
        if finite.all():
            low, high = columns.min(axis=0), columns.max(axis=0)
        else:
            low = np.where(finite, columns, np.inf).min(axis=0)
            high = np.where(finite, columns, -np.inf).max(axis=0)
        if (low >= self._low).all() and (high <= self._high).all():
            return False
        self._low, self._high = np.minimum(low, self._low), np.maximum(high, self._high)
        with np.errstate(invalid="ignore", over="ignore"):
            extents = self._high - self._low
            sizes = np.maximum(np.abs(self._low), np.abs(self._high))
            noise = ~(extents > ROUNDING * sizes)
            if noise.all() and ((extents > 0).any() or sizes.max() > LARGE):
                # Losses computed with the scale before have seen no differences: they stay.
                self.scale = float(sizes.max())
            extents[noise] = 0.0
        extent = min(float(extents.max()), float(np.finfo(float).max))
        if extent <= RESCALE * self._used:
            return False
        self.scale = self._used = extent
        return True
