"""The four nested rules of doubly adaptive quadrature: Legendre interpolation at Clenshaw–Curtis nodes."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The number of nodes at each level; a level has the nodes of the previous one, and one between each pair.
SIZES = (5, 9, 17, 33)
MAX_LEVEL = len(SIZES) - 1


@dataclass(frozen=True)
class Rule:
    """Interpolation at n Clenshaw–Curtis nodes, in orthonormal Legendre polynomials.

    Attributes
    ----------
    nodes : tuple of float
        The n nodes, ascending from -1 to 1 and exactly antisymmetric.
    values : array of float, shape (n, n)
        ``values[i, j]`` is the polynomial of degree j at node i.
    inverse : array of float, shape (n, n)
        Maps values at the nodes to the coefficients of the interpolant.
    condition : float
        The maximum amplification of rounding errors of the values, in the 2-norm.
    """

    nodes: tuple[float, ...]
    values: Array
    inverse: Array
    condition: float


def legendre(xs: NDArray[Any], n: int) -> NDArray[Any]:
    """Return the first n Legendre polynomials, orthonormal on (-1, 1).

    Parameters
    ----------
    xs : array of float, shape (m,)
    n : int

    Returns
    -------
    values : array of float, shape (m, n)
    """
    values: NDArray[Any] = np.polynomial.legendre.legvander(xs, n - 1) * np.sqrt(np.arange(n) + xs.dtype.type(0.5))
    return values


def _rule(level: int) -> Rule:
    # The nodes of coarser levels are taken from the finest, so that they are identical numbers.
    angles = np.linspace(0, np.pi, SIZES[-1])
    finest = -np.cos(angles)
    finest = (finest - finest[::-1]) / 2
    nodes = finest[:: 2 ** (MAX_LEVEL - level)]
    values: Array = legendre(nodes, len(nodes))
    # A step of Newton's iteration in extended precision makes the weights of the rule exact to the last digit.
    longer = np.linalg.inv(values).astype(np.longdouble)
    exact = legendre(nodes.astype(np.longdouble), len(nodes))
    inverse: Array = np.ascontiguousarray(2 * longer - longer @ exact @ longer, dtype=np.float64)
    return Rule(tuple(nodes.tolist()), values, inverse, float(np.linalg.cond(values)))


# Sums of squares below this may have lost digits.
_LEAST_SQUARES = 1e-280

RULES = tuple(_rule(level) for level in range(len(SIZES)))


def _to_half(side: int) -> Array:
    nodes = np.array(RULES[-1].nodes)
    return np.ascontiguousarray(RULES[-1].inverse @ legendre((nodes + side) / 2, SIZES[-1]))


# TO_HALF[side] maps coefficients of a function on an interval to those on its left (0) or right (1) half.
TO_HALF = (_to_half(-1), _to_half(1))

# RESTRICT[side] maps them to those of the interpolant at the nodes of the first rule on this half.
RESTRICT = tuple(RULES[0].inverse @ legendre(np.array(RULES[0].nodes), SIZES[-1]) @ to_half for to_half in TO_HALF)


def _derivative() -> Array:
    scale = np.sqrt(np.arange(SIZES[-1]) + 0.5)
    derivative = np.zeros((SIZES[-1], SIZES[-1]))
    derivative[:-1] = np.polynomial.legendre.legder(np.diag(scale))
    derivative /= scale[:, np.newaxis]
    return derivative


# Maps coefficients of a function to those of its derivative.
DERIVATIVE = _derivative()


def coefficients(values: list[float], level: int) -> Array | None:
    """Return the interpolant through the finite values at the nodes of a rule.

    Nodes with NaN or infinite values are omitted, and the degree is reduced by their number, as in [1]_, where the same
    polynomial is computed by downdating.

    Parameters
    ----------
    values : list of float, length n
    level : int

    Returns
    -------
    coefficients : array of float, shape (n,), or None
        Coefficients of the orthonormal Legendre polynomials; zero from the number of finite values on. None if two
        neighbouring nodes have no finite value, which is not an isolated singularity, so that values cannot be
        extrapolated from other nodes.

    References
    ----------
    .. [1] P. Gonnet, Increasing the reliability of adaptive quadrature using explicit interpolants,
       ACM Trans. Math. Softw. 37, 26 (2010), section 3.1.
    """
    # A sum of finite terms is finite except for overflow, which the slower way handles.
    result: Array
    if math.isfinite(sum(values)):
        result = RULES[level].inverse.dot(np.array(values))
        return result
    finite = [math.isfinite(value) for value in values]
    if not all(left or right for left, right in itertools.pairwise(finite)):
        return None
    kept = tuple(i for i, is_finite in enumerate(finite) if is_finite)
    result = np.zeros(len(values))
    result[: len(kept)] = _inverse_without(level, kept).dot(np.array([values[i] for i in kept]))
    return result


def norm(vector: Array) -> float:
    """Return the 2-norm; faster than in NumPy for short vectors, and without overflow or underflow."""
    squares = float(vector.dot(vector))
    if _LEAST_SQUARES < squares < math.inf:
        return math.sqrt(squares)
    largest = float(np.abs(vector).max())
    if not 0 < largest < math.inf:
        return largest
    scaled = vector / largest
    return largest * math.sqrt(scaled.dot(scaled))


def distance(a: Array, b: Array) -> float:
    """Return the 2-norm of the difference of two vectors of coefficients, where missing ones are zero."""
    if len(a) < len(b):
        a, b = b, a
    difference = a.copy()
    difference[: len(b)] -= b
    return norm(difference)


@functools.lru_cache(maxsize=256)
def _inverse_without(level: int, kept: tuple[int, ...]) -> Array:
    inverse: Array = np.linalg.inv(RULES[level].values[list(kept), : len(kept)]).astype(float)
    return inverse
