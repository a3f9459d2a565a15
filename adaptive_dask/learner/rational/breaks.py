"""Find where a function breaks: jumps, and kinks between smooth pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# How much larger the third difference across a break is than on both sides of it.
_CONTRAST = 30.0
# How much larger it is than noise would make it that explains the differences elsewhere.
_ABOVE_NOISE = 15.0
# On each side the last sample must be missed by less than this fraction of the miss across the gap.
_BELONGS = 0.2
# Differences below this, relative to the range of the values, are taken for rounding errors.
_SMALL = 1e-12


def find_break(x: Array, values: Array, least: float) -> int | None:
    """The gap over which a function breaks.

    Third divided differences say how far a parabola through three points misses the next one. Where they are small on
    both sides of a gap and large across it, from either side, two smooth pieces meet. A smooth function that the
    samples do not resolve has large ones everywhere.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    values : array, shape (n, M)
        Scaled.
    least : float
        The smallest miss that matters.

    Returns
    -------
    int or None
        The index i of the gap (x[i], x[i + 1]) with the largest miss.
    """
    n = len(x)
    if n < 8:
        return None
    difference = values
    for k in (1, 2, 3):
        difference = np.diff(difference, axis=0) / (x[k:] - x[:-k])[:, np.newaxis]
    third = np.abs(difference).max(axis=1)  # third[j] is over x[j] … x[j + 3]
    reach = (x[3:] - x[:-3]) * (x[3:] - x[1:-2]) * (x[3:] - x[2:-1])
    back = (x[3:] - x[:-3]) * (x[2:-1] - x[:-3]) * (x[1:-2] - x[:-3])
    third = np.where(third * np.minimum(reach, back) < _SMALL, 0.0, third)
    i = np.arange(3, n - 4)  # the gap between x[i] and x[i + 1], with four points on each side
    left = np.maximum(third[i - 3], third[np.maximum(i - 4, 0)])
    right = np.maximum(third[i + 1], third[np.minimum(i + 2, n - 4)])
    over_left, over_right = third[i - 2], third[i]
    miss = np.minimum(over_left * reach[i - 2], over_right * back[i])
    breaks = (over_left > _CONTRAST * left) & (over_right > _CONTRAST * right)
    # What noise of a standard deviation of 1 makes of third differences.
    unit = np.sqrt(sum(1 / np.square(_weight(x, j)) for j in range(4)))
    noise = _ABOVE_NOISE * np.quantile(third / unit, 0.25)
    breaks &= (over_left / unit[i - 2] > noise) & (over_right / unit[i] > noise)
    # The last sample on each side must belong to that side, which the first one on a narrow peak does not.
    breaks &= np.maximum(third[i - 3] * reach[i - 3], third[i + 1] * back[i + 1]) < _BELONGS * miss
    breaks &= miss > least
    if not breaks.any():
        return None
    return int(i[np.where(breaks, miss, -1.0).argmax()])


def _weight(x: Array, j: int) -> Array:
    """By what the value at one of four neighbouring points is divided in their third divided difference."""
    n = len(x) - 3
    product = np.ones(n)
    for k in range(4):
        if k != j:
            product = product * (x[j : n + j] - x[k : n + k])
    return product
