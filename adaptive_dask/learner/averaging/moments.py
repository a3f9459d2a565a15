"""Mean and variance of numbers that come one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Moments:
    """Mean and variance, updated at the same small cost for every number.

    The sum is exact until it is rounded once, as that of `math.fsum` [1]_, so the mean does not depend on the order
    of the numbers. The variance is updated with the running mean [2]_, so it is as precise when the mean is large.
    Infinities and NaN lead to infinite or undefined moments, also independent of the order.

    Attributes
    ----------
    n : int
        How many numbers there are.

    References
    ----------
    .. [1] J. R. Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates,
       Discrete Comput. Geom. 18, 305 (1997).
    .. [2] B. P. Welford, Note on a method for calculating corrected sums of squares and products,
       Technometrics 4, 419 (1962).
    """

    __slots__ = ("_parts", "_running_mean", "_squares", "_without_limits", "n")

    def __init__(self) -> None:
        self.n = 0
        self._parts: list[float] = []
        self._without_limits = 0.0
        self._running_mean = 0.0
        self._squares = 0.0

    def add(self, y: float) -> None:
        """Take in one more number."""
        self.n += 1
        if y - y != 0.0:
            self._without_limits += y
            return
        above = y - self._running_mean
        self._running_mean += above / self.n
        self._squares += above * (y - self._running_mean)
        # Parts do not overlap, from the smallest to the largest; what is rounded off from one goes to the next.
        parts, kept = self._parts, 0
        for part in parts:
            if -part < y < part or part < y < -part:
                y, part = part, y
            rounded = y + part
            error = part - (rounded - y)
            if error:
                parts[kept] = error
                kept += 1
            y = rounded
        parts[kept:] = [y]
        if y - y != 0.0:
            # Overflow is not undone by numbers of the other sign.
            self._without_limits += y
            parts.clear()

    @property
    def total(self) -> float:
        """The sum."""
        if self._without_limits:
            return self._without_limits
        parts = self._parts
        return (parts[-1] if len(parts) == 1 else math.fsum(parts)) if parts else 0.0

    @property
    def mean(self) -> float:
        """The average; NaN of nothing."""
        return self.total / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """The variance of the distribution from which the numbers were drawn; NaN for fewer than two of them."""
        if self.n < 2 or self._without_limits:
            return math.nan
        return self._squares / (self.n - 1)


def checked_number(y: Any, what: str) -> float:
    """A real number, finite or not, as a float.

    Parameters
    ----------
    y : object
    what : str
        What it is, for the message.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if type(y) is float:
        return y
    if isinstance(y, int | float | np.floating | np.integer | np.bool_):
        return float(y)
    if isinstance(y, np.ndarray) and y.ndim == 0 and y.dtype.kind in "buif":
        return float(y)
    raise TypeError(f"{what} must be a real number, not {y!r}.")


def checked_seed(seed: Any) -> int:
    """An integer, as an int.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if type(seed) is int:
        return seed
    if isinstance(seed, np.integer) or (isinstance(seed, int) and not isinstance(seed, bool)):
        return int(seed)
    if isinstance(seed, float | np.floating) and float(seed).is_integer():
        # Tables with a column of floats beside that of the seeds make floats of both.
        return int(seed)
    raise TypeError(f"A seed must be an integer, not {seed!r}.")
