"""Where the error of a rational approximation is large, and where small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


# A pole counts as if it were no closer to the axis than this fraction of the gap between the samples there.
_NEAREST = 0.1
# Distances of less, between points from -1 to 1, are rounding errors. The product of this many is a normal number.
_CLOSEST = 1e-18
_FACTORS = 16
# Poles gather at a singularity if the nearest one is as close to the axis as this fraction of the interval, and this
# many are within a factor of its distance, apart from conjugate ones. Beyond an end one is enough.
_CLOSE, _GATHERED, _WITHIN = 1e-3, 3, 100.0


class ErrorShape:
    """How the error of a rational approximation depends on the place, up to a constant factor.

    Parameters
    ----------
    x : array of float, shape (n,)
        The samples that were approximated, ascending.
    poles : array of complex, shape (k,)
        Those of the approximation, k < n.
    order : int
        Its number of support points m.

    Attributes
    ----------
    innermost : list of (float, float, float)
        See `innermost_gaps`.

    Notes
    -----
    By Hermite's formula the error of a rational interpolant with the denominator q is ω(x) / q(x)², where ω is zero at
    the interpolated points, times an integral that depends on x far less. There are 2m - 1 such points, spread like the
    samples.

    References
    ----------
    E. B. Saff, An extension of Montessus de Ballore's theorem, J. Approx. Theory 6 (1972) 63.
    """

    def __init__(self, x: Array, poles: Array, order: int) -> None:
        self._x = x
        self._middle, self._half = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
        self._nodes = (x - self._middle) / self._half
        self.innermost = innermost_gaps(x, poles)
        poles = (poles - self._middle) / self._half
        poles = poles[np.abs(poles) < 1e3]
        i = np.clip(np.searchsorted(self._nodes, poles.real), 1, len(x) - 1)
        # A spurious pole on the axis is no reason to look there for ever.
        nearest = _NEAREST * (self._nodes[i] - self._nodes[i - 1])
        self._poles = poles.real + 1j * np.maximum(np.abs(poles.imag), nearest)
        self._share = min(1.0, (2 * order - 1) / len(x))

    def __call__(self, x: Array) -> Array:
        """The logarithm of the error at ``x``, shape (k,), to be compared with that elsewhere."""
        t = (x - self._middle) / self._half
        result: Array = self._share * _log_product(t, self._nodes) - 2 * _log_product(t, self._poles)
        return result

    def untested(self, at: Array, x: Array, gap: Array) -> Array:
        """Between 0 at samples that came after the approximation, and 1 where there are none nearby.

        Parameters
        ----------
        at : array of float, shape (k,)
        x : array of float, shape (n,)
            All samples, ascending.
        gap : array of int, shape (k,)
            After which sample each point is.
        """
        j = np.clip(np.searchsorted(self._x, at) - 1, 0, len(self._x) - 2)
        now = (at - x[gap]) * (x[gap + 1] - at)
        then = (at - self._x[j]) * (self._x[j + 1] - at)
        result: Array = np.clip(now, 0.0, None) / np.maximum(np.maximum(then, now), 1e-300)
        return result


def _log_product(t: Array, roots: Array) -> Array:
    """log Π |t - root|, shape (len(t),)."""
    result = np.zeros(len(t))
    # A logarithm takes ten times as long as a product, which has room for so many factors.
    for i in range(0, len(roots), _FACTORS):
        some = roots[i : i + _FACTORS]
        distance = np.abs(t - some[:, np.newaxis])
        result += np.log(np.multiply.reduce(np.maximum(distance, _CLOSEST), axis=0))
    return result


def innermost_gaps(x: Array, poles: Array) -> list[tuple[float, float, float]]:
    """The gaps between samples next to which poles gather, as they do at a singularity.

    However often an approximation is right elsewhere, there the function may still differ from it.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    poles : array of complex, shape (k,)

    Returns
    -------
    list of (float, float, float)
        The samples on both sides of each gap, and between them a place that is as far from the singularity as the
        nearest pole is.
    """
    low, high = x[0], x[-1]
    poles = np.unique(poles.real + 1j * np.abs(poles.imag))
    poles = poles[(poles.imag > 0) | (poles.real < low) | (poles.real > high)]
    if not len(poles):
        return []
    end = np.clip(poles.real, low, high)
    distance = np.abs(poles - end)
    left, right = np.minimum(distance, (x[1] - low) / 4), np.minimum(distance, (high - x[-2]) / 4)
    place = np.where(poles.real < low, low + left, np.where(poles.real > high, high - right, poles.real))
    between = np.abs(poles - end[:, np.newaxis])
    gathered = (between < _WITHIN * distance[:, np.newaxis]).sum(axis=1) >= _GATHERED
    gathered |= (poles.real < low) | (poles.real > high)
    nearest = (between.min(axis=1) >= distance) & (distance < _CLOSE * (high - low))
    found: dict[int, tuple[float, float, float]] = {}
    for at in place[gathered & nearest & (low < place) & (place < high)].tolist():
        i = int(np.searchsorted(x, at))
        a, b = float(x[i - 1]), float(x[i])
        middle = a + (b - a) / 2
        if a < middle < b:
            found[i] = (a, at if a < at < b else middle, b)
    return list(found.values())
