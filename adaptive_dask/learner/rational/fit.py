"""Rational approximation of samples: how many support points, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.rational.aaa import Loewner
from adaptive_dask.learner.rational.barycentric import Barycentric

Array = NDArray[Any]

# The smallest residual that rounding errors allow, relative to the size of the values.
ROUNDING = 2e-14
MAX_ORDER = 100

# A higher order must have a residual that is smaller by this factor.
_PARSIMONY = 2.0
# The second approximation, whose difference says what is not known, has this many support points fewer.
_FEWER = 2
# A residual of this fraction of the tolerance is small enough.
_ENOUGH = 1e-7
# Where a high order is also more than a third of the number of samples, this fraction is: few samples are left to tell
# the function from errors of rounding, and near singularities ever higher orders would follow.
_HIGH_ORDER, _ENOUGH_OF_HIGH = 32, 1e-4
# So many orders without improvement end the search.
_PATIENCE = 12
# Where small values are to have small errors, too, these errors may be this fraction of the tolerance. Even smaller
# ones would describe rounding errors.
_SPARE = 0.1
# Values count as small down to this fraction of the tolerance,
_SMALLEST = 1e-4
# and the order may be larger by this much, because that of a rational function is the same.
_MORE = 3


@dataclass
class Fit:
    """An approximation of samples, and a second one of lower order.

    Attributes
    ----------
    model, companion : Barycentric
        Of scaled values.
    residual : float
        The largest error at the samples.
    spread : float
        The root of the mean square error, per degree of freedom.
    converged : bool
        Whether the residual is as small as is wanted, or as rounding errors allow.
    support : list of float
    n : int
        The number of samples.
    is_relative : bool
        Whether small values have small errors.
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
        Points to begin with as support points, in this order; those that are not among ``x`` are left out.
    tolerance : float
        The error that is wanted. Where the residual is far smaller, a higher order would describe rounding errors.

    Notes
    -----
    At most n / 2 support points are taken, because a function of type (m - 1, m - 1) has 2m - 1 parameters. Of these
    orders the smallest is chosen whose residual, per degree of freedom left, is close to the smallest.

    Values of one sign that span many orders of magnitude, like probabilities of transmission, are approximated to the
    tolerance first, and then again with small errors of small values, if that is possible.
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
    """Whether the values have one sign, and are in places smaller than the tolerance."""
    if np.iscomplexobj(values):
        return False
    size = np.abs(values)
    one_sign = np.abs(np.sign(values).sum(axis=0)) == len(values)
    return bool(one_sign.all() and (size.min(axis=0) < tolerance * size.max(axis=0)).any())


def _relative_fit(x: Array, values: Array, plain: Fit, tolerance: float) -> Fit | None:
    """An approximation with small relative errors, also of values below the tolerance; None if there is none."""
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
    """How well the present support points approximate, and the approximation at all samples."""
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
