"""A mesh whose simplices have losses, and the pending points in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from operator import add
from typing import NamedTuple

import numpy as np

from adaptive_dask.learner.capacity import longer
from adaptive_dask.learner.loss_queue import LossQueue

from .bent_edge import most_bent_edge
from .failed_region import FEASIBLE, RISKS, FailedRegion
from .lattice import Lattice
from .longest_edge import longest_edge, point_between
from .mesh import Point, Simplex, SimplexMesh
from .simplices import ON_FACE, Floats, Ints, barycentric, weights_at
from .subdivision import Cell, Halves, Subdivision, Vertex

# The priority of an infinite loss, and of no loss, both multiplied by the volume, so that the largest simplex is first.
_INFINITE, _NOTHING = 1e200, 1e-200

# Right-angled triangles stay right-angled when they are halved repeatedly. Their points form a lattice whose edges have
# only a few directions, alternately the best and the worst ones for some functions as the mesh is refined. In the
# plane, edges that are longer than this, in units of the region, are therefore not cut at their midpoints.
_LONG, _OFF_MIDDLE = 0.4, 0.45
# If gradients distinguish even saddles, it is done only there.
_LONG_IN_SADDLE, _OFF_MIDDLE_IN_SADDLE = 0.2, 0.4

# Returns the heights of the graph of the function at vertices of the mesh, in units of the coordinates; with gradients,
# these as well, d for each height.
HeightsOf = Callable[[Sequence[int]], list[Point]]


class Proposal(NamedTuple):
    """The best point to evaluate next.

    Attributes
    ----------
    point : tuple of float
    gain : float
        The share of the simplex's loss that belongs to the cell that the point divides.
    simplex, cell, edge, part
        Its position: at a fraction of an edge of a cell of a simplex, or anywhere in the cell if there is no edge.
    heights : pair of tuples of float, optional
        The graph of the function and its gradients at the ends of the edge.
    """

    point: Point
    gain: float
    simplex: Simplex
    cell: Cell
    edge: tuple[Vertex, Vertex] | None
    part: float
    heights: tuple[Point, Point] | None

    @property
    def height(self) -> Point:
        """Linear interpolation of the heights along the edge, NaN if they are not known."""
        if self.heights is None or len(self.heights[0]) != len(self.heights[1]):
            return (math.nan,)
        return point_between(*self.heights, self.part)


Snapshot = tuple[dict[Simplex, Subdivision | Halves], dict[Vertex, Set[Simplex]]]


class Refinement:
    """The choice of the next simplex to divide, with pending points.

    The loss of a simplex is distributed evenly over its volume. Pending points divide a simplex into cells, and the
    cell with the largest loss is divided next.

    Pending points are identified by negative numbers. All coordinates are those of the mesh.

    Parameters
    ----------
    mesh : SimplexMesh
    heights_of : callable, optional
        If given, edges are measured along the graph of the function, otherwise in the domain.
    with_gradients : bool, default: False
        If True, ``heights_of`` returns gradients as well, in two dimensions, and the most bent edge is halved.
    share_power : float, default: 1
        A cell with a fraction s of the simplex's volume has s ** share_power of its loss.
    lattice : Lattice, optional
        The points that can be evaluated, if restricted. A simplex without any has no loss.
    tolerance : float, default: 0
        The length to which the border of a region without values is resolved.

    Attributes
    ----------
    mesh : SimplexMesh
    losses : LossQueue
        The loss of the simplex in each slot.
    priorities : LossQueue
        The loss of its largest cell, if all of its vertices can have a value. Points that become pending make it
        smaller, which is only considered when it is the largest: most simplices are replaced before.
    failed : FailedRegion
        The other simplices.
    """

    def __init__(
        self,
        mesh: SimplexMesh,
        heights_of: HeightsOf | None = None,
        share_power: float = 1.0,
        with_gradients: bool = False,
        lattice: Lattice | None = None,
        tolerance: float = 0.0,
    ) -> None:
        self._lattice = lattice
        self._with_gradients = with_gradients
        self._heights_of = heights_of
        self._share_power = share_power
        self._proposals: dict[Vertex, Proposal] = {}
        self.mesh = mesh
        self.losses = LossQueue()
        self.priorities = LossQueue()
        self._subdivisions: dict[Simplex, Subdivision | Halves] = {}
        self._homes: dict[Vertex, Set[Simplex]] = {}
        self._coordinates: dict[Vertex, Point] = {}
        self._moved: set[Simplex] = set()
        self._shares: Floats = np.ones(0)
        self.failed = FailedRegion(mesh.dim, tolerance)
        self._risks: dict[Vertex, float] = {}  # pending points that may fail
        self._make_room()

    def insert(self, point: Point, pending: Vertex | None = None) -> bool:
        """Add a point to the mesh.

        Parameters
        ----------
        point : tuple of float
        pending : int, optional
            Its number, if it was pending.

        Returns
        -------
        bool
            False if the mesh refuses the point, because it is too close to a vertex.
        """
        homes: Set[Simplex] = frozenset()
        replaced = None
        if pending is not None:
            homes = self._homes.pop(pending, homes)
            self._coordinates.pop(pending, None)
            self._proposals.pop(pending, None)
            self._risks.pop(pending, None)
        if homes:
            replaced = self.mesh.insert(point, min(homes))
        if replaced is None:
            replaced = self.mesh.insert(point)
        deleted, added = replaced or (set(), set())
        strays: set[Vertex] = set()
        for simplex in deleted & self._subdivisions.keys():
            strays.update(self._subdivisions.pop(simplex).inside)
        for simplex in homes - deleted:
            self._take_out(pending, simplex)
        strays.discard(pending or 0)
        if strays:
            self._rehouse(sorted(strays, reverse=True), deleted, sorted(added))
        return replaced is not None

    def commit(self) -> Ints:
        """Update the arrays.

        Return the slots of simplices that need new losses: new ones, and those with a changed neighbor that is not new.
        """
        gone, born, bared = self.mesh.commit()
        self._make_room()
        for slot in gone.tolist():
            self.losses.remove(slot)
            self.priorities.remove(slot)
            if self.failed.count:
                self.failed.remove(slot)
        self._shares[born] = 1.0
        self._settle()
        return np.concatenate([born, bared])

    def set_losses(self, slots: Ints, losses: Floats) -> None:
        """Set the losses, shape (m,), of the simplices in slots, shape (m,). NaN counts as infinite."""
        if not len(slots):
            return
        if self._lattice is not None and self._lattice.is_all:
            used = self._lattice.are_used_up(self.mesh.points[self.mesh.vertices[slots]])
            losses = np.where(used, 0.0, losses)
        priorities = losses
        # `reduce` is the same as `min` and `max` with less overhead.
        if not (np.minimum.reduce(losses) > 1e-150 and np.maximum.reduce(losses) < np.inf):  # includes NaN
            losses = np.where(np.isnan(losses), np.inf, losses)
            volumes = self.mesh.volumes(slots)
            priorities = np.where(np.isposinf(losses), _INFINITE * volumes, np.maximum(losses, _NOTHING * volumes))
        self.losses.set_many(slots, losses)
        shares = self._shares[slots] ** self._share_power
        self.priorities.set_many(slots, np.where(shares > 0, priorities * shares, -np.inf))
        if self.failed.count:
            self._rank_failed(slots)

    def largest_loss(self) -> float:
        """Return the largest loss of a simplex."""
        slot = self.losses.peek()
        return 0.0 if slot is None else self.losses.priority(slot)

    def expected_loss(self) -> float:
        """Return the largest loss of a cell, infinite if that of its simplex is infinite."""
        while (slot := self.priorities.peek()) is not None and self._update(slot, self.mesh.simplex(slot)):
            pass
        if slot is None:
            return self.largest_loss() if self.failed.count else 0.0
        return np.inf if self.losses.priority(slot) == np.inf else self.priorities.priority(slot)

    def propose(self) -> Proposal | None:
        """Return the best point to evaluate next, or None if no simplex can be divided."""
        while (proposal := self._cut_largest()) is not None and self._lattice is not None:
            if self._lattice.contains(proposal.point):
                return proposal._replace(point=self._lattice.snap(proposal.point))
            point = self._lattice.point_in([self._point(v) for v in proposal.cell.vertices], proposal.point)
            if point is not None:
                return proposal._replace(point=point, edge=None, heights=None)
            self.give_up(proposal)
        return proposal

    def _cut_largest(self) -> Proposal | None:
        found = self._next()
        if found is None:
            return None
        slot, kind, simplex = found
        divided = self._divided(simplex)
        cell = Cell(1.0, simplex) if divided is None else divided.largest
        assert cell is not None, "a simplex without cells has no priority"
        share, vertices = cell
        if divided is None:
            places = self.mesh.places
            corners = [places[v] for v in vertices]
        else:
            corners = [self._point(v) for v in vertices]
        heights = self._heights_at(vertices)
        edge = None
        if self.failed.count and self._has_failed(slot):
            edge = self._edge_at_border(slot, vertices, corners, across=kind != FEASIBLE)
        i, j, part = edge or self._where_to_cut(corners, heights)
        gain = self.losses.priority(slot) * share**self._share_power
        if kind != FEASIBLE:  # a point that is due, independent of its loss
            gain = max(gain, self.expected_loss())
        point = point_between(corners[i], corners[j], part)
        return Proposal(point, gain, simplex, cell, (vertices[i], vertices[j]), part, (heights[i], heights[j]))

    def give_up(self, proposal: Proposal) -> None:
        """Exclude this cell from division."""
        divided = self._divided(proposal.simplex) or Subdivision.whole(proposal.simplex)
        self._subdivisions[proposal.simplex] = divided.without(proposal.cell)

    def accept(self, proposal: Proposal, vertex: Vertex) -> None:
        """Add the proposed point to the pending points, in every simplex that it touches."""
        divided = self._subdivisions.get(proposal.simplex)
        if divided is not None and vertex in divided.inside:
            self.give_up(proposal)
            return
        self._coordinates[vertex] = proposal.point
        edge, part = proposal.edge, proposal.part
        if self.failed.count:
            slot = self.mesh.slot_of[proposal.simplex]
            if self._has_failed(slot) and (edge is None or self.failed.may_fail(self.mesh, slot, *edge)):
                self._risks[vertex] = RISKS[self.failed.kinds[slot]]
        if proposal.heights is not None:
            self._proposals[vertex] = proposal
        halves = Halves((vertex,), edge, part) if edge is not None and min(edge) >= 0 else None
        homes = self.mesh.containing(self._support(proposal))
        for simplex in homes:
            if halves is not None and simplex not in self._subdivisions:
                self._subdivisions[simplex] = halves
            else:
                old = self._divided(simplex) or Subdivision.whole(simplex)
                split = None if edge is None else old.split(vertex, edge, part)
                self._subdivisions[simplex] = split or old.insert(vertex, self._point)
        self._homes[vertex] = self._homes[vertex] | homes if vertex in self._homes else homes

    def add_pending(self, points: Mapping[Vertex, Point]) -> None:
        """Add any points of the domain to the pending points."""
        together: dict[tuple[Simplex, ...], list[Vertex]] = {}
        for vertex, point in points.items():
            found = self.mesh.locate(point)
            if found is not None:
                around = self.mesh.containing(self._face_at(found, point))
                together.setdefault(tuple(sorted(around)), []).append(vertex)
                self._coordinates[vertex] = point
                self._homes[vertex] = frozenset()
        for simplices, vertices in together.items():
            self._rehouse(vertices, set(), list(simplices))
        self._settle()

    def snapshot(self) -> Snapshot:
        """Return the pending points, for `restore` while no points are inserted."""
        return dict(self._subdivisions), dict(self._homes)

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the pending points of a snapshot."""
        old, new = self._subdivisions, snapshot[0]
        changed = [simplex for simplex in {**old, **new} if old.get(simplex) is not new.get(simplex)]
        self._subdivisions, self._homes = dict(snapshot[0]), dict(snapshot[1])
        self._coordinates = {v: self._coordinates[v] for v in self._homes}
        self._proposals = {v: each for v, each in self._proposals.items() if v in self._homes}
        self._risks = {v: risk for v, risk in self._risks.items() if v in self._homes}
        for simplex in changed:
            self._update(self.mesh.slot_of[simplex], simplex)

    def _edge_at_border(
        self, slot: int, vertices: tuple[Vertex, ...], corners: list[Point], *, across: bool
    ) -> tuple[int, int, float] | None:
        """Return the middle of the edge with the largest `FailedRegion.edge_length`, or None.

        If not `across`, it is the longest edge beside the border; see `FailedRegion.has_sides`.
        """
        failed = [v >= 0 and bool(self.failed.vertices[v]) for v in vertices]
        bad = [corner for corner, each in zip(corners, failed, strict=True) if each]
        edges = []
        for i, j in itertools.combinations(range(len(vertices)), 2):
            if across:
                length = self.failed.edge_length(self.mesh, slot, vertices[i], vertices[j])
            elif failed[i] or failed[j] or any(_cosine(corners[i], corners[j], c) <= 0 for c in bad):
                continue
            else:
                length = math.dist(corners[i], corners[j])
            edges.append((length, i, j))
        if not edges or max(edges)[0] <= 0:
            return None
        _, i, j = max(edges)
        return i, j, 0.5

    def _next(self) -> tuple[int, int, Simplex] | None:
        """Return the slot and the kind of the next simplex to divide, and its vertices."""
        while True:
            if self.failed.count:
                n, risk = self.mesh.n_points + len(self._homes), sum(self._risks.values())
                found = self.failed.next(self.priorities, n, risk)
            else:
                slot = self.priorities.peek()
                found = None if slot is None else (slot, FEASIBLE)
            if found is None:
                return None
            simplex = self.mesh.simplex(found[0])
            if not self._update(found[0], simplex):
                return *found, simplex

    def _has_failed(self, slot: int) -> bool:
        return bool(self.failed.kinds[slot] != FEASIBLE)

    def _rank_failed(self, slots: Ints) -> None:
        others = slots[(self.failed.kinds[slots] != FEASIBLE) & ~self.failed.has_sides[slots]]
        self.priorities.set_many(others, np.full(len(others), -np.inf))
        self.failed.set_shares(slots, self._shares[slots])

    def _support(self, proposal: Proposal) -> Collection[int]:
        """Return the mesh vertices of the smallest face of the simplex that contains the proposed edge, or point."""
        if proposal.edge is None:
            return self._face_at(proposal.simplex, proposal.point)
        if min(proposal.edge) >= 0:
            return proposal.edge
        real = {v for v in proposal.edge if v >= 0}
        for v in proposal.edge:
            if v < 0:
                real |= set(self._face_at(proposal.simplex, self._coordinates[v]))
        return real

    def _face_at(self, simplex: Simplex, point: Point) -> tuple[int, ...]:
        weights = weights_at([self.mesh.point(v) for v in simplex], point)
        face = tuple(v for v, w in zip(simplex, weights, strict=True) if w > ON_FACE)
        return face or simplex

    def _where_to_cut(self, corners: list[Point], heights: list[Point]) -> tuple[int, int, float]:
        """Return the edge of a cell to cut, by the positions of its ends, and the fraction along it."""
        known = math.isfinite(sum(map(sum, heights)))
        if self._with_gradients:
            if not known:
                return *longest_edge(corners), 0.5
            i, j, even = most_bent_edge(corners, heights)
            is_long = even and math.dist(corners[i], corners[j]) > _LONG_IN_SADDLE
            return i, j, _OFF_MIDDLE_IN_SADDLE if is_long else 0.5
        if known:
            i, j = longest_edge(list(map(add, corners, heights)))
        else:
            i, j = longest_edge(corners)
        is_long = self.mesh.dim == 2 and math.dist(corners[i], corners[j]) > _LONG
        return i, j, _OFF_MIDDLE if is_long else 0.5

    def _heights_at(self, vertices: Sequence[Vertex]) -> list[Point]:
        """Return the heights at vertices, interpolated for pending points; NaN or empty if they are not known."""
        if self._heights_of is None:
            return [()] * len(vertices)
        if min(vertices) >= 0:
            return self._heights_of(vertices)
        known = self._proposals
        return [
            self._heights_of([v])[0] if v >= 0 else known[v].height if v in known else (math.nan,) for v in vertices
        ]

    def _point(self, vertex: Vertex) -> Point:
        return self.mesh.places[vertex] if vertex >= 0 else self._coordinates[vertex]

    def _divided(self, simplex: Simplex) -> Subdivision | None:
        """Return the division of a simplex by pending points, or None if there are none in it."""
        found = self._subdivisions.get(simplex)
        if isinstance(found, Halves):
            found = self._subdivisions[simplex] = found.of(simplex)
        return found

    def _update(self, slot: int, simplex: Simplex) -> bool:
        """Update the priority of a simplex for the pending points in it; return False if it was right."""
        divided = self._subdivisions.get(simplex)
        share = 1.0 if divided is None else divided.largest_share
        if share == self._shares[slot]:
            return False
        self._shares[slot] = share
        if self.failed.count and self._has_failed(slot):
            self._rank_failed(np.array([slot]))
            if not self.failed.has_sides[slot]:
                return True
        priority = self.losses.priority(slot)
        if not _NOTHING < priority < np.inf:
            priority = (_INFINITE if priority == np.inf else _NOTHING) * float(self.mesh.volumes(np.array([slot]))[0])
        self.priorities.set(slot, priority * share**self._share_power if share > 0 else -np.inf)
        return True

    def _rehouse(
        self,
        strays: list[Vertex],
        gone: set[Simplex],
        candidates: list[Simplex],
    ) -> None:
        """Find the new simplices of pending points whose old ones were removed."""
        points = np.array([self._coordinates[v] for v in strays])
        weights = barycentric(self.mesh.points.take(candidates, axis=0), points)
        least = weights.min(axis=2)
        columns_in: dict[Simplex, list[int]] = {}
        for column, vertex in enumerate(strays):
            rows = (least[:, column] >= -ON_FACE).nonzero()[0].tolist() or [int(least[:, column].argmax())]
            homes = {candidates[i] for i in rows}
            for simplex in homes:
                columns_in.setdefault(simplex, []).append(column)
            self._homes[vertex] = (self._homes[vertex] - gone) | homes
        for i, simplex in enumerate(candidates):
            columns = columns_in.get(simplex, [])
            vertices = [strays[column] for column in columns]
            old = self._divided(simplex)
            if old is not None:
                self._subdivisions[simplex] = old.insert_many(vertices, self._point)
            elif columns:
                whole = Subdivision.whole(simplex)
                self._subdivisions[simplex] = whole.insert_at(vertices, weights[i : i + 1, columns])
        self._moved |= columns_in.keys()

    def _settle(self) -> None:
        for simplex in self._moved & self.mesh.slot_of.keys():
            self._update(self.mesh.slot_of[simplex], simplex)
        self._moved.clear()

    def _take_out(self, vertex: Vertex | None, simplex: Simplex) -> None:
        """Remove a pending point from a simplex that still exists."""
        old = self._subdivisions.pop(simplex)
        others = [other for other in old.inside if other != vertex]
        if others:
            self._subdivisions[simplex] = Subdivision.whole(simplex).insert_many(others, self._point)
        self._moved.add(simplex)

    def _make_room(self) -> None:
        self._shares = longer(self._shares, self.mesh.capacity, 1.0)
        if self.failed.count:
            self.failed.make_room(self.mesh)


def _cosine(a: Point, b: Point, c: Point) -> float:
    """Return a number with the sign of the cosine of the angle at c."""
    return sum((x - z) * (y - z) for x, y, z in zip(a, b, c, strict=True))
