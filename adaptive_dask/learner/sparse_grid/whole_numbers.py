"""Axes of whole numbers: the places of the nodes of rules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from adaptive_dask.learner.sparse_grid.rules import MAX_DEGREE, Floats, LejaRule

# The maximum number of places in a table.
_LARGE = 2**14

# Polynomials through equidistant points oscillate if their degree is larger than a few times the root of their number.
_DEGREES = 3.0


class WholeNumbers:
    """The numbers 0 to n - 1 as nodes of a binary tree: the middle, both ends, then the middle of each interval.

    The *place* of a number, between 0 and 1, is where its node would be if all intervals were halved exactly.

    Parameters
    ----------
    n : int
        At least 2.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._places: Floats | None = None
        self._nodes: frozenset[float] = frozenset()
        if n > _LARGE:
            return
        places = np.zeros(n)
        middle = (n - 1) // 2
        places[middle], places[-1] = 0.5, 1.0
        todo = [(0, middle), (middle, n - 1)]
        while todo:
            a, b = todo.pop()
            if b - a < 2:
                continue
            m = (a + b) // 2
            places[m] = 0.5 * (places[a] + places[b])
            todo += [(a, m), (m, b)]
        self._places = places
        self._nodes = frozenset(places.tolist())

    def has_node(self, place: float) -> bool:
        """Return whether a number is at a place at which intervals are halved."""
        if self._places is not None:
            return place in self._nodes
        # among very many, those with different nearest numbers
        return _depth(place) <= math.log2(self.n - 1)

    def to_places(self, numbers: Floats) -> Floats:
        """Return the places of numbers, including numbers between whole ones."""
        if self._places is None:
            return np.asarray(numbers / (self.n - 1))
        return np.asarray(np.interp(numbers, np.arange(self.n), self._places))

    def at(self, places: Any) -> Floats:
        """Return the whole numbers that are nearest to places."""
        if self._places is None:
            return np.asarray(np.rint(np.asarray(places) * (self.n - 1)))
        return np.asarray(np.rint(np.interp(places, self._places, np.arange(self.n))))

    def leja_rule(self) -> LejaRule:
        """Return the rule of a uniform distribution on these numbers, in coordinates from -1 to 1."""
        if self.n <= _LARGE:
            t = np.linspace(-1.0, 1.0, self.n)
            quadrature = t, np.full(self.n, 1 / self.n)
        else:
            numbers = np.unique(np.rint(0.5 * (np.cos(np.linspace(0.0, np.pi, 20_001)) + 1) * (self.n - 1)))
            t = 2 * numbers / (self.n - 1) - 1
            t_, weights = np.polynomial.legendre.leggauss(2 * MAX_DEGREE)
            quadrature = t_, weights / 2
        first = t[np.abs(t + 0.35).argmin()], t[np.abs(t - 0.8).argmin()]
        degree = min(len(t) - 1, max(1, int(_DEGREES * math.sqrt(len(t)))), MAX_DEGREE)
        return LejaRule(t, np.zeros(len(t)), quadrature, (float(first[0]), float(first[1])), degree)


def _depth(place: float) -> int:
    """Return the number of halvings of the interval from 0 to 1 that lead to a place."""
    depth = 0
    while place % 1.0:
        place *= 2
        depth += 1
    return depth
