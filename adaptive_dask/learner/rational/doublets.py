"""Removal of poles of an approximation that describe rounding errors."""

from __future__ import annotations

import dataclasses

import numpy as np

from adaptive_dask.learner.rational.aaa import Loewner
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.fit import Fit
from adaptive_dask.learner.rational.poles import fast_poles, residues
from adaptive_dask.types import Array

# A pole is genuine if it changes the samples next to it by this many times their errors.
_SEEN, _ROUNDING_SEEN = 10.0, 2e-9
# Factor by which the residual may increase without spurious poles.
_LARGER = 10.0
# Number of rounds of removal, because others may appear.
_TIMES = 3


def distances(poles: Array, x: Array) -> Array:
    """Return the distances of poles to the samples next to them; 0 for poles that are not between samples."""
    i = np.clip(np.searchsorted(x, poles.real), 1, len(x) - 1)
    distance: Array = np.clip(np.minimum(poles.real - x[i - 1], x[i] - poles.real), 0.0, None)
    return distance


def peaks(found: Fit, poles: Array, x: Array, scale: Array) -> tuple[Array, Array]:
    """Return the heights of the peaks of poles on the axis, relative to the scale, and a mask of genuine poles.

    The other poles describe errors of the samples.
    """
    with np.errstate(all="ignore"):
        strength = (np.abs(residues(found.model, poles)) / scale).max(axis=1)
        heights = np.clip(np.nan_to_num(strength / np.abs(poles.imag), nan=0.0, posinf=1.0), 0.0, 1.0)
        real = strength > np.maximum(_SEEN * found.residual, _ROUNDING_SEEN) * distances(poles, x)
    return heights, real


def without_doublets(found: Fit, poles: Array, x: Array, y: Array, scale: Array, tolerance: float) -> Fit:
    """Return the approximation without poles that describe errors of the samples.

    Each of these poles makes a peak on the axis and has a zero next to it. The nearest support point is removed if the
    samples are still approximated well without it.

    Parameters
    ----------
    found : Fit
    poles : array of complex, shape (k,)
    x : array of float, shape (n,)
        Ascending.
    y : array of float or complex, shape (n, M)
    scale : array of float, shape (M,)
    tolerance : float
        Lower peaks are kept.
    """
    best = found
    for _ in range(_TIMES):
        poles = poles[(poles.real > x[0]) & (poles.real < x[-1])]
        heights, real = peaks(best, poles, x, scale)
        high = heights > tolerance
        # A function with finite values has no poles on the axis.
        spurious = ~real | (poles.imag == 0)
        # Also remove poles without a sample nearby, because no sample confirms them.
        unknown = spurious | (distances(poles, x) > np.abs(poles.imag))
        for chosen, allowed in ((high & unknown, 1e-4 * tolerance), (high & spurious, 0.01 * tolerance)):
            again = _without(best, poles[chosen], x, y, scale)
            if again is not best and again.residual <= max(_LARGER * found.residual, allowed):
                break
        else:
            break
        best, poles = again, fast_poles(again.model)
    return best


def _without(found: Fit, poles: Array, x: Array, y: Array, scale: Array) -> Fit:
    """Return the approximation without the support points next to poles; unchanged if there are none or too many."""
    if not len(poles) or found.model.order <= len(poles) + 1:
        return found
    nearest = np.abs(poles.real[:, np.newaxis] - found.model.support).argmin(axis=1)
    support = np.delete(found.model.support, nearest)
    loewner = Loewner(x, y / scale, len(support))
    chosen = np.searchsorted(x, support).tolist()
    for i in chosen:
        loewner.add(i)
    weights = loewner.weights()
    residual = float(np.nan_to_num(np.abs(loewner.approximation(weights) - loewner.values), nan=np.inf).max())
    return dataclasses.replace(found, model=Barycentric(x[chosen], y[chosen], weights), residual=residual)
