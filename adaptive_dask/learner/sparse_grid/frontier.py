"""The choice of the next nodes of a sparse grid."""

from __future__ import annotations

import heapq
import math
from copy import copy

from adaptive_dask.learner.sparse_grid.hierarchy import Hierarchy, Index

# A coefficient may be zero by accident, so the contribution of a node counts as at least this share of its estimate.
# Near the root of an axis, where there is least evidence, the share is larger.
DOUBT = 0.003
DOUBT_NEAR_ROOT = 0.1
NEAR_ROOT = 3

# The estimate of a mixed node is at most this multiple of that for a product of one-dimensional functions.
PRODUCT_MARGIN = 3.0

# One of this number of nodes is chosen near the root instead of by its estimate, so that every direction is explored
# repeatedly.
EXPLORATION = 8

# The expected ratio of a node that is being evaluated to its parent.
DECAY_WHILE_PENDING = 0.3


class Frontier:
    """Estimates of the nodes whose parents are known or being evaluated, in descending order.

    Parameters
    ----------
    hierarchy : Hierarchy
    decay : float
        The expected ratio of a node's size to its parent's.
    """

    def __init__(self, hierarchy: Hierarchy, decay: float) -> None:
        self._hierarchy = hierarchy
        self._decay = decay
        self._sizes: dict[Index, float] = {}  # for nodes that were chosen or are known
        self._estimates: dict[Index, float] = {(): math.inf}
        self._by_size: list[tuple[float, Index]] = [(-math.inf, ())]
        self._by_depth: list[tuple[int, Index]] = [(0, ())]
        self._chosen = 0

    def choose(self) -> tuple[Index, float] | None:
        """Return the next node and its estimate, or None; the node then counts as being evaluated."""
        explore = self._chosen % EXPLORATION == EXPLORATION - 1
        index = self._pop_nearest() if explore else self._pop_largest()
        if index is None:
            return None
        self._chosen += 1
        estimate = self._estimates[index]
        self.note(index, None)
        return index, estimate

    def copy(self) -> Frontier:
        """Return an independent copy."""
        new = copy(self)
        new._sizes, new._estimates = dict(self._sizes), dict(self._estimates)
        new._by_size, new._by_depth = list(self._by_size), list(self._by_depth)
        return new

    def note(self, index: Index, size: float | None) -> None:
        """Record that a node is being evaluated, or the contribution of its basis function (root mean square).

        A node whose parents are not recorded is ignored, because its children cannot be estimated.
        """
        if any(parent not in self._sizes for parent in self._hierarchy.parents(index)):
            return
        expected = self._estimates.pop(index, None)
        if expected is None:
            expected = self._sizes.get(index, 0.0)
        if size is None:
            if index in self._sizes:
                return
            new = DECAY_WHILE_PENDING * expected if math.isfinite(expected) else 1e300
        elif not index:
            new = max(size, 1e-300)
        else:
            is_near_root = len(index) == 1 and self._hierarchy.rules[index[0][0]].depth(index[0][1]) <= NEAR_ROOT
            doubt = DOUBT_NEAR_ROOT if is_near_root else DOUBT
            new = max(size, doubt * expected if math.isfinite(expected) and expected < 1e290 else 0.0)
        self._sizes[index] = new
        for child in self._hierarchy.children(index):
            if child not in self._sizes:
                self._estimate(child)

    def _estimate(self, index: Index) -> None:
        sizes = self._sizes
        logs: list[float] = []
        parents = list(self._hierarchy.parents(index))
        for parent in parents:
            size = sizes.get(parent)
            if size is None:
                self._estimates.pop(index, None)
                return
            logs.append(math.log(size + 1e-300))
        estimate = sum(logs) / len(logs) if logs else 690.0
        if len(parents) > 1:
            # the coefficients of f(x) g(y) are products
            products = []
            for place, parent in enumerate(parents):
                for other in range(place + 1, len(parents)):
                    both = self._lowered(parent, index[other][0])
                    products.append(logs[place] + logs[other] - math.log(sizes[both] + 1e-300))
            estimate = min(estimate, sum(products) / len(products) + math.log(PRODUCT_MARGIN))
        value = self._decay * math.exp(min(estimate, 690.0))
        if self._estimates.get(index) == value:
            return
        if index not in self._estimates:
            depth = sum(self._hierarchy.rules[axis].depth(k) for axis, k in index)
            heapq.heappush(self._by_depth, (depth, index))
        self._estimates[index] = value
        heapq.heappush(self._by_size, (-value, index))

    def _lowered(self, index: Index, axis: int) -> Index:
        for place, (each, k) in enumerate(index):
            if each == axis:
                parent = self._hierarchy.rules[axis].parent(k)
                return index[:place] + (((axis, parent),) if parent else ()) + index[place + 1 :]
        raise AssertionError("a mixed index has both axes")

    def _pop_largest(self) -> Index | None:
        while self._by_size:
            size, index = heapq.heappop(self._by_size)
            if self._estimates.get(index) == -size:
                return index
        return None

    def _pop_nearest(self) -> Index | None:
        while self._by_depth:
            _, index = heapq.heappop(self._by_depth)
            if index in self._estimates:
                return index
        return self._pop_largest()
