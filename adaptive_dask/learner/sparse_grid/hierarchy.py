"""A sparse set of nodes with hierarchical coefficients, filled in any order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_dask.learner.sparse_grid.rules import Floats, Rule

# The nodes of a point on the axes where it is not the root: pairs (axis, node), sorted by axis.
Index = tuple[tuple[int, int], ...]

Values = npt.NDArray[Any]  # real or complex, of shape (m,)


class Hierarchy:
    """Interpolates on the nodes whose ancestors are all known.

    The set of these nodes is closed under taking parents. The coefficient of a node is the prediction error at the node
    of the interpolant of its ancestors, which is the same for every interpolant without its descendants, in any order
    of the points.

    Parameters
    ----------
    rules : sequence of Rule
        One for each axis.

    Attributes
    ----------
    coefficients : dict of Index to ndarray of shape (m,)
        The coefficients of the nodes of the interpolant, in the order in which they were computed.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.coefficients: dict[Index, Values] = {}
        self._waiting: dict[Index, Values] = {}

    def parents(self, index: Index) -> Iterator[Index]:
        """Yield the indices one step nearer to the root, on each axis."""
        for place, (axis, k) in enumerate(index):
            parent = self.rules[axis].parent(k)
            yield index[:place] + (((axis, parent),) if parent else ()) + index[place + 1 :]

    def children(self, index: Index) -> Iterator[Index]:
        """Yield the indices one step further from the root, on each axis."""
        nodes = dict(index)
        for axis, rule in enumerate(self.rules):
            for child in rule.children(nodes.get(axis, 0)):
                yield tuple(sorted({**nodes, axis: child}.items()))

    def add(self, index: Index, value: Values) -> list[Index]:
        """Add a value; a component that is NaN counts as predicted.

        Returns
        -------
        list of Index
            The nodes that became part of the interpolant, parents first.
        """
        if index in self.coefficients:
            return []
        self._waiting[index] = value
        added: list[Index] = []
        stack = [index]
        while stack:
            each = stack.pop()
            if each not in self._waiting or any(parent not in self.coefficients for parent in self.parents(each)):
                continue
            self.coefficients[each] = self._coefficient(each, self._waiting.pop(each))
            added.append(each)
            if self._waiting:
                stack += [child for child in self.children(each) if child in self._waiting]
        return added

    def basis(self, index: Index, t: Floats) -> Floats:
        """Return the basis function of a node at coordinates `t` of shape (n, d); shape (n,)."""
        values = np.ones(len(t))
        for axis, k in index:
            values *= self.rules[axis].values([k], t[:, axis])[0]
        return values

    def _coefficient(self, index: Index, value: Values) -> Values:
        known, rows, weights = self.coefficients, [], []
        for combination in itertools.product(*(self.rules[axis].at_node(k) for axis, k in index)):
            ancestor = tuple((axis, a) for (axis, _), (a, _) in zip(index, combination, strict=True) if a)
            if ancestor != index:
                weight = 1.0
                for _, factor in combination:
                    weight *= factor
                rows.append(known[ancestor])
                weights.append(weight)
        if not rows:
            return np.where(np.isfinite(value), value, 0.0)
        surplus = value - np.array(weights) @ np.array(rows)
        return np.where(np.isfinite(surplus), surplus, 0.0)
