"""The gap between two parts of the domain, across which the function breaks."""

from __future__ import annotations

import math

import numpy as np

from adaptive_dask.learner.rational.part import Part, relative
from adaptive_dask.types import Array

# Two sides meet where their distance is at most this fraction of that at the ends of the gap.
_MEETS = 0.02
# A part must have this many samples to determine whether one of them belongs to it.
_FEW = 6
_GRID = np.linspace(0, 1, 33)


class Border:
    """The gap between the last sample of one part and the first of the next.

    Attributes
    ----------
    crossing : float or None
        Point at which the continuations of the two parts meet, a kink. Each part extends to it. None if they do not
        meet: then the function jumps or is singular, and a straight line crosses the gap.
    mismatch : float
        Distance of the continuation of one part from the other one.
    closed_with : float
        Error with which a sample shared by the parts was predicted, relative to the scale.
    is_singular : bool
        Whether the function is not smooth on either side, so that the error falls only if the gap is narrowed.
    """

    def __init__(self, is_singular: bool = False) -> None:
        self.crossing: float | None = None
        self.mismatch = np.inf
        self.is_singular = is_singular
        self.closed_with = 0.0

    def update(self, left: Part, right: Part, scale: Array, tolerance: float) -> None:
        """Update after the parts have changed."""
        self.crossing, self.mismatch = None, 0.0
        if left.x[-1] == right.x[0] or (not self.is_singular and self._close(left, right, scale, tolerance)):
            return
        a, b = left.x[-1], right.x[0]
        at = a + (b - a) * _GRID
        distance = self._distance(left, right, at, scale)
        ends = max(distance[0], distance[-1])
        self.mismatch = float(ends) if np.isfinite(ends) else np.inf
        if self.is_singular or not np.isfinite(distance).all() or min(left.n, right.n) < 3:
            return
        i = int(distance.argmin())
        low, high = at[max(i - 1, 0)], at[min(i + 1, len(at) - 1)]
        for _ in range(4):
            fine = low + (high - low) * _GRID
            distance = self._distance(left, right, fine, scale)
            i = int(distance.argmin())
            crossing, least = float(fine[i]), float(distance[i])
            low, high = fine[max(i - 1, 0)], fine[min(i + 1, len(fine) - 1)]
        if least <= _MEETS * ends:
            self.crossing = min(max(crossing, a), b)

    def _close(self, left: Part, right: Part, scale: Array, tolerance: float) -> bool:
        """Share a sample between the parts if one predicted the end of the other, and both are smooth there.

        If only the part that predicted the sample is smooth there, move the sample to it.
        """
        for part, other, end in ((right, left, -1), (left, right, 0)):
            while part.n > 2:
                x, y = other.x[end], other.y[end]
                miss = relative(np.abs(part.evaluate(np.array([x]))[0] - y), scale)
                if not miss <= 0.5 * tolerance:
                    break
                # Where two sides are expected to meet, both get the same value, which may be wrong for one of them.
                if other.is_sure(scale, tolerance) and other.belongs(end, scale, tolerance):
                    if not part.is_sure(scale, tolerance):
                        break
                    part.extend(x, y)
                    self.closed_with = miss
                    return True
                if other.n < _FEW:
                    break
                part.extend(x, y)
                other.drop(end)
        return False

    @staticmethod
    def _distance(left: Part, right: Part, at: Array, scale: Array) -> Array:
        with np.errstate(all="ignore"):
            result: Array = (np.abs(left.evaluate(at) - right.evaluate(at)) / scale).max(axis=1)
        return result

    def evaluate(self, x: float, left: Part, right: Part) -> Array:
        """Return the value expected in the gap, shape (M,)."""
        if self.crossing is not None:
            value: Array = (left if x < self.crossing else right).evaluate(np.array([x]))[0]
            return value
        a, b = left.x[-1], right.x[0]
        t = (x - a) / (b - a)
        value = left.y[-1] * (1 - t) + right.y[0] * t
        return value

    def claim(self, left: Part, right: Part, scale: Array, least: float = 0.0) -> float:
        """Return the largest error in the gap, relative to the scale; 0 if the gap is shorter than ``least``."""
        a, b = left.x[-1], right.x[0]
        if a == b:
            return self.closed_with
        if b <= math.nextafter(a, math.inf) or b - a < least:
            return 0.0
        if self.crossing is None:
            return relative(np.abs(right.y[0] - left.y[-1]), scale)
        return self.mismatch * (1e-3 + (self.crossing - a) * (b - self.crossing) / (b - a) ** 2)
