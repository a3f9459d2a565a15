"""A region divided into simplices by its evaluated points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .failed_region import FEASIBLE, TOLERANCE, FailedRegion, Flags
from .lattice import Lattice
from .mesh import Point, SavedMesh, SimplexMesh
from .refinement import Proposal, Refinement, Snapshot
from .simplices import Floats, Ints

# The graph of the function matters where it is steeper than 1 / HEIGHT. There, edges across the slope count as longer,
# so that a step is cut from both sides and not only surrounded.
HEIGHT = 0.03


class LossRule(Protocol):
    """Computes the losses of simplices, and determines which ones are affected by a change."""

    @property
    def value_scale(self) -> float:
        """The range of the values."""

    @property
    def extra_order(self) -> float:
        """The loss of a simplex of size h is proportional to h^(d + extra_order), to its volume if this is 0."""

    @property
    def gradients(self) -> Floats | None:
        """Gradients at the vertices of the triangulation, shape (n, 2, vdim).

        It is None unless the loss depends on the curvature of the function. This never changes.
        """

    @property
    def gradient_scale(self) -> float:
        """The range of the values in the units of the gradients."""

    def save(self) -> Any:
        """Return the state for `resume`: the scale, which is updated with a lag."""

    def resume(self, saved: Any) -> None:
        """Restore the state of another rule, possibly of another loss."""

    def update(
        self, mesh: SimplexMesh, values: Floats, told: Floats, born: Ints, revalued: Ints, feasible: Flags | None
    ) -> tuple[Ints, Floats]:
        """Return the losses that are new or different after a change.

        Parameters
        ----------
        mesh : SimplexMesh
        values : array, shape (n_points, vdim)
            NaN for vertices without a value.
        told : array, shape (k, vdim)
            The new values.
        born : array of int
            The slots of the new simplices.
        The old vertices with new values.
            The vertices that were there before, and have only now got their values.
        feasible : array of bool, shape (capacity,), optional
            By slot, false if a vertex failed: there, losses have little weight and are not used for others. None if no
            vertex failed.

        Returns
        -------
        slots : array of int, shape (m,)
        losses : array, shape (m,)
        """


class Heights:
    """The heights of the graph of the function, and its gradients if they are known; see `refinement.HeightsOf`."""

    values: Floats
    of_one: float
    gradients: Floats | None
    slope_of_one: float

    def __call__(self, vertices: Sequence[int]) -> list[Point]:
        # For a few numbers, multiplying them one by one is faster than arrays.
        scale, vdim, value = self.of_one, self.values.shape[1], self.values.item
        if self.gradients is None:
            if vdim == 1:
                return [(value(v) * scale,) for v in vertices]
            return [tuple([value(i) * scale for i in range(v * vdim, v * vdim + vdim)]) for v in vertices]
        unit, slope = self.slope_of_one, self.gradients.item
        if vdim == 1:
            return [(value(v) * scale, slope(2 * v) * unit, slope(2 * v + 1) * unit) for v in vertices]
        return [
            (
                *[value(i) * scale for i in range(v * vdim, v * vdim + vdim)],
                *[slope(i) * unit for i in range(2 * v * vdim, 2 * (v + 1) * vdim)],
            )
            for v in vertices
        ]


class SavedSimplices(NamedTuple):
    """The result of `SimplexPartition.save`: the mesh, `SimplexPartition.sources`, and that of `LossRule.save`."""

    mesh: SavedMesh
    sources: NDArray[np.int32]
    rule: Any


class SimplexPartition:
    """The Delaunay mesh of the corners of a region and its evaluated points; implements the `Partition` protocol.

    The corners are in the mesh from the beginning, so that it covers the region exactly, for any order of points. The
    value of a corner is NaN until it has been evaluated.

    Parameters
    ----------
    corners : array, shape (k, d)
    rule : LossRule
    height : float
        The weight of the graph of the function, in units of the size of the region, in the lengths of edges.
    lattice : Lattice, optional
        See `Refinement`.
    tolerance : float
        The length to which the border of a region without values is resolved.
    periodic : sequence of bool, optional
        The periodic axes.

    Attributes
    ----------
    sources : list of int
        For every vertex of the mesh, its number among the absorbed points, or -1 for a corner without a value.
    """

    def __init__(
        self,
        corners: Floats,
        rule: LossRule,
        height: float = HEIGHT,
        lattice: Lattice | None = None,
        tolerance: float = TOLERANCE,
        periodic: Sequence[bool] = (),
    ) -> None:
        self.lattice = lattice
        self._rule = rule
        self._height = height
        self._tolerance = tolerance
        self._periodic = periodic
        self._refinement = self._refine(SimplexMesh(corners, None, periodic))
        self._corners: dict[Point, int] = {tuple(corner): i for i, corner in enumerate(corners.tolist())}
        self._values = np.full((64, 1), np.nan)
        self._absorbed = 0
        self.sources: list[int] = [-1] * len(corners)
        self._set_losses(np.zeros((0, 1)), self.mesh.live_slots(), np.zeros(0, dtype=np.intp))

    @property
    def mesh(self) -> SimplexMesh:
        """The simplices, after the last `absorb`."""
        return self._refinement.mesh

    @property
    def values(self) -> Floats:
        """The values at the mesh's vertices, shape (n_points, vdim); NaN for vertices without a value."""
        return self._values[: self.mesh.n_points]

    @property
    def losses(self) -> Floats:
        """The losses of the simplices in `SimplexMesh.live_slots`, in that order."""
        losses = self._refinement.losses
        return np.array([losses.priority(slot) for slot in self.mesh.live_slots().tolist()])

    @property
    def failed(self) -> FailedRegion:
        """The simplices with vertices that failed."""
        return self._refinement.failed

    def absorb(
        self, points: Sequence[Point], values: Floats, numbers: Sequence[int | None], failed: Flags | None = None
    ) -> None:
        if values.shape[1] != self._values.shape[1]:
            self._values = np.full((len(self._values), values.shape[1]), np.nan)
        mesh, refinement = self.mesh, self._refinement
        rows: list[int] = []
        vertices: list[int] = []
        revalued: list[int] = []
        # In the order in which they were told: points on a lattice have many Delaunay triangulations, and the choice
        # must not depend on the grouping of results or the times of calls.
        for i in range(len(points)):
            corner = self._corners.get(points[i])
            if corner is not None:
                revalued.append(corner)
                self.sources[corner] = self._absorbed + i
                rows.append(i)
                vertices.append(corner)
            elif refinement.insert(points[i], numbers[i]):
                rows.append(i)
                vertices.append(mesh.n_points - 1)
                self.sources.append(self._absorbed + i)
        self._absorbed += len(points)
        self._make_room()
        told = values[rows]
        self._values[vertices] = told
        born = refinement.commit()
        if failed is not None:
            self.failed.note(np.array(vertices, dtype=np.intp)[failed[rows]], mesh)
        self._set_losses(told, born, np.array(revalued, dtype=np.intp))

    def save(self) -> SavedSimplices:
        return SavedSimplices(self.mesh.save(), np.array(self.sources, dtype=np.int32), self._rule.save())

    def resume(
        self, saved: SavedSimplices, points: Sequence[Point], values: Floats, failed: Flags | None = None
    ) -> None:
        sources = saved.sources
        told = sources >= 0
        vertices = np.zeros((len(sources), self.mesh.dim))
        vertices[: self.mesh.n_points] = self.mesh.points
        vertices[told] = np.array(points)[sources[told]]
        self._refinement = self._refine(SimplexMesh(vertices, saved.mesh, self._periodic))
        self._values = np.full((64, values.shape[1]), np.nan)
        self._make_room()
        self._values[: len(sources)][told] = values[sources[told]]
        self._absorbed = len(points)
        self.sources = sources.tolist()
        self.failed.has_feasible = bool(np.isfinite(values).any())
        if failed is not None:
            self.failed.note(np.flatnonzero(told)[failed[sources[told]]], self.mesh)
        self._rule.resume(saved.rule)
        self._set_losses(self.values[:0], self.mesh.live_slots(), np.zeros(0, dtype=np.intp))

    def loss(self, real: bool) -> float:
        if real:
            return self._refinement.largest_loss()
        return self._refinement.expected_loss()

    def propose(self) -> Proposal | None:
        return self._refinement.propose()

    def accept(self, proposal: Proposal, number: int) -> None:
        self._refinement.accept(proposal, number)

    def give_up(self, proposal: Proposal) -> None:
        self._refinement.give_up(proposal)

    def add_pending(self, points: Mapping[int, Point]) -> None:
        self._refinement.add_pending(points)

    def clear_pending(self) -> None:
        self._refinement.restore(({}, {}))

    def snapshot(self) -> Snapshot:
        return self._refinement.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        self._refinement.restore(snapshot)

    def _refine(self, mesh: SimplexMesh) -> Refinement:
        share_power = 1 + self._rule.extra_order / mesh.dim
        self._heights = Heights()
        with_gradients = self._rule.gradients is not None
        return Refinement(mesh, self._heights, share_power, with_gradients, self.lattice, self._tolerance)

    def _make_room(self) -> None:
        while len(self._values) < self.mesh.n_points:
            self._values = np.concatenate([self._values, np.full_like(self._values, np.nan)])

    def _set_losses(self, told: Floats, born: Ints, revalued: Ints) -> None:
        region, feasible = self.failed, None
        region.has_feasible = region.has_feasible or bool(np.isfinite(told).any())
        if region.count:
            touched = np.union1d(born, self.mesh.attached(revalued.tolist())) if len(revalued) else born
            others = region.classify(self.mesh, self.values, touched)
            feasible = region.kinds == FEASIBLE
        slots, losses = self._rule.update(self.mesh, self.values, told, born, revalued, feasible)
        if region.count:
            slots, losses = region.losses(slots, losses, others)
        heights, rule = self._heights, self._rule
        heights.values, heights.of_one = self._values, self._height / rule.value_scale
        heights.gradients, heights.slope_of_one = rule.gradients, 1.0 / rule.gradient_scale
        self._refinement.set_losses(slots, losses)
