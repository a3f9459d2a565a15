"""The division of intervals, simplices and boxes where a function has no value.

A cell, which is an interval, a simplex or a box, is *mixed* if some of its points have a value and others failed, and
*failed* if it has only points that failed. The border is resolved by dividing mixed cells, the longest first, while
they are longer than a tolerance. Mixed simplices count as longer where the border turns, such as at the tips of a
region. Failed cells are explored by a small share of the points. Mixed simplices also have
losses, by which they are divided beside the border, between points with values.

The numbers of evaluations that may fail at the border, and of points that explore, depend only on the number of points.
The order of results therefore does not matter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import longer
from adaptive_dask.learner.loss_queue import LossQueue

from .simplices import Floats, Ints

if TYPE_CHECKING:
    from .mesh import SimplexMesh

Flags = NDArray[np.bool_]

FEASIBLE, MIXED, FAILED = 0, 1, 2

# The length, relative to the domain, to which the border is resolved.
TOLERANCE = 0.02

# The numbers of 1,000 points that may fail at the border, and that explore failed cells. Both grow with a power of the
# number of points: that of the number of cells at the border of a region, if all cells have the same size.
BORDER_FAILURES, EXPLORING = 138, 16

# The expected share of failures among pending points in cells of each kind.
RISKS = (0.0, 0.5, 1.0)

# A simplex counts as at most this many times as long as the cube with the volume of the parallelepiped of its edges.
# Flat simplices along the bounds keep their long edges, however many points are close to these.
MOST_FLAT = 10.0

# Where the border turns, the region may extend between two vertices with values, and be too thin to be seen. The edge
# between them counts as its length times the difference of the normals along it, times this number. With larger ones,
# thinner tips are found, and the error elsewhere is larger. In more dimensions, too many simplices share a vertex.
TURN = {2: 2.0, 3: 1.0}
# Simplices along the bounds may be too flat for meaningful normals: a cube with the edge has more than this many times
# the volume of the parallelepiped.
MOST_FLAT_TURN = 16.0

# In one dimension, the border is a point. The length of mixed intervals counts this many times.
URGENCY = 4.0
# The loss of a failed interval of relative length h is that of an interval of length h² times this.
CURIOSITY = 0.25


class FailureShare:
    """The numbers of points that may fail, and that explore.

    Parameters
    ----------
    dim : int
        The number of dimensions.
    """

    def __init__(self, dim: int) -> None:
        self._power = min(max((dim - 1) / dim, 0.5), 0.75)

    def allows(self, failures: float, n: int) -> bool:
        """Return True if the next of n points may fail at the border, given the number of failures."""
        return failures < float(BORDER_FAILURES * (n / 1000) ** self._power)

    def explores(self, n: int) -> bool:
        """Return True if the next point after n explores failed cells."""
        before, after = (EXPLORING * (k / 1000) ** self._power for k in (n, n + 1))
        return int(after) > int(before)


def interval_loss(length: float, order: float, tolerance: float, kind: int) -> float:
    """Return the loss of an interval that has an end without a value.

    Parameters
    ----------
    length, tolerance : float
        In units of the domain.
    order : float
        The power of the length to which losses are proportional.
    kind : int
        The number of its ends that failed: `FEASIBLE`, `MIXED` or `FAILED`.
    """
    if kind == FAILED:
        length *= CURIOSITY * length
    elif kind == MIXED:
        length = URGENCY * length if length > tolerance else 0.0
    return float(length**order)


def interval_losses(lengths: Floats, order: float, tolerance: float, kinds: Ints) -> Floats:
    """Return `interval_loss` of several intervals; all arrays have shape (n,)."""
    lengths = np.where(kinds == FAILED, CURIOSITY * lengths**2, lengths)
    lengths = np.where(kinds == MIXED, np.where(lengths > tolerance, URGENCY * lengths, 0.0), lengths)
    return np.asarray(lengths**order)


class FailureQueues:
    """The mixed and failed cells, the longest first.

    Parameters
    ----------
    dim : int
    tolerance : float
        Shorter cells are not divided.
    """

    def __init__(self, dim: int, tolerance: float) -> None:
        self.tolerance = tolerance
        self._share = FailureShare(dim)
        self._queues = {MIXED: LossQueue(), FAILED: LossQueue()}

    def set(self, cell: int, kind: int, length: float) -> None:
        """Set the kind and the length of a cell."""
        for each, queue in self._queues.items():
            queue.set(cell, length if each == kind and length > self.tolerance else -np.inf)

    def set_many(self, cells: Ints, kinds: NDArray[Any], lengths: Floats) -> None:
        """Apply `set` to cells of shape (m,)."""
        for kind, queue in self._queues.items():
            queue.set_many(cells, np.where((kinds == kind) & (lengths > self.tolerance), lengths, -np.inf))

    def remove(self, cell: int) -> None:
        """Remove a cell."""
        for queue in self._queues.values():
            queue.remove(cell)

    def clear(self) -> None:
        """Remove all cells."""
        for queue in self._queues.values():
            queue.clear()

    def next(self, feasible: LossQueue, n: int, failures: float) -> tuple[int, int] | None:
        """Return the next cell to divide, and its kind; None if there is none.

        Parameters
        ----------
        feasible : LossQueue
            The cells with values.
        n : int
            The number of points, including pending ones.
        failures : float
            The number of these that failed, or are expected to fail.
        """
        kinds = [FEASIBLE, MIXED, FAILED]
        if self._share.allows(failures, n):
            kinds.insert(0, MIXED)
        if self._share.explores(n):
            kinds.insert(0, FAILED)
        for kind in kinds:
            cell = self._queues.get(kind, feasible).peek()
            if cell is not None:
                return cell, kind
        return None


class FailedRegion:
    """The simplices of a mesh that have vertices without a value, and the next one to divide.

    Parameters
    ----------
    dim : int
    tolerance : float
        In the coordinates of the mesh.

    Attributes
    ----------
    tolerance : float
    count : int
        The number of vertices that failed.
    has_feasible : bool
        True if a vertex has a value.
    vertices : array of bool, shape (capacity,)
        The vertices that failed.
    kinds : array of int8, shape (capacity,)
        `FEASIBLE`, `MIXED` or `FAILED`, by slot.
    normals : array, shape (capacity, d)
        By vertex with a value, the mean direction to neighbors that failed, as a unit vector; 0 if there are none.
    lengths : array, shape (capacity,)
        The largest `edge_length` of mixed simplices, or the longest edge of failed ones; less for flat simplices.
    has_sides : array of bool, shape (capacity,)
        True if a mixed simplex has an edge beside the border: both ends have values, and no vertex failed in the ball
        around the edge. Dividing it there improves the approximation near the border.
    """

    def __init__(self, dim: int, tolerance: float) -> None:
        self.tolerance = tolerance
        self._dim = dim
        self._queues = FailureQueues(dim, tolerance)
        self.count = 0
        self.has_feasible = False
        self.vertices: Flags = np.zeros(0, dtype=bool)
        self.normals: Floats = np.zeros((0, dim))
        self._at_border: Flags = np.zeros(0, dtype=bool)  # vertices with values next to some that failed
        self._turn = TURN.get(dim, 0.0)
        self.kinds = np.zeros(0, dtype=np.int8)
        self.lengths: Floats = np.zeros(0)
        self._losses: Floats = np.zeros(0)  # by slot, as given to `losses`
        self.has_sides: Flags = np.zeros(0, dtype=bool)
        self._first, self._second = np.triu_indices(dim + 1, 1)

    def note(self, vertices: Ints, mesh: SimplexMesh) -> None:
        """Record vertices that failed."""
        self.make_room(mesh)
        self.vertices[vertices] = True
        self.count += len(vertices)

    def classify(self, mesh: SimplexMesh, values: Floats, slots: Ints) -> Ints:
        """Determine the kinds of simplices, and their lengths.

        Parameters
        ----------
        mesh : SimplexMesh
        values : array, shape (n_points, vdim)
            The values at the vertices, NaN for those without.
        slots : array of int, shape (m,)

        Returns
        -------
        array of int
            The slots of other mixed simplices with new lengths.
        """
        self.make_room(mesh)
        others = self._set_normals(mesh, slots)
        slots = np.concatenate([slots, others])
        vertices = mesh.vertices[slots]
        failed = self.vertices[vertices]
        feasible = ~failed & np.isfinite(values[vertices]).all(axis=2)
        some: Flags = np.logical_or.reduce(failed, axis=1)
        mixed: Flags = some & np.logical_or.reduce(feasible, axis=1)
        kinds = np.where(mixed, MIXED, np.where(some, FAILED, FEASIBLE))
        self.kinds[slots] = kinds
        self.has_sides[slots] = False
        self.lengths[slots] = 0.0
        bad = np.flatnonzero(kinds)
        if len(bad):
            corners = mesh.points[vertices[bad]]
            a, b = self._first, self._second
            lengths = np.linalg.norm(corners[:, a] - corners[:, b], axis=2)
            failed, feasible = failed[bad], feasible[bad]
            sizes = (math.factorial(self._dim) * mesh.volumes(slots[bad])) ** (1 / self._dim)
            normals = self.normals[vertices[bad]]
            turns = ((normals[:, a] - normals[:, b]) * (corners[:, b] - corners[:, a])).sum(axis=2)
            is_flat = lengths**self._dim > MOST_FLAT_TURN * sizes[:, None] ** self._dim
            turns = np.where(feasible[:, a] & feasible[:, b] & ~is_flat, self._turn * turns, 0.0)
            across = (failed[:, a] & feasible[:, b]) | (feasible[:, a] & failed[:, b])
            lengths = np.where(mixed[bad, None] & ~across, turns, lengths)
            self.lengths[slots[bad]] = np.minimum(lengths.max(axis=1), MOST_FLAT * sizes)
            beside = feasible[:, a] & feasible[:, b]
            for c in range(self._dim + 1):
                other = corners[:, c, None]
                angles = ((corners[:, a] - other) * (corners[:, b] - other)).sum(axis=2)
                beside &= ~failed[:, c, None] | (angles > 0)
            self.has_sides[slots[bad]] = beside.any(axis=1)
        return others

    def edge_length(self, mesh: SimplexMesh, slot: int, a: int, b: int) -> float:
        """Return how long an edge of a mixed simplex counts at the border.

        Parameters
        ----------
        mesh : SimplexMesh
        slot : int
        a, b : int
            The vertices, negative for pending points.

        Returns
        -------
        float
            The length between a vertex with a value and one that failed; between two with values, it is large if the
            border turns, so that the region may extend between them. 0 for pending points.
        """
        if min(a, b) < 0:
            return 0.0
        p, q = mesh.point(a), mesh.point(b)
        length = math.dist(p, q)
        if self.vertices[a] != self.vertices[b]:
            return length
        turn = self._turn * float((self.normals[a] - self.normals[b]) @ np.subtract(q, p))
        if turn <= 0.0:
            return 0.0
        size = math.factorial(self._dim) * float(mesh.volumes(np.array([slot]))[0])
        return 0.0 if length**self._dim > MOST_FLAT_TURN * size else turn

    def may_fail(self, mesh: SimplexMesh, slot: int, a: int, b: int) -> bool:
        """Return True if a point on this edge of a mixed or failed simplex is not beside the border."""
        failed = any(v >= 0 and self.vertices[v] for v in (a, b))
        return failed or self.edge_length(mesh, slot, a, b) > self.tolerance

    def _set_normals(self, mesh: SimplexMesh, slots: Ints) -> Ints:
        """Update the normals at the vertices of changed simplices; return the slots of other mixed ones around them."""
        vertices = mesh.vertices[slots]
        is_near = self._turn and (self.vertices[vertices] | self._at_border[vertices]).any()
        if not is_near:
            return slots[:0]
        changed, around, places = mesh.surroundings(slots)
        vertices, a, b = mesh.vertices[around], self._first, self._second
        failed = self.vertices[vertices]
        rows, edges = (failed[:, a] != failed[:, b]).nonzero()
        start = np.where(failed[rows, a[edges]], b[edges], a[edges])
        end = a[edges] + b[edges] - start
        starts = vertices[rows, start]
        ways = mesh.points[vertices[rows, end]] - mesh.points[starts]
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        at, count = places[rows, start], len(changed) + 1
        sums = np.stack([np.bincount(at, weights=way, minlength=count)[1:] for way in ways.T], axis=1)
        sizes = np.linalg.norm(sums, axis=1, keepdims=True)
        # Rounded, because the order of simplices must not decide between equal lengths.
        self.normals[changed] = np.round(sums / np.where(sizes > 0, sizes, 1.0), 9)
        self._at_border[starts] = True
        return np.setdiff1d(around[self.kinds[around] == MIXED], slots)

    def losses(self, slots: Ints, losses: Floats, others: Ints) -> tuple[Ints, Floats]:
        """Return the new losses of simplices, and their slots.

        Parameters
        ----------
        slots : array of int, shape (m,)
        losses : array, shape (m,)
            The losses for a function that is constant at failed vertices.
        others : array of int
            The slots of simplices with new lengths, as from `classify`.
        """
        self._losses[slots] = losses
        slots = np.concatenate([slots, np.setdiff1d(others, slots)])
        losses = self._losses[slots]
        if not self.has_feasible:
            return slots, losses
        unresolved = (self.kinds[slots] == MIXED) & (self.lengths[slots] > self.tolerance)
        is_divided = (self.kinds[slots] == FEASIBLE) | unresolved | self.has_sides[slots]
        return slots, np.where(is_divided, losses, 0.0)

    def set_shares(self, slots: Ints, shares: Floats) -> None:
        """Rank the mixed and failed simplices among these.

        Parameters
        ----------
        slots : array of int, shape (m,)
        shares : array, shape (m,)
            Shares of the largest parts without pending points in the volumes; 0 for simplices that cannot be divided.
        """
        self._queues.set_many(slots, self.kinds[slots], self.lengths[slots] * shares ** (1 / self._dim))

    def remove(self, slot: int) -> None:
        """Remove a simplex."""
        self._queues.remove(slot)
        self.kinds[slot] = FEASIBLE

    def next(self, feasible: LossQueue, n: int, risk: float) -> tuple[int, int] | None:
        """Return the slot of the next simplex to divide, and its kind; see `FailureQueues.next`.

        Parameters
        ----------
        feasible : LossQueue
        n : int
            The number of vertices and pending points.
        risk : float
            The expected number of pending points that fail.
        """
        return self._queues.next(feasible, n, self.count + risk)

    def make_room(self, mesh: SimplexMesh) -> None:
        """Extend the arrays to the capacity of the mesh."""
        if len(self.vertices) < mesh.n_points:
            size = 2 * mesh.n_points
            self.vertices, self._at_border = longer(self.vertices, size), longer(self._at_border, size)
            self.normals = longer(self.normals, size)
        self.has_sides, self._losses = longer(self.has_sides, mesh.capacity), longer(self._losses, mesh.capacity)
        self.kinds, self.lengths = longer(self.kinds, mesh.capacity), longer(self.lengths, mesh.capacity)
