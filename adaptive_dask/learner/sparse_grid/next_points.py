"""The choice of the next points of a `SparseGridLearner`: nodes of its grids, and scattered points."""

from __future__ import annotations

import math
from collections.abc import Set
from copy import copy

from adaptive_dask.learner.sparse_grid.approximation import Approximation
from adaptive_dask.learner.sparse_grid.bases import Point
from adaptive_dask.learner.sparse_grid.domain import Domain

# Scattered points check the predictions of the grids: about CHECKS * sqrt(n) of n points.
CHECKS = 1.5

# The number of known scattered points in a row after which all count as known. Whole numbers are drawn repeatedly.
MAX_DRAWS = 200


class NextPoints:
    """Chooses points, shared between the bases of an approximation and scattered points.

    Parameters
    ----------
    domain : Domain

    Attributes
    ----------
    scattered : set of tuple of float
        The pending points that were chosen as scattered points.
    """

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._credits: dict[str, float] = {}
        self._next_scattered = 0
        self.scattered: set[Point] = set()

    def copy(self) -> NextPoints:
        """Return an independent copy."""
        new = copy(self)
        new._credits, new.scattered = dict(self._credits), set(self.scattered)
        return new

    def forget_pending(self) -> None:
        """Forget pending points; scattered points start again with the first one that is not known."""
        self.scattered.clear()
        self._next_scattered = 0

    def choose(self, known: Approximation, told: Set[Point], pending: Set[Point]) -> tuple[Point, float] | None:
        """Return the next point and its expected contribution, or None if there are no more points."""
        count = len(told) + len(pending)
        checks = len(told) - sum(map(len, known.on_grid.values())) + len(self.scattered)
        if count and checks < CHECKS * math.sqrt(count) and (scattered := self._choose_scattered(told, pending)):
            return scattered
        grids, shares, credits = known.grids, known.shares, self._credits
        for name, share in shares.items():
            credits[name] = credits.get(name, 0.0) + share
        for name in sorted(shares, key=lambda each: -credits[each]):
            credits[name] -= 1.0
            while name in grids:
                chosen = grids[name].frontier.choose()
                if chosen is None:
                    break
                index, gain = chosen
                point = grids[name].point(index)
                if point not in told and point not in pending:
                    return point, gain
            else:
                break
        return self._choose_scattered(told, pending)

    def _choose_scattered(self, told: Set[Point], pending: Set[Point]) -> tuple[Point, float] | None:
        for _ in range(MAX_DRAWS):
            point = self._domain.scattered(self._next_scattered)
            self._next_scattered += 1
            if point not in told and point not in pending:
                self.scattered.add(point)
                return point, 0.0
        return None
