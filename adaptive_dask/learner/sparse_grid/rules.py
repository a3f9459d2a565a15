"""One-dimensional hierarchical rules: nodes, basis functions, and their parents and children.

Nodes are numbered from 0, the root, whose basis function is 1. The basis function of node ``k`` is 1 at this node, and
0 at all other nodes except for its descendants. The coefficient of a node therefore depends only on the values at the
node and at its ancestors, in any order.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The maximum degree of polynomials.
MAX_DEGREE = 100

# The first nodes on (-1, 1). They are not symmetric, because with symmetric nodes the coefficients of odd and even
# functions vanish by accident, and their directions would not be explored.
_FIRST_NODES = (-0.35, 0.8)

# The maximum number of halvings, limited by the precision of floating-point numbers.
MAX_DEPTH = 20


class Among(Protocol):
    """The places at which intervals are halved that can be nodes."""

    def has_node(self, place: float) -> bool: ...


class Rule(abc.ABC):
    """Nodes and basis functions on one axis, in the coordinate t of that axis."""

    @abc.abstractmethod
    def node(self, k: int) -> float:
        """Return the coordinate of node `k`."""

    @abc.abstractmethod
    def parent(self, k: int) -> int:
        """Return the parent of node `k`, for k > 0."""

    @abc.abstractmethod
    def children(self, k: int) -> tuple[int, ...]:
        """Return the children of node `k`."""

    @abc.abstractmethod
    def depth(self, k: int) -> int:
        """Return the number of ancestors of node `k`."""

    @abc.abstractmethod
    def values(self, ks: Sequence[int], t: Floats) -> Floats:
        """Return the basis functions of nodes `ks` at coordinates `t` of shape (n,); shape (len(ks), n)."""

    @abc.abstractmethod
    def norm(self, k: int) -> float:
        """Return the root mean square of the basis function of node `k`."""

    @functools.cached_property
    def _ancestor_values(self) -> dict[int, list[tuple[int, float]]]:
        return {}

    def at_node(self, k: int) -> list[tuple[int, float]]:
        """Return node `k` and its ancestors with their nonzero basis functions at node `k`."""
        known = self._ancestor_values.get(k)
        if known is None:
            line = [k]
            while line[-1]:
                line.append(self.parent(line[-1]))
            values = self.values(line, np.array([self.node(k)]))[:, 0]
            known = [(a, float(v)) for a, v in zip(line, values, strict=True) if v]
            self._ancestor_values[k] = known
        return known


class LejaRule(Rule):
    """Newton polynomials on a Leja sequence: the basis function of node k is a polynomial of degree k.

    Each node maximises the (weighted) product of the distances to earlier ones, so the basis functions are bounded by
    about 1 [1]_.

    Parameters
    ----------
    candidates : ndarray of shape (n,)
        The coordinates among which nodes are chosen.
    log_weights : ndarray of shape (n,)
        Half the logarithm of the probability density at the candidates.
    quadrature : (ndarray, ndarray)
        Nodes and weights of a quadrature of the probability measure.
    first : tuple of float
        The first nodes.
    max_degree : int
        At most one less than there are candidates.

    References
    ----------
    .. [1] Narayan, Jakeman, SIAM J. Sci. Comput. 36 (2014) A2952.
    """

    def __init__(
        self,
        candidates: Floats,
        log_weights: Floats,
        quadrature: tuple[Floats, Floats],
        first: tuple[float, ...] = (),
        max_degree: int = MAX_DEGREE,
    ) -> None:
        nodes = list(first) or [float(candidates[np.argmax(log_weights)])]
        with np.errstate(divide="ignore"):
            product = log_weights + sum(np.log(np.abs(self._factor(candidates, t))) for t in nodes)
            while len(nodes) <= max_degree:
                nodes.append(float(candidates[np.argmax(product)]))
                product = product + np.log(np.abs(self._factor(candidates, nodes[-1])))
        self._nodes = np.array(nodes)
        # Differences are scaled by the capacity of the domain, so that their products neither overflow nor underflow.
        self._scale = 4.0 / np.ptp(self._nodes)
        self._factors = np.ones(len(nodes))
        for k in range(1, len(nodes)):
            self._factors[k] = 1.0 / np.prod(self._factor(self._nodes[k], self._nodes[:k]) * self._scale)
        self.quadrature = quadrature
        self._norms = np.sqrt(self.table(len(nodes), quadrature[0]) ** 2 @ quadrature[1])

    def _factor(self, t: Any, node: Any) -> Any:
        """Return the factor of basis functions that is 0 at a node."""
        return t - node

    def node(self, k: int) -> float:
        return float(self._nodes[k])

    def __len__(self) -> int:
        return len(self._nodes)

    def parent(self, k: int) -> int:
        return k - 1

    def children(self, k: int) -> tuple[int, ...]:
        return (k + 1,) if k + 1 < len(self._nodes) else ()

    def depth(self, k: int) -> int:
        return k

    def table(self, size: int, t: Floats) -> Floats:
        """Return the first `size` basis functions at `t`; shape (size, n)."""
        table = np.empty((size, len(t)))
        product = np.ones(len(t))
        for k in range(size):
            table[k] = product * self._factors[k]
            product = product * (self._factor(t, self._nodes[k]) * self._scale)
        return table

    def values(self, ks: Sequence[int], t: Floats) -> Floats:
        numbers = np.asarray(ks, dtype=int)
        values: Floats = self.table(int(numbers.max(initial=0)) + 1, t)[numbers]
        return values

    def norm(self, k: int) -> float:
        return float(self._norms[k])

    def orthonormal_factors(self, size: int) -> Floats:
        """Return a matrix whose column k contains the coefficients of basis function k in orthonormal polynomials."""
        t, weights = self.quadrature
        _, factors = np.linalg.qr((self.table(size, t) * np.sqrt(weights)).T)
        return np.asarray(factors * np.sign(np.diag(factors))[:, None])  # so that the first polynomial is +1


class PeriodicRule(LejaRule):
    """Trigonometric functions on a Leja sequence of a circle, which is the interval from -1 to 1 with its ends joined.

    The basis function of node k is a product of k sines of half angles, which changes its sign after a period if k is
    odd. There, a cosine that is 1 at the node is another factor. The first 2m + 1 functions span all trigonometric
    polynomials of degree m.
    """

    def _factor(self, t: Any, node: Any) -> Any:
        return np.sin(0.5 * np.pi * (t - node))

    def table(self, size: int, t: Floats) -> Floats:
        table = super().table(size, t)
        table[1::2] *= np.cos(0.5 * np.pi * (t - self._nodes[1:size:2, None]))
        return table


class LocalRule(Rule):
    """Piecewise linear or quadratic functions on a binary tree of nodes in [-1, 1].

    The root is 0 with a constant; its children are the ends -1 and 1, each with a linear function on its half. All
    other nodes halve an interval.

    Parameters
    ----------
    order : int
        1 for hat functions, 2 for parabolas on the interval that a node halves.
    among : optional
        Says with ``has_node(place)``, from 0 to 1, which of the nodes there are; all if not given.
    """

    def __init__(self, order: int, among: Among | None = None) -> None:
        self.order = order
        self._among = among

    def node(self, k: int) -> float:
        if k < 3:
            return (0.0, -1.0, 1.0)[k]
        depth = self.depth(k)
        return float(-1.0 + (2 * (k - 2 ** (depth - 1) - 1) + 1) * 2.0 ** (1 - depth))

    def nodes_near(self, t: float) -> Iterator[int]:
        """Yield the node nearest to `t` at each depth."""
        yield from filter(self._exists, range(3))
        for depth in range(2, MAX_DEPTH + 1):
            step = 2.0 ** (2 - depth)
            place = min(max(int((t + 1) // step), 0), 2 ** (depth - 1) - 1)
            if self._exists(k := 2 ** (depth - 1) + 1 + place):
                yield k

    def _exists(self, k: int) -> bool:
        return self._among is None or self._among.has_node((self.node(k) + 1) / 2)

    def parent(self, k: int) -> int:
        if k < 5:
            return max(0, k - 2)
        depth = self.depth(k)
        return int(2 ** (depth - 2) + 1 + (k - 2 ** (depth - 1) - 1) // 2)

    def children(self, k: int) -> tuple[int, ...]:
        found = self._halves(k)
        return found if self._among is None else tuple(filter(self._exists, found))

    def _halves(self, k: int) -> tuple[int, ...]:
        if k == 0:
            return 1, 2
        if k < 3:
            return (k + 2,)
        depth = self.depth(k)
        if depth >= MAX_DEPTH:
            return ()
        first = 2**depth + 1 + 2 * (k - 2 ** (depth - 1) - 1)
        return first, first + 1

    def depth(self, k: int) -> int:
        return 0 if k == 0 else 1 if k < 3 else (k - 1).bit_length()

    def values(self, ks: Sequence[int], t: Floats) -> Floats:
        table = np.empty((len(ks), len(t)))
        for row, k in enumerate(ks):
            if k == 0:
                table[row] = 1.0
            elif k < 3:
                table[row] = np.maximum(0.0, t * self.node(k))
            else:
                distance = np.abs(t - self.node(k)) * 2.0 ** (self.depth(k) - 1)
                table[row] = np.maximum(0.0, 1.0 - (distance if self.order == 1 else distance**2))
        return table

    def norm(self, k: int) -> float:
        if k == 0:
            return 1.0
        mean_square = 1 / 3 if self.order == 1 or k < 3 else 8 / 15
        share = 0.5 if k < 3 else 2.0 ** (1 - self.depth(k))
        return float(np.sqrt(share * mean_square))


@functools.cache
def uniform_leja_rule() -> LejaRule:
    """Return the rule of a uniform distribution on [-1, 1]."""
    candidates = np.cos(np.linspace(0.0, np.pi, 20_001))
    t, weights = np.polynomial.legendre.leggauss(2 * MAX_DEGREE)
    return LejaRule(candidates, np.zeros_like(candidates), (t, weights / 2), _FIRST_NODES)


@functools.cache
def periodic_rule() -> PeriodicRule:
    """Return the rule of a uniform distribution on a circle; no node is at the seam."""
    candidates = (np.arange(20_000) + 0.5) / 10_000 - 1.0
    t = (np.arange(2 * MAX_DEGREE) + 0.5) / MAX_DEGREE - 1.0
    return PeriodicRule(candidates, np.zeros(len(candidates)), (t, np.full(len(t), 1 / len(t))), _FIRST_NODES)


def leja_rule_of(distribution: Any, loc: float, scale: float) -> LejaRule:
    """Return the rule of a frozen distribution of `scipy.stats` in the coordinate ``t = (x - loc) / scale``."""
    tails = 10.0 ** -np.linspace(16, 1, 1501)
    quantiles = np.unique(np.concatenate([tails, np.linspace(0.1, 0.9, 6001)]))
    x = np.concatenate([distribution.ppf(quantiles), distribution.isf(tails)])
    x = np.unique(x[np.isfinite(x)])
    half_log_density = 0.5 * distribution.logpdf(x)
    keep = np.isfinite(half_log_density)
    # panels that halve towards both ends, for the tails
    ends = 0.5 ** np.arange(1, 50)
    edges = np.concatenate([[0.0], ends[::-1], 1 - ends[1:], [1.0]])
    t, weights = np.polynomial.legendre.leggauss(24)
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    u = (middle[:, None] + half[:, None] * t).ravel()
    w = (half[:, None] * weights).ravel()
    nodes = np.where(u < 0.5, distribution.ppf(u), distribution.isf(np.maximum(1 - u, 1e-16)))
    return LejaRule((x[keep] - loc) / scale, half_log_density[keep], ((nodes - loc) / scale, w / w.sum()))
