"""Rational approximation of low order for samples with noise, without poles between the samples."""

from __future__ import annotations

import numpy as np

from adaptive_dask.learner.rational.aaa import Loewner
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.fit import Fit
from adaptive_dask.learner.rational.poles import fast_poles
from adaptive_dask.types import Array

_MAX_ORDER = 30
_PATIENCE = 5
# A model with more parameters must have a score that is better by this factor.
_PARSIMONY = 1.1
# With 1, this is generalised cross-validation, which overfits when the denominator is chosen among many.
_PENALTY = 1.5
# Maximum number of times that support points next to spurious poles are removed.
_CLEANINGS = 5


def smooth_fit(x: Array, values: Array) -> Fit | None:
    """Approximate samples that have noise.

    The denominators are those of AAA. The values at the support points, which AAA interpolates with their noise, come
    from a linear least-squares problem. The order minimises the generalised cross-validation score. Denominators with
    zeros between the samples, closer to the axis than the distance of the samples, are excluded.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    values : array of float or complex, shape (n, M)

    Returns
    -------
    Fit or None
        None if there is no such denominator.
    """
    n, components = values.shape
    cap = min(_MAX_ORDER, n // 3)
    if cap < 1:
        return None
    loewner = Loewner(x, values, cap)
    found: list[tuple[float, float, Barycentric, Array]] = []
    error = np.abs(values - np.median(values.real, axis=0)).max(axis=1)
    last_best = 0
    for m in range(1, cap + 1):
        error[loewner.support] = -1.0
        loewner.add(int(error.argmax()))
        weights = loewner.weights()
        error = np.abs(loewner.approximation(weights) - values).max(axis=1)
        error[~np.isfinite(error)] = np.inf
        raw = _without_poles_between(loewner, weights)
        if raw is None:
            continue
        model, residual = _least_squares(raw, x, values)
        free = n * components - m * components - (m - 1)
        if free <= 0:
            break
        variance = float(np.square(np.abs(residual)).sum()) / free
        score = variance * (n * components / free) ** _PENALTY
        if not np.isfinite(score):
            continue
        if not found or score < min(each[0] for each in found) / _PARSIMONY:
            last_best = m
        found.append((score, float(np.sqrt(variance)), model, residual))
        if m - last_best > _PATIENCE:
            break
    return _result(found, n)


def _result(found: list[tuple[float, float, Barycentric, Array]], n: int) -> Fit | None:
    if not found:
        return None
    smallest = min(each[0] for each in found)
    chosen = next(i for i, each in enumerate(found) if each[0] <= _PARSIMONY * smallest)
    _, spread, model, residual = found[chosen]
    companion = found[chosen - 1][2] if chosen else found[min(1, len(found) - 1)][2]
    return Fit(model, companion, float(np.abs(residual).max()), spread, False, n)


def _least_squares(model: Barycentric, x: Array, values: Array) -> tuple[Barycentric, Array]:
    """Return the same denominator with least-squares values at the support points, and the residuals."""
    difference = x[:, np.newaxis] - model.support
    exact = difference == 0
    difference[exact] = 1.0
    basis = model.weights / difference
    with np.errstate(all="ignore"):
        basis /= basis.sum(axis=1)[:, np.newaxis] if model.order > 1 else model.weights
    if model.order > 1:
        row = exact.any(axis=1)
        basis[row] = exact[row]
    else:
        basis[:] = 1.0
    if not np.isfinite(basis).all():
        return model, np.full(values.shape, np.inf)
    fitted = np.linalg.lstsq(basis, values, rcond=1e-12)[0]
    return Barycentric(model.support, fitted, model.weights), basis @ fitted - values


def _without_poles_between(loewner: Loewner, weights: Array) -> Barycentric | None:
    """Return the denominator without the support points next to poles between the samples, or None."""
    x, columns = loewner.x, np.arange(len(loewner.support))
    for _ in range(_CLEANINGS):
        support = np.array(loewner.support)[columns]
        model = Barycentric(x[support], loewner.values[support], weights)
        poles = _poles_between(model, x)
        if not len(poles):
            return model
        nearest = np.unique(np.abs(poles.real[:, np.newaxis] - model.support).argmin(axis=1))
        columns = np.delete(columns, nearest)
        if not len(columns):
            return None
        weights = loewner.weights(columns.tolist())
    return None


def _poles_between(model: Barycentric, x: Array) -> Array:
    """Return the poles that are closer to the axis than the distance of the samples."""
    poles = fast_poles(model)
    poles = poles[(poles.real > x[0]) & (poles.real < x[-1])]
    i = np.clip(np.searchsorted(x, poles.real), 1, len(x) - 1)
    # Several samples must resolve a feature; a single one may have a large error.
    gap = x[np.minimum(i + 1, len(x) - 1)] - x[np.maximum(i - 2, 0)]
    near: Array = poles[np.abs(poles.imag) < 0.5 * gap]
    return near
