"""How far from the mean of a few samples the true mean may be."""

from __future__ import annotations

import math

from scipy.special import stdtrit


class MeanError:
    """Half the width of the confidence interval of a mean, by Student's t-distribution.

    Parameters
    ----------
    alpha : float
        The probability that the true mean is above the interval; as large as that it is below.
    """

    def __init__(self, alpha: float) -> None:
        self._confidence = 1 - alpha
        self._factors: dict[int, float] = {}

    def __call__(self, n: int, std: float) -> float:
        """The error of the mean of n samples of that standard deviation; infinite for fewer than two."""
        if n < 2:
            return math.inf
        factor = self._factors.get(n)
        if factor is None:
            factor = self._factors[n] = float(stdtrit(n - 1, self._confidence)) / math.sqrt(n)
        return factor * std
