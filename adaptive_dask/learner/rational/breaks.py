"""Detection of breaks of a function: jumps, and kinks between smooth pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaptive_dask.types import Array

# Minimum ratio of the third difference across a break to those on both sides of it.
_CONTRAST = 30.0
# Minimum ratio of the third difference across a break to that of noise, estimated from the other differences.
_ABOVE_NOISE = 15.0
# The extrapolation error at the last sample on each side must be below this fraction of that across the gap.
_BELONGS = 0.2
# Differences below this, relative to the range of the values, are considered rounding errors.
_SMALL = 1e-12
# A suspected break is dropped if it is not found again within this many samples.
_PATIENCE = 6


@dataclass
class BreakSearch:
    """The search for a break in a part.

    Attributes
    ----------
    tested_with : int
        Number of samples at the last search.
    suspect : (float, float) or None
        Gap over which the function seems to break.
    suspected_with : int
        Number of samples when it was found.
    """

    tested_with: int = 0
    suspect: tuple[float, float] | None = None
    suspected_with: int = 0

    def confirms(self, gap: tuple[float, float] | None, n: int) -> bool:
        """Set the gap found among ``n`` samples, and return whether it confirms the suspected break.

        A sample within the gap must confirm the break, because an unresolved smooth function may look the same.
        """
        before = self.suspect
        if gap is None:
            if n >= self.suspected_with + _PATIENCE:
                self.suspect = None
            return False
        self.suspect, self.suspected_with = gap, n
        return before is not None and before[0] <= gap[0] and gap[1] <= before[1] and before != gap


def find_break(x: Array, values: Array, least: float) -> int | None:
    """Find the gap over which a function breaks.

    A third divided difference measures the error of a parabola through three points at the next one. Where it is small
    on both sides of a gap and large across it, from either side, two smooth pieces meet. For a smooth function that the
    samples do not resolve, it is large everywhere.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    values : array, shape (n, M)
        Scaled.
    least : float
        Minimum extrapolation error across a break.

    Returns
    -------
    int or None
        Index i of the gap (x[i], x[i + 1]) with the largest extrapolation error.
    """
    n = len(x)
    if n < 8:
        return None
    difference = values
    for k in (1, 2, 3):
        difference = np.diff(difference, axis=0) / (x[k:] - x[:-k])[:, np.newaxis]
    third = np.abs(difference).max(axis=1)  # third[j] covers x[j] … x[j + 3]
    reach = (x[3:] - x[:-3]) * (x[3:] - x[1:-2]) * (x[3:] - x[2:-1])
    back = (x[3:] - x[:-3]) * (x[2:-1] - x[:-3]) * (x[1:-2] - x[:-3])
    third = np.where(third * np.minimum(reach, back) < _SMALL, 0.0, third)
    i = np.arange(3, n - 4)  # the gap between x[i] and x[i + 1], with four points on each side
    left = np.maximum(third[i - 3], third[np.maximum(i - 4, 0)])
    right = np.maximum(third[i + 1], third[np.minimum(i + 2, n - 4)])
    over_left, over_right = third[i - 2], third[i]
    miss = np.minimum(over_left * reach[i - 2], over_right * back[i])
    breaks = (over_left > _CONTRAST * left) & (over_right > _CONTRAST * right)
    # Standard deviation of third differences of noise with a standard deviation of 1.
    unit = np.sqrt(sum(1 / np.square(_weight(x, j)) for j in range(4)))
    noise = _ABOVE_NOISE * np.quantile(third / unit, 0.25)
    breaks &= (over_left / unit[i - 2] > noise) & (over_right / unit[i] > noise)
    # The last sample on each side must belong to that side. The first sample on a narrow peak does not.
    breaks &= np.maximum(third[i - 3] * reach[i - 3], third[i + 1] * back[i + 1]) < _BELONGS * miss
    breaks &= miss > least
    if not breaks.any():
        return None
    return int(i[np.where(breaks, miss, -1.0).argmax()])


def _weight(x: Array, j: int) -> Array:
    """Return the divisor of the value at one of four neighbouring points in their third divided difference."""
    n = len(x) - 3
    product = np.ones(n)
    for k in range(4):
        if k != j:
            product = product * (x[j : n + j] - x[k : n + k])
    return product
