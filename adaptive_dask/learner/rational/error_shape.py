"""The dependence of the error of a rational approximation on the position."""

from __future__ import annotations

import numpy as np

from adaptive_dask.types import Array

# Minimum distance of a pole to the axis, as a fraction of the gap between the samples there. Closer ones are moved.
_NEAREST = 0.1
# Smaller distances, between points from -1 to 1, are rounding errors. The product of this many is a normal number.
_CLOSEST = 1e-18
_FACTORS = 16
# Poles cluster at a singularity if the nearest one is closer to the axis than this fraction of the interval, and this
# many are within this factor of its distance, not counting conjugates. Beyond an end, one is enough.
_CLOSE, _GATHERED, _WITHIN = 1e-3, 3, 100.0


class ErrorShape:
    """The error of a rational approximation as a function of the position, up to a constant factor.

    Parameters
    ----------
    x : array of float, shape (n,)
        Approximated samples, ascending.
    poles : array of complex, shape (k,)
        Poles of the approximation, k < n.
    order : int
        Number m of support points of the approximation.

    Attributes
    ----------
    innermost : list of (float, float, float)
        See `innermost_gaps`.

    Notes
    -----
    By Hermite's formula, the error of a rational interpolant with the denominator q is ω(x) / q(x)², where ω is zero
    at the interpolated points, times an integral that depends on x only weakly. There are 2m - 1 such points, assumed
    to be distributed like the samples.

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
        # A spurious pole on the axis must not attract all further points.
        nearest = _NEAREST * (self._nodes[i] - self._nodes[i - 1])
        self._poles = poles.real + 1j * np.maximum(np.abs(poles.imag), nearest)
        self._share = min(1.0, (2 * order - 1) / len(x))

    def __call__(self, x: Array) -> Array:
        """Return the logarithm of the error at ``x``, up to a constant, shape (k,)."""
        t = (x - self._middle) / self._half
        result: Array = self._share * _log_product(t, self._nodes) - 2 * _log_product(t, self._poles)
        return result

    def untested(self, at: Array, x: Array, gap: Array) -> Array:
        """Return factors from 0 at samples that came after the approximation to 1 where there are none nearby.

        Parameters
        ----------
        at : array of float, shape (k,)
        x : array of float, shape (n,)
            All samples, ascending.
        gap : array of int, shape (k,)
            Index of the sample before each point.
        """
        j = np.clip(np.searchsorted(self._x, at) - 1, 0, len(self._x) - 2)
        now = (at - x[gap]) * (x[gap + 1] - at)
        then = (at - self._x[j]) * (self._x[j + 1] - at)
        result: Array = np.clip(now, 0.0, None) / np.maximum(np.maximum(then, now), 1e-300)
        return result


def _log_product(t: Array, roots: Array) -> Array:
    """Return log Π |t - root|, shape (len(t),)."""
    result = np.zeros(len(t))
    # Take logarithms of products of several factors: a logarithm takes ten times as long as a product.
    for i in range(0, len(roots), _FACTORS):
        some = roots[i : i + _FACTORS]
        distance = np.abs(t - some[:, np.newaxis])
        result += np.log(np.multiply.reduce(np.maximum(distance, _CLOSEST), axis=0))
    return result


def innermost_gaps(x: Array, poles: Array) -> list[tuple[float, float, float]]:
    """Find the gaps between samples at which poles cluster, as they do at a singularity.

    The error there may be large even if the approximation is accurate elsewhere.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    poles : array of complex, shape (k,)

    Returns
    -------
    list of (float, float, float)
        For each gap, the sample before it, a point in it as far from the singularity as the nearest pole, and the
        sample after it.
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
