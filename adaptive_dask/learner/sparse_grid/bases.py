"""The bases that a `SparseGridLearner` can use: global polynomials, local functions, and scattered points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from adaptive_dask.learner.sparse_grid.domain import Domain
from adaptive_dask.learner.sparse_grid.frontier import Frontier
from adaptive_dask.learner.sparse_grid.hierarchy import Hierarchy, Index, Values
from adaptive_dask.learner.sparse_grid.interpolant import SparseInterpolant
from adaptive_dask.learner.sparse_grid.rules import Floats, LocalRule, Rule

Point = tuple[float, ...]
Evaluate = Callable[[Floats], Values]  # from coordinates x of shape (n, d) to values of shape (n, m)

# The basis function of a local node is narrower than its parent's, and the coefficient is smaller.
LOCAL_DECAY = 0.35

# The maximum of predicted logarithms, so that squares of values are finite.
MAX_LOG = 300.0


class Kind(NamedTuple):
    """An interpolant on the nodes of a grid, of the values or of their logarithms."""

    rules: list[Rule]
    is_log: bool


class GridBasis:
    """Nodes of a sparse grid, with one interpolant for each kind of basis function on these nodes.

    Positive values are interpolated by their logarithms as well, which are smooth where a function falls over decades.

    Parameters
    ----------
    domain : Domain
    is_local : bool
    """

    def __init__(self, domain: Domain, is_local: bool) -> None:
        self._domain = domain
        self._is_local = is_local
        if is_local:
            kinds = [
                Kind([LocalRule(order, axis.whole) for axis in domain.axes], is_log)
                for order, is_log in ((1, False), (2, False), (1, True))
            ]
        else:
            leja: list[Rule] = [axis.leja for axis in domain.axes]
            kinds = [Kind(leja, False), Kind(leja, True)]
        self._kinds = kinds
        self._is_positive = True
        self._told: dict[Index, Values] = {}
        self.leading = 0
        self.hierarchies = [Hierarchy(kind.rules) for kind in kinds]
        self._residuals = [_Predictions(hierarchy) for hierarchy in self.hierarchies]
        self.frontier = self._new_frontier()

    @property
    def kinds(self) -> list[int]:
        """The kinds of interpolants that the values allow."""
        return [number for number, kind in enumerate(self._kinds) if self._is_positive or not kind.is_log]

    def is_plain(self, kind: int) -> bool:
        """Return whether a kind interpolates the values themselves."""
        return not self._kinds[kind].is_log

    def _new_frontier(self) -> Frontier:
        return Frontier(self.hierarchies[self.leading], LOCAL_DECAY if self._is_local else 1.0)

    def __len__(self) -> int:
        """Return the number of nodes of the interpolant."""
        return len(self.hierarchies[0].coefficients)

    def point(self, index: Index) -> Point:
        """Return the point of a node."""
        nodes = dict(index)
        rules = self.hierarchies[0].rules
        return tuple(axis.coordinate(rules[i], nodes.get(i, 0)) for i, axis in enumerate(self._domain.axes))

    def index(self, point: Point) -> Index | None:
        """Return the index of the node at a point, or None."""
        rules, index = self.hierarchies[0].rules, []
        for i, axis in enumerate(self._domain.axes):
            k = axis.number(rules[i], point[i])
            if k is None:
                return None
            if k:
                index.append((i, k))
        return tuple(index)

    def tell(self, index: Index, value: Values, scales: Floats) -> None:
        """Add a value; `scales` are the ranges of its components."""
        if self._is_positive and (np.iscomplexobj(value) or np.any(value <= 0)):
            self._is_positive = False
            if not self.is_plain(self.leading):
                self.leading = 0
                self.rebuild_frontier(scales, [])
        added: list[Index] = []
        for number in self.kinds:
            is_plain = self.is_plain(number)
            new = self.hierarchies[number].add(index, value if is_plain else np.log(value))
            added = new if number == self.leading else added
        self._told[index] = value
        for each in added:
            self.frontier.note(each, self._contribution(each, scales))

    def rebuild_frontier(self, scales: Floats, pending: Sequence[Index]) -> None:
        """Estimate the contributions of nodes again, with the present ranges."""
        self.frontier = self._new_frontier()
        for index in self.hierarchies[self.leading].coefficients:
            self.frontier.note(index, self._contribution(index, scales))
        for index in pending:
            self.frontier.note(index, None)

    def lead(self, kind: int, scales: Floats, pending: Sequence[Index]) -> None:
        """Choose the next nodes by the coefficients of a kind."""
        if kind != self.leading:
            self.leading = kind
            self.rebuild_frontier(scales, pending)

    def residuals(self, kind: int, x: Floats, values: Values) -> Values:
        """Return values minus predictions of a kind at points that are not nodes."""
        predictions = self._residuals[kind].at(self.coordinates(x))
        return values - (predictions if self.is_plain(kind) else _exponential(predictions))

    def newest(self, kind: int, count: int) -> Values:
        """Return the prediction errors at the last nodes, of shape (count, m)."""
        coefficients = self.hierarchies[kind].coefficients
        last = list(itertools.islice(reversed(coefficients.items()), count))
        if self.is_plain(kind):
            return np.array([coefficient for _, coefficient in last])
        errors = [self._told[index] * -np.expm1(np.minimum(-coefficient, MAX_LOG)) for index, coefficient in last]
        return np.array(errors)

    def coordinates(self, x: Floats) -> Floats:
        """Return the coordinates t of points x; shapes (n, d)."""
        return 2 * self._domain.to_unit(x) - 1 if self._is_local else self._domain.to_standard(x)

    def interpolant(self, kind: int, share: float = 1.0) -> Evaluate:
        """Return the interpolant of a kind through the first nodes, or all."""
        hierarchy = self.hierarchies[kind]
        count = max(1, math.ceil(share * len(hierarchy.coefficients)))
        interpolant = SparseInterpolant(hierarchy.rules, dict(itertools.islice(hierarchy.coefficients.items(), count)))
        return interpolant if self.is_plain(kind) else _Exponential(interpolant)

    def _contribution(self, index: Index, scales: Floats) -> float:
        hierarchy = self.hierarchies[self.leading]
        sizes = np.abs(hierarchy.coefficients[index]) / (scales if self.is_plain(self.leading) else 1.0)
        size = float(np.max(sizes))
        for axis, k in index:
            size *= hierarchy.rules[axis].norm(k)
        return size


class _Exponential:
    """The exponential of an interpolant; picklable."""

    def __init__(self, interpolant: SparseInterpolant) -> None:
        self._interpolant = interpolant

    def __call__(self, t: Floats) -> Values:
        return _exponential(self._interpolant(t))


def _exponential(logs: Values) -> Values:
    return np.asarray(np.exp(np.minimum(logs, MAX_LOG)))


class _Predictions:
    """The predictions of a growing interpolant at a growing list of points."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._values: Values | None = None  # predictions at the points so far, shape (n, m)
        self._nodes = 0  # number of nodes that they include

    def at(self, t: Floats) -> Values:
        """Return the predictions at all points, which begin with those of the last call."""
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
