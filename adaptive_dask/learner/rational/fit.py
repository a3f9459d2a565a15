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
# So many orders without improvement end the search.
_PATIENCE = 12


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
    """

    model: Barycentric
    companion: Barycentric
    residual: float
    spread: float
    converged: bool
    n: int

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


def fit(x: Array, values: Array, start: Sequence[float] = (), enough: float = 0.0) -> Fit:
    """Approximate samples by a rational function.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    values : array of float or complex, shape (n, M)
        Scaled, so that an error means the same in each component.
    start : sequence of float
        Points among ``x`` to begin with as support points, in this order.
    enough : float
        A residual this small needs no higher order, which could only describe errors of narrow features' values.

    Notes
    -----
    At most n / 2 support points are taken, because a function of type (m - 1, m - 1) has 2m - 1 parameters. Of these
    orders the smallest is chosen whose residual, per degree of freedom left, is close to the smallest.
    """
    n = len(x)
    cap = min(MAX_ORDER, max(1, n // 2))
    loewner = Loewner(x, values, cap)
    floor = max(enough, ROUNDING * max(1.0, float(np.abs(values).max(initial=0.0))))
    for i in np.searchsorted(x, start[:cap]).tolist():
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
            if order.residual <= floor or m >= cap or (m - best >= _PATIENCE and order.spread < 1e-2):
                break
        error = np.abs(approximation - values).max(axis=1)
        error[~np.isfinite(error)] = np.inf
        error[loewner.support] = -1.0
        loewner.add(int(error.argmax()))
    return _result(loewner, orders, floor)


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
