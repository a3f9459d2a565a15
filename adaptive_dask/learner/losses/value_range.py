"""The scale of the values, which is adapted to the data."""

from __future__ import annotations

import numpy as np

from adaptive_dask.learner.geometry.simplices import Floats

# A range of at most this part of the values is a rounding error; scaled up, it would look like a function.
ROUNDING = 1e-13

# The scale changes when the range has grown by this factor.
RESCALE = 1.1
# Values larger than this are scaled by their size even if all of them are equal.
LARGE = 1e100


class ValueRange:
    """The range of all finite values so far, and the corresponding scale.

    Parameters
    ----------
    by_component : bool, default: False
        Use the largest range of a component instead of the range of all values.

    Attributes
    ----------
    scale : float
        The divisor of values: their range when it last grew by a tenth. Small changes are ignored, because all losses
        are computed again after a change of the scale.
    """

    def __init__(self, by_component: bool = False) -> None:
        self.scale = 1.0
        self._by_component = by_component
        self._low = np.full(1, np.inf)
        self._high = np.full(1, -np.inf)
        self._used = 0.0

    def save(self) -> tuple[float, Floats, Floats, float]:
        """Return the state that `resume` continues from."""
        return self.scale, self._low, self._high, self._used

    def resume(self, saved: tuple[float, Floats, Floats, float]) -> None:
        """Continue from a saved state."""
        self.scale, self._low, self._high, self._used = saved

    def include(self, values: Floats) -> bool:
        """Include values, shape (k, vdim); return True if the scale has changed."""
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
                # losses that were computed with the earlier scale remain, because all values were equal
                self.scale = float(sizes.max())
            extents[noise] = 0.0
        extent = min(float(extents.max()), float(np.finfo(float).max))
        if extent <= RESCALE * self._used:
            return False
        self.scale = self._used = extent
        return True
