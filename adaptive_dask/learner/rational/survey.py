"""Expected errors of an approximation between the samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.types import Array

# Positions of candidates between two samples.
_FRACTIONS = np.array([0.08, 0.25, 0.5, 0.75, 0.92])
# Positions of candidates beside a pole, in units of its distance to the axis.
_BESIDE = np.array([0.0, 1.0, -1.0, 3.0, -3.0])
# Maximum difference of approximations; larger ones are clipped.
_MOST = 1e3


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
