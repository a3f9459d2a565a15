"""The interpolant of a sparse grid, as a function of coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from adaptive_dask.learner.sparse_grid.hierarchy import Index, Values
from adaptive_dask.learner.sparse_grid.rules import Floats, Rule

# The size of pieces in which points are evaluated, whose tables fit into the processor's cache.
CHUNK = 4096


class _Node(NamedTuple):
    """A sum over all indices with a common beginning.

    Attributes
    ----------
    coefficient : ndarray of shape (m,)
    leaves : list of (axis, rows, coefficients)
        Indices with one more axis that are not the beginning of others: rows of the axis's table with their
        coefficients of shape (m, number of rows).
    branches : list of (axis, row, node)
    """

    coefficient: Values
    leaves: list[tuple[int, slice, Values]]
    branches: list[tuple[int, int, Any]]


class SparseInterpolant:
    """Evaluates ``sum(coefficient * basis function)``; picklable, without a reference to the learner.

    Parameters
    ----------
    rules : sequence of Rule
    coefficients : mapping of Index to ndarray of shape (m,)
        Closed under taking parents, and thus under removing the last axes, so that common beginnings are shared.
    """

    def __init__(self, rules: Sequence[Rule], coefficients: Mapping[Index, Values]) -> None:
        self._rules = list(rules)
        nodes: list[set[int]] = [set() for _ in rules]
        beginnings: dict[Index, list[Index]] = {}
        for index in coefficients:
            for axis, k in index:
                nodes[axis].add(k)
            if index:
                beginnings.setdefault(index[:-1], []).append(index)
        self._nodes = [sorted(each) for each in nodes]
        rows = [{k: row for row, k in enumerate(each)} for each in self._nodes]

        def build(index: Index) -> _Node:
            leaves: dict[int, tuple[list[int], list[Values]]] = {}
            branches = []
            for child in beginnings.get(index, ()):
                axis, k = child[-1]
                if child in beginnings:
                    branches.append((axis, rows[axis][k], build(child)))
                else:
                    of_axis = leaves.setdefault(axis, ([], []))
                    of_axis[0].append(rows[axis][k])
                    of_axis[1].append(coefficients[child])
            sums = []
            for axis, (numbers, values) in leaves.items():
                # consecutive rows of a table need not be copied
                start = min(numbers)
                by_row = np.zeros((len(values[0]), max(numbers) + 1 - start), dtype=np.result_type(*values))
                by_row[:, np.array(numbers) - start] = np.array(values).T
                sums.append((axis, slice(start, max(numbers) + 1), by_row))
            return _Node(coefficients[index], sums, branches)

        self._dtype = np.result_type(float, *{value.dtype for value in coefficients.values()})
        self._root = build(())

    def __call__(self, t: Floats) -> Values:
        """Return the values at coordinates `t` of shape (n, d); shape (n, m)."""
        pieces = [self._evaluate(t[start : start + CHUNK]) for start in range(0, len(t), CHUNK)]
        return np.concatenate(pieces) if pieces else np.empty((0, len(self._root.coefficient)))

    def _evaluate(self, t: Floats) -> Values:
        tables: list[Any] = [
            rule.values(ks, t[:, axis]) if ks else None
            for axis, (rule, ks) in enumerate(zip(self._rules, self._nodes, strict=True))
        ]

        def total(node: _Node) -> Values:
            values: Values = np.empty((len(node.coefficient), len(t)), dtype=self._dtype)
            values[:] = node.coefficient[:, None]
            for axis, rows, coefficients in node.leaves:
                # because BLAS would start threads for small matrices
                values += np.einsum("mr,rn->mn", coefficients, tables[axis][rows])
            for axis, row, branch in node.branches:
                part = total(branch)
                part *= tables[axis][row]
                values += part
            return values

        return total(self._root).T
