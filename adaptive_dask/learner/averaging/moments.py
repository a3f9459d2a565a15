"""Mean and variance of a stream of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

# Deviations between these limits are squared without a unit, because their squares are far from the range of numbers.
_SMALL, _LARGE = 1e-100, 1e100


class Moments:
    """Mean and variance, updated at a constant cost for every number.

    The sum is exact until it is rounded once, as that of `math.fsum` [1]_, so the mean does not depend on the order of
    the numbers. The variance is updated with the running mean [2]_, so it is precise even if the mean is large.
    Infinities and NaN lead to infinite or undefined moments, independent of the order.

    Attributes
    ----------
    add : callable, float → None
        Adds a number. It is processed when a moment is read.
    extend : callable, iterable of float → None
        Adds numbers.

    References
    ----------
    .. [1] J. R. Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates,
       Discrete Comput. Geom. 18, 305 (1997).
    .. [2] B. P. Welford, Note on a method for calculating corrected sums of squares and products,
       Technometrics 4, 419 (1962).
    .. [3] T. F. Chan, G. H. Golub, R. J. LeVeque, Updating formulae and a pairwise algorithm for computing sample
       variances, COMPSTAT 1982, 30.
    """

    __slots__ = ("_mean", "_n", "_new", "_parts", "_squares", "_unit", "_unsummed", "_without_limits", "add", "extend")

    def __init__(self) -> None:
        self._new: list[float] = []
        self.add: Callable[[float], None] = self._new.append
        self.extend: Callable[[Iterable[float]], None] = self._new.extend
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0
        # Deviations are multiplied by this power of two before they are squared; 0 while all are 0.
        self._unit = 0.0
        self._without_limits = 0.0
        self._unsummed: list[float] = []
        self._parts: list[float] = []

    @property
    def n(self) -> int:
        """The count of numbers."""
        return self._n + len(self._new)

    def summary(self) -> tuple[int, float, float]:
        """Return count, mean and standard deviation up to rounding, at less cost than the properties.

        Mean and deviation are NaN if there are too few numbers, or if some are not finite.
        """
        new = self._new
        if new:
            if len(new) == 1:
                y, n, mean = new[0], self._n + 1, self._mean
                above = y - mean
                if above - above == 0.0:
                    above_n = above / n
                    self._n, self._mean = n, mean + above_n
                    if above and n > 1:
                        scaled = above * self._unit_for(above)
                        self._squares += scaled * (scaled / n) * (n - 1)
                else:
                    self._take_in(new)
            else:
                self._take_in(new)
            self._unsummed += new
            new.clear()
        n = self._n
        if self._without_limits or n < 2:
            return n, math.nan if self._without_limits or not n else self._mean, math.nan
        return n, self._mean, math.sqrt(self._squares / (n - 1)) / self._unit if self._unit else 0.0

    def _unit_for(self, deviation: float) -> float:
        """Return the unit, changed if the square of a nonzero deviation would be out of range."""
        unit, size = self._unit, abs(deviation)
        if unit and size * unit < _LARGE:
            return unit
        new = 1.0 if _SMALL < size < _LARGE else math.ldexp(1.0, max(-1000, min(-math.frexp(size)[1], 1000)))
        if unit:
            self._squares *= (new / unit) ** 2
        self._unit = new
        return new

    def _take_in(self, new: list[float]) -> None:
        """Update mean and squares with a group of numbers, relative to the mean of earlier ones [3]_.

        The correction for the new mean is at most the new squares times the size of the group, so few digits are lost.
        """
        k, n = len(new), self._n
        total = sum(new)
        if total - total != 0.0:
            finite = [y for y in new if y - y == 0.0]
            if len(finite) < k:
                # infinite or undefined numbers invalidate the result anyway
                self._without_limits += sum(y for y in new if y - y != 0.0)
                self._n += k
                return
        mean = self._mean if n else total / k
        distance = math.dist(new, [mean] * k)
        step = (total - k * mean) / (n + k)
        self._mean = mean + step
        if not distance < math.inf:
            self._unit = self._unit or 1.0
            self._squares = math.inf
        elif distance:
            unit = self._unit_for(distance)
            squares = (distance * unit) ** 2 - (step * unit) ** 2 * (n + k)
            self._squares += max(0.0, squares)  # negative only by rounding
        self._n = n + k

    def _sum_exactly(self) -> None:
        """Add new numbers to the sum."""
        self.summary()
        unsummed, self._unsummed = self._unsummed, []
        parts = self._parts
        for y in unsummed:
            if y - y != 0.0:
                continue
            # Parts do not overlap, and are in ascending order; the rounding error of one is added to the next.
            kept = 0
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
                # numbers of the other sign do not undo an overflow
                self._without_limits += y
                parts.clear()

    @property
    def total(self) -> float:
        """The sum."""
        self._sum_exactly()
        if self._without_limits:
            return self._without_limits
        parts = self._parts
        return (parts[-1] if len(parts) == 1 else math.fsum(parts)) if parts else 0.0

    @property
    def mean(self) -> float:
        """The average; NaN without numbers."""
        return self.total / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """The sample variance (unbiased); NaN for fewer than two numbers."""
        deviation = self.std
        return deviation * deviation

    @property
    def std(self) -> float:
        """The square root of the variance."""
        return self.summary()[2]
