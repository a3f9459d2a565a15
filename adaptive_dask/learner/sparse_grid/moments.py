"""Mean, variance and Sobol indices of an interpolant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from adaptive_dask.learner.sparse_grid.bases import Evaluate
from adaptive_dask.learner.sparse_grid.domain import Domain, unit_sequence
from adaptive_dask.learner.sparse_grid.hierarchy import Index, Values
from adaptive_dask.learner.sparse_grid.rules import Floats, LejaRule

# The number of points of the quasi-Monte Carlo integration, for bases without exact formulas.
SAMPLES = 2**13


class Moments(NamedTuple):
    """Mean, variance and variance-based indices.

    Attributes
    ----------
    mean : ndarray of shape (m,)
    variance : ndarray of shape (m,)
    first, total : ndarray of shape (d, m)
        Sobol indices; NaN if the variance is 0.
    """

    mean: Values
    variance: Floats
    first: Floats
    total: Floats


def moments_of_polynomials(rules: Sequence[LejaRule], coefficients: Mapping[Index, Values]) -> Moments:
    """Return the moments of Newton polynomials, exactly, from their orthonormal coefficients [1]_.

    References
    ----------
    .. [1] Sudret, Reliab. Eng. Syst. Saf. 93 (2008) 964.
    """
    expansion = dict(coefficients)
    for axis, rule in enumerate(rules):
        fibers: dict[Index, list[int]] = {}
        for index in expansion:
            nodes = dict(index)
            k = nodes.pop(axis, 0)
            fibers.setdefault(tuple(nodes.items()), []).append(k)
        longest = max(max(ks) for ks in fibers.values()) + 1
        factors = rule.orthonormal_factors(longest)
        new: dict[Index, Values] = {}
        for rest, ks in fibers.items():
            line = [tuple(sorted((*rest, (axis, k)))) if k else rest for k in range(len(ks))]
            values = factors[: len(ks), : len(ks)] @ np.array([expansion[index] for index in line])
            new.update(zip(line, values, strict=True))
        expansion = new
    mean = expansion.pop(())
    squares = {index: np.abs(value) ** 2 for index, value in expansion.items()}
    nothing = np.zeros(len(mean))
    variance = sum(squares.values(), nothing)
    first, total = np.zeros((2, len(rules), len(mean)))
    for index, square in squares.items():
        for axis, _ in index:
            total[axis] += square
        if len(index) == 1:
            first[index[0][0]] += square
    with np.errstate(invalid="ignore", divide="ignore"):
        return Moments(mean, variance, first / variance, total / variance)


def moments_by_sampling(domain: Domain, evaluate: Evaluate) -> Moments:
    """Return the moments by quasi-Monte Carlo, with Jansen's estimators of the Sobol indices."""
    d = domain.ndim
    u = unit_sequence(2 * d, SAMPLES)
    one, other = u[:, :d], u[:, d:]
    at_one, at_other = evaluate(domain.from_unit(one)), evaluate(domain.from_unit(other))
    both = np.concatenate([at_one, at_other])
    mean, variance = both.mean(axis=0), both.var(axis=0)
    first, total = np.zeros((2, d, both.shape[1]))
    for axis in range(d):
        mixed = one.copy()
        mixed[:, axis] = other[:, axis]
        at_mixed = evaluate(domain.from_unit(mixed))
        first[axis] = variance - np.mean(np.abs(at_other - at_mixed) ** 2, axis=0) / 2
        total[axis] = np.mean(np.abs(at_one - at_mixed) ** 2, axis=0) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return Moments(mean, variance, first / variance, total / variance)
