"""Expected errors of an approximation between the samples, also from its change with values that it has predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaptive_dask.learner.rational.aaa import Loewner
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.types import Array

# Positions of candidates between two samples.
_FRACTIONS = np.array([0.08, 0.25, 0.5, 0.75, 0.92])
# Positions of candidates beside a pole, in units of its distance to the axis.
_BESIDE = np.array([0.0, 1.0, -1.0, 3.0, -3.0])
# Maximum difference of approximations; larger ones are clipped.
_MOST = 1e3
# Positions of additional points beside a pole, in units of its distance to the axis.
_MORE_BESIDE = np.array([-2.0, -0.5, 0.5, 2.0])
# Rounding errors of samples cancel in part.
_ROUNDED = 0.1
# If a step changes the approximation by less, the error at a sample may have another cause than rounding.
_STEEP = 1e-13


@dataclass
class Survey:
    """The errors expected between the samples of a part.

    Attributes
    ----------
    x : array, shape (k,)
        Candidates, each between two samples.
    gap : array of int, shape (k,)
        Index of the sample before each candidate.
    error : array, shape (k,)
        Expected error, relative to the scale.
    untested : array, shape (k,)
        Expected error in units of the largest one, lowered near samples that came after the approximation.
    largest : float
        Largest error anywhere, if the errors of the current approximation are like those of its checks.
    """

    x: Array
    gap: Array
    error: Array
    untested: Array
    largest: float = 0.0


def candidates(x: Array, poles: Array) -> Survey:
    """Return points between samples and beside poles, with an error of 0."""
    length = np.diff(x)
    at = np.concatenate(((x[:-1, np.newaxis] + length[:, np.newaxis] * _FRACTIONS).ravel(), beside(poles, x[0], x[-1])))
    gap = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
    inside = (at > x[gap]) & (at < x[gap + 1])
    at, gap = at[inside], gap[inside]
    middle = 1 - np.abs(2 * (at - x[gap]) / length[gap] - 1)
    return Survey(at, gap, np.zeros(len(at)), middle * length[gap] / length.max(initial=0.0))


def beside(poles: Array, low: float, high: float) -> Array:
    """Return points between two ends, on the axis beside poles close to it."""
    near = poles[(poles.real > low) & (poles.real < high) & (np.abs(poles.imag) < 0.25 * (high - low))]
    at = (near.real[:, np.newaxis] + near.imag[:, np.newaxis] * _BESIDE).ravel()
    result: Array = at[(at > low) & (at < high)]
    return result


def differences(a: Barycentric, b: Barycentric, x: Array, scale: Array) -> Array:
    """Return the differences of two approximations, relative to the scale, shape (len(x),)."""
    with np.errstate(all="ignore"):
        result: Array = (np.abs(a(x) - b(x)) / scale).max(axis=1)
    result[~np.isfinite(result)] = _MOST
    return np.minimum(result, _MOST)


def line_errors(x: Array, y: Array) -> Array:
    """Return the errors of straight lines between samples, from second divided differences, shape (n - 1,).

    Parameters
    ----------
    x : array, shape (n,)
    y : array, shape (n, M)
        Scaled.
    """
    if len(x) < 3:
        return np.full(len(x) - 1, 1.0)
    h = np.diff(x)
    slope = np.diff(y, axis=0) / h[:, np.newaxis]
    bend = np.abs(np.diff(slope, axis=0)).max(axis=1) / (x[2:] - x[:-2])
    bend = np.concatenate((bend[:1], bend, bend[-1:]))
    result: Array = np.maximum(bend[:-1], bend[1:]) * h**2 / 4
    return result


def change(model: Barycentric, x: Array, y: Array, scale: Array, new: float, at: Array) -> Array:
    """Return the change of a rational approximation with new samples, relative to the scale.

    The new values were predicted, so the change estimates the error between the samples: an approximation differs from
    one of more samples by about as much as from the function.

    Parameters
    ----------
    model : Barycentric
        Approximation of the samples without the new ones.
    x : array of float, shape (n,)
        All samples, ascending.
    y : array of float or complex, shape (n, M)
    scale : array of float, shape (M,)
    new : float
        New sample with the largest prediction error.
    at : array of float, shape (k,)
        Points at which to evaluate the change.

    Returns
    -------
    array of float, shape (k,)

    Notes
    -----
    Three approximations of all samples are made: with the same support points, with ``new`` in addition, and with
    ``new`` instead of the last one. The result is the median of the three differences, because each approximation may
    have spurious poles. It is at least the effect of rounding ``x``, as far as the samples show this effect.
    """
    # A sample may have been moved to another part.
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
    """Return the change of an approximation over the spacing of floating-point numbers, shape (k, M)."""
    with np.errstate(all="ignore"):
        result: Array = np.abs(model(at + np.spacing(np.abs(at).max())) - model(at))
    return result


def more_places(poles: Array, low: float, high: float) -> Array:
    """Return points on the axis beside poles, and two ends."""
    near = poles[(poles.real > low) & (poles.real < high)]
    at = (near.real[:, np.newaxis] + near.imag[:, np.newaxis] * _MORE_BESIDE).ravel()
    result: Array = np.concatenate((at[(at > low) & (at < high)], (low, high)))
    return result
