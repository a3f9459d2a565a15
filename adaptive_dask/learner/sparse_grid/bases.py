"""The bases that a `SparseGridLearner` can use: global polynomials, local functions, and scattered points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptive_dask.learner.sparse_grid.domain import Domain
from adaptive_dask.learner.sparse_grid.frontier import Frontier
from adaptive_dask.learner.sparse_grid.hierarchy import Hierarchy, Index, Values
from adaptive_dask.learner.sparse_grid.interpolant import SparseInterpolant
from adaptive_dask.learner.sparse_grid.rules import Floats, LocalRule, Rule

Point = tuple[float, ...]
Evaluate = Callable[[Floats], Values]  # coordinates x of shape (n, d) to values of shape (n, m)

# Of a local node, the basis function is narrower than its parent's and the coefficient smaller.
LOCAL_DECAY = 0.35

# Radial basis functions are fitted to all points at once up to so many; beyond, to the nearest ones of each point.
MAX_DENSE = 2000
NEIGHBORS = 150


class GridBasis:
    """Nodes of a sparse grid, with one interpolant for each kind of basis function on these nodes.

    Parameters
    ----------
    domain : Domain
    is_local : bool
    """

    def __init__(self, domain: Domain, is_local: bool) -> None:
        self._domain = domain
        self._is_local = is_local
        kinds: list[list[Rule]] = (
            [[LocalRule(order)] * domain.ndim for order in (1, 2)] if is_local else [[a.leja for a in domain.axes]]
        )
        self.hierarchies = [Hierarchy(rules) for rules in kinds]
        self._residuals = [_Predictions(hierarchy) for hierarchy in self.hierarchies]
        self.frontier = self._new_frontier()

    def _new_frontier(self) -> Frontier:
        return Frontier(self.hierarchies[0], LOCAL_DECAY if self._is_local else 1.0)

    def __len__(self) -> int:
        """How many nodes the interpolant goes through."""
        return len(self.hierarchies[0].coefficients)

    def point(self, index: Index) -> Point:
        """The point of a node."""
        nodes = dict(index)
        rules = self.hierarchies[0].rules
        return tuple(axis.coordinate(rules[i], nodes.get(i, 0)) for i, axis in enumerate(self._domain.axes))

    def index(self, point: Point) -> Index | None:
        """The index of the node at a point, or None."""
        rules, index = self.hierarchies[0].rules, []
        for i, axis in enumerate(self._domain.axes):
            k = axis.number(rules[i], point[i])
            if k is None:
                return None
            if k:
                index.append((i, k))
        return tuple(index)

    def tell(self, index: Index, value: Values, scales: Floats) -> None:
        """Take in a value; `scales` are the ranges of its components."""
        for each in self.hierarchies[1:]:
            each.add(index, value)
        for added in self.hierarchies[0].add(index, value):
            self.frontier.note(added, self._contribution(added, scales))

    def rebuild_frontier(self, scales: Floats, pending: Sequence[Index]) -> None:
        """Estimate anew which nodes matter, with the ranges as they are now."""
        self.frontier = self._new_frontier()
        for index in self.hierarchies[0].coefficients:
            self.frontier.note(index, self._contribution(index, scales))
        for index in pending:
            self.frontier.note(index, None)

    def residuals(self, kind: int, x: Floats, values: Values) -> Values:
        """Values minus predictions at points that the interpolant of a kind does not go through."""
        return values - self._residuals[kind].at(self.coordinates(x))

    def newest(self, kind: int, count: int) -> Values:
        """The last coefficients, of shape (count, m)."""
        coefficients = self.hierarchies[kind].coefficients
        return np.array(list(itertools.islice(reversed(coefficients.values()), count)))

    def coordinates(self, x: Floats) -> Floats:
        """The coordinates t of points x; shapes (n, d)."""
        return 2 * self._domain.to_unit(x) - 1 if self._is_local else self._domain.to_standard(x)

    def interpolant(self, kind: int, share: float = 1.0) -> SparseInterpolant:
        """The interpolant of a kind through the first nodes, or all."""
        hierarchy = self.hierarchies[kind]
        count = max(1, math.ceil(share * len(hierarchy.coefficients)))
        return SparseInterpolant(hierarchy.rules, dict(itertools.islice(hierarchy.coefficients.items(), count)))

    def _contribution(self, index: Index, scales: Floats) -> float:
        hierarchy = self.hierarchies[0]
        size = float(np.max(np.abs(hierarchy.coefficients[index]) / scales))
        for axis, k in index:
            size *= hierarchy.rules[axis].norm(k)
        return size


class _Predictions:
    """What a growing interpolant predicts at a growing list of points."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._values: Values | None = None  # of the points so far, of shape (n, m)
        self._nodes = 0  # so many nodes are part of them

    def at(self, t: Floats) -> Values:
        """The predictions at all points; those of the last call come first and in the same order."""
        coefficients = self._hierarchy.coefficients
        known = 0 if self._values is None else len(self._values)
        if self._values is None or len(coefficients) - self._nodes > 200:
            self._values = SparseInterpolant(self._hierarchy.rules, coefficients)(t)
        else:
            for index, coefficient in itertools.islice(coefficients.items(), self._nodes, None):
                self._values = self._values + self._hierarchy.basis(index, t[:known])[:, None] * coefficient
            if known < len(t):
                new = SparseInterpolant(self._hierarchy.rules, coefficients)(t[known:])
                self._values = np.concatenate([self._values, new])
        self._nodes = len(coefficients)
        return self._values


class RadialFit:
    """Radial basis functions through any points, in the unit cube; picklable.

    Parameters
    ----------
    u : ndarray of shape (n, d)
    values : ndarray of shape (n, m)
        Real or complex.
    kernel : str
        Of `scipy.interpolate.RBFInterpolator`.
    """

    def __init__(self, u: Floats, values: Values, kernel: str) -> None:
        from scipy.interpolate import RBFInterpolator

        self._is_complex = np.iscomplexobj(values)
        parts = np.concatenate([values.real, values.imag], axis=1) if self._is_complex else values
        neighbors = None if len(u) <= MAX_DENSE else NEIGHBORS
        # Without any smoothing, points that nearly coincide would make the matrix singular.
        self._fit: Any = RBFInterpolator(u, parts, neighbors=neighbors, kernel=kernel)

    def __call__(self, u: Floats) -> Values:
        if not len(u):
            return np.empty((0, self._fit.d.shape[1] // (2 if self._is_complex else 1)))
        values = self._fit(u)
        if self._is_complex:
            half = values.shape[1] // 2
            return np.asarray(values[:, :half] + 1j * values[:, half:])
        return np.asarray(values)


def kernels_for(count: int, ndim: int) -> list[str]:
    """The kernels that so many points in so many dimensions can determine."""
    kernels = {"cubic": ndim + 1, "quintic": (ndim + 1) * (ndim + 2) // 2}
    return [kernel for kernel, least in kernels.items() if count >= 2 * least]
