"""Rational approximation of samples, with a choice of the order and an error estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_dask.learner.rational.aaa import Loewner
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.types import Array

# Smallest residual in the presence of rounding errors, relative to the size of the values.
ROUNDING = 2e-14
MAX_ORDER = 100

# A higher order must reduce the residual by this factor.
_PARSIMONY = 2.0
# The companion, whose difference estimates the error, has this many fewer support points.
_FEWER = 2
# A residual of this fraction of the tolerance is small enough.
_ENOUGH = 1e-7
# For high orders that exceed a third of the number of samples, use this fraction instead: too few samples are left to
# distinguish the function from rounding errors, and the order would keep increasing near singularities.
_HIGH_ORDER, _ENOUGH_OF_HIGH = 32, 1e-4
# The search ends after this many orders without improvement.
_PATIENCE = 12
# Maximum relative error of a relative fit, as a fraction of the tolerance. With even smaller errors, the fit would
# describe rounding errors.
_SPARE = 0.1
# Errors of values below this fraction of the tolerance are not relative.
_SMALLEST = 1e-4
# The order of a relative fit may be larger by this much. For a rational function, it is the same.
_MORE = 3


@dataclass
class Fit:
    """An approximation of samples, and a second one of lower order.

    Attributes
    ----------
    model, companion : Barycentric
        Approximations of the scaled values.
    residual : float
        Largest error at the samples.
    spread : float
        Root of the mean square error, per degree of freedom.
    converged : bool
        Whether the residual is within the tolerance or at the level of rounding errors.
    support : list of float
    n : int
        Number of samples.
    is_relative : bool
        Whether small values have small relative errors.
    """

    model: Barycentric
    companion: Barycentric
    residual: float
    spread: float
    converged: bool
    n: int
    is_relative: bool = False

    @property
    def support(self) -> list[float]:
        """The support points in the order in which they were chosen."""
        points: list[float] = self.model.support.tolist()
        return points


@dataclass
class _Order:
    weights: Array
    residual: float
    spread: float
    score: float


def fit(x: Array, values: Array, start: Sequence[float] = (), tolerance: float = 0.0) -> Fit:
    """Approximate samples by a rational function.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    values : array of float or complex, shape (n, M)
        Scaled, so that an error means the same in each component.
    start : sequence of float
        Initial support points, in this order; those that are not in ``x`` are ignored.
    tolerance : float
        Target error. If the residual is far smaller, a higher order would describe rounding errors.

    Notes
    -----
    There are at most n / 2 support points, because a function of type (m - 1, m - 1) has 2m - 1 parameters. The order
    is the lowest one whose residual per remaining degree of freedom is close to the minimum.

    Values of one sign that span many orders of magnitude, such as transmission probabilities, are first approximated to
    the tolerance, and then again with small relative errors, if possible.
    """
    n = len(x)
    cap = min(MAX_ORDER, max(1, n // 2))
    loewner = Loewner(x, values, cap)
    rounding = ROUNDING * max(1.0, float(np.abs(values).max(initial=0.0)))
    floor = max(_ENOUGH * tolerance, rounding)
    known = [point for point in start if point in x]
    for i in np.searchsorted(x, known[:cap]).tolist():
        loewner.add(i)
    orders: dict[int, _Order] = {}
    approximation = np.broadcast_to(values.mean(axis=0), values.shape)
    best = 0
    while True:
        m = len(loewner.support)
        if m:
            order, approximation = _examine(loewner)
            orders[m] = order
            if not best or order.score < 0.7 * orders[best].score:
                best = m
            if m > max(_HIGH_ORDER, n / 3):
                floor = max(_ENOUGH_OF_HIGH * tolerance, rounding)
            if order.residual <= floor or m >= cap or (m - best >= _PATIENCE and order.spread < 1e-2):
                break
        error = np.abs(approximation - values).max(axis=1)
        error[~np.isfinite(error)] = np.inf
        error[loewner.support] = -1.0
        loewner.add(int(error.argmax()))
    found = _result(loewner, orders, floor)
    if found.converged and _is_wide(values, tolerance):
        return _relative_fit(x, values, found, tolerance) or found
    return found


def _is_wide(values: Array, tolerance: float) -> bool:
    """Return whether the values have one sign, and some are smaller than the tolerance."""
    if np.iscomplexobj(values):
        return False
    size = np.abs(values)
    one_sign = np.abs(np.sign(values).sum(axis=0)) == len(values)
    return bool(one_sign.all() and (size.min(axis=0) < tolerance * size.max(axis=0)).any())


def _relative_fit(x: Array, values: Array, plain: Fit, tolerance: float) -> Fit | None:
    """Return an approximation with small relative errors, even of values below the tolerance, or None."""
    size = np.abs(values)
    importance = 1.0 / (size + _SMALLEST * tolerance * size.max(axis=0))
    cap = min(MAX_ORDER, len(x) // 2, plain.model.order + _MORE)
    loewner = Loewner(x, values, cap, importance)
    approximation = np.broadcast_to(values.mean(axis=0), values.shape)
    for m in range(1, cap + 1):
        error = (np.abs(approximation - values) * importance).max(axis=1)
        error[~np.isfinite(error)] = np.inf
        error[loewner.support] = -1.0
        loewner.add(int(error.argmax()))
        order, approximation = _examine(loewner)
        error = np.abs(approximation - values) * importance
        if np.isfinite(error).all() and error.max() <= _SPARE * tolerance:
            model = _barycentric(loewner, order.weights)
            companion = _barycentric(loewner, loewner.weights(range(max(1, m - _FEWER))))
            return Fit(model, companion, order.residual, order.spread, True, len(x), is_relative=True)
    return None


def _examine(loewner: Loewner) -> tuple[_Order, Array]:
    """Return the errors with the current support points, and the approximation at all samples."""
    weights = loewner.weights()
    approximation = loewner.approximation(weights)
    error = np.abs(approximation - loewner.values)
    error[~np.isfinite(error)] = np.inf
    free = int(loewner.free.sum()) * error.shape[1]
    left = max(free - (len(weights) - 1), 1)
    spread = float(np.sqrt(np.square(error).sum() / left))
    order = _Order(weights, float(error.max(initial=0.0)), spread, spread * float(np.sqrt(max(free, 1) / left)))
    return order, approximation


def _result(loewner: Loewner, orders: dict[int, _Order], floor: float) -> Fit:
    smallest = min(order.score for order in orders.values())
    m = min(m for m, order in orders.items() if order.score <= _PARSIMONY * smallest or order.residual <= floor)
    order, fewer = orders[m], max(1, m - _FEWER)
    weights = orders[fewer].weights if fewer in orders else loewner.weights(range(fewer))
    return Fit(
        model=_barycentric(loewner, order.weights),
        companion=_barycentric(loewner, weights),
        residual=order.residual,
        spread=order.spread,
        converged=order.residual <= floor,
        n=len(loewner.x),
    )


def _barycentric(loewner: Loewner, weights: Array) -> Barycentric:
    support = loewner.support[: len(weights)]
    return Barycentric(loewner.x[support], loewner.values[support], weights)
