"""By how much an approximation changes with values that it has predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.rational.aaa import Loewner
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.survey import differences

Array = NDArray[Any]

# Where else to look beside a pole, in units of its distance to the axis.
_BESIDE = np.array([-2.0, -0.5, 0.5, 2.0])
# Rounding errors of samples cancel in part.
_ROUNDED = 0.1
# Where a step makes a smaller difference, that of a sample may have another cause.
_STEEP = 1e-13


def change(model: Barycentric, x: Array, y: Array, scale: Array, new: float, at: Array) -> Array:
    """By how much a rational approximation changes with new samples, relative to the scale.

    The new values were predicted, so this says how wrong the approximation is where there are no samples: it differs
    from one that knows more by about as much as from the function.

    Parameters
    ----------
    model : Barycentric
        The approximation of the samples without the new ones.
    x : array of float, shape (n,)
        All samples, ascending.
    y : array of float or complex, shape (n, M)
    scale : array of float, shape (M,)
    new : float
        The new sample whose value was predicted worst.
    at : array of float, shape (k,)
        Where to look.

    Returns
    -------
    array of float, shape (k,)

    Notes
    -----
    There are three approximations of all samples: with the same support points, with ``new`` in addition, and with
    ``new`` instead of the last one. Each may have spurious poles of its own, so the median of the three differences is
    taken. It is no smaller than what the rounding of ``x`` makes of the values, as far as the samples show it.
    """
    # A sample may have gone to another part since.
    support = model.support[np.isin(model.support, x)]
    m = len(support)
    if not m:
        return np.full(len(at), np.inf)
    loewner = Loewner(x, y / scale, m + 1)
    for i in np.searchsorted(x[:-1], [*support, new]).tolist():
        loewner.add(i)
    found = []
    for columns in ([*range(m)], [*range(m + 1)], [*range(m - 1), m]):
        chosen = [loewner.support[j] for j in columns]
        again = Barycentric(x[chosen], y[chosen], loewner.weights(columns))
        found.append(differences(again, model, at, scale))
    steps = np.nan_to_num(_over_steps(model, np.concatenate((at, x))) / scale, nan=0.0, posinf=0.0).max(axis=1)
    missed = np.nan_to_num(np.abs(model(x) - y) / scale, nan=np.inf).max(axis=1)
    rounding = steps[: len(at)] * min(_ROUNDED, (missed / (steps[len(at) :] + _STEEP)).max())
    result: Array = np.maximum(np.median(found, axis=0), rounding)
    return result


def _over_steps(model: Barycentric, at: Array) -> Array:
    """By how much an approximation changes over the distance of two numbers, shape (k, M)."""
    with np.errstate(all="ignore"):
        result: Array = np.abs(model(at + np.spacing(np.abs(at).max())) - model(at))
    return result


def more_places(poles: Array, low: float, high: float) -> Array:
    """Places on the axis beside poles, and two ends."""
    near = poles[(poles.real > low) & (poles.real < high)]
    at = (near.real[:, np.newaxis] + near.imag[:, np.newaxis] * _BESIDE).ravel()
    result: Array = np.concatenate((at[(at > low) & (at < high)], (low, high)))
    return result
