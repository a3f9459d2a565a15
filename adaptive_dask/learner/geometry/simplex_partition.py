"""A region divided into simplices by its evaluated points."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .failed_region import FEASIBLE, TOLERANCE, FailedRegion, Flags
from .lattice import Lattice
from .mesh import Point, SavedMesh, SimplexMesh
from .refinement import Proposal, Refinement, Snapshot
from .simplices import Floats, Ints

# Measuring the graph of the function makes a difference where it is steeper than 1 / HEIGHT: there edges that
# cross the slope count as longer, so that a step is cut from both sides and not just surrounded.
HEIGHT = 0.03


class LossRule(Protocol):
    """Computes the losses of simplices, and knows which ones a change concerns."""

    @property
    def value_scale(self) -> float:
        """The range of the values."""

    @property
    def extra_order(self) -> float:
        """The loss of a simplex of size h goes as h^(d + extra_order); 0 if it goes as the volume."""

    @property
    def gradients(self) -> Floats | None:
        """Gradients at the vertices of the triangulation, shape (n, 2, vdim).

        None unless the loss measures how much the function bends. Whether it is None never changes.
        """

    @property
    def gradient_scale(self) -> float:
        """The range of the values in the units of the gradients."""

    def save(self) -> Any:
        """The state that `resume` continues from: the scale, which follows the values with a lag."""

    def resume(self, saved: Any) -> None:
        """Continue as another rule that was saved, possibly of another loss."""

    def update(
        self, mesh: SimplexMesh, values: Floats, told: Floats, born: Ints, revalued: Ints, feasible: Flags | None
    ) -> tuple[Ints, Floats]:
        """The losses that are new or different after a change.

        Parameters
        ----------
        mesh : SimplexMesh
        values : array, shape (n_points, vdim)
            Not a number where there is no value (yet).
        told : array, shape (k, vdim)
            The values that are new.
        born : array of int
            The slots of the new simplices.
        revalued : array of int
            The vertices that were there before, and have only now got their values.
        feasible : array of bool, shape (capacity,), optional
            By slot, false where a vertex failed: there losses count for little, and others do not look there. None if
            nothing failed.

        Returns
        -------
        slots : array of int, shape (m,)
        losses : array, shape (m,)
        """


class SavedSimplices(NamedTuple):
    """What `SimplexPartition.save` keeps: the mesh, `SimplexPartition.sources`, and what `LossRule.save` keeps."""

    mesh: SavedMesh
    sources: NDArray[np.int32]
    rule: Any


class SimplexPartition:
    """The Delaunay mesh of the corners of a region and its evaluated points; keeps the `Partition` protocol.

    The corners are in the mesh from the beginning, so that it always covers the region exactly, in whichever order
    points come. As long as a corner has not been evaluated its value is not a number.

    Parameters
    ----------
    corners : array, shape (k, d)
    rule : LossRule
    height : float
        How high the graph of the function counts, in units of the size of the region, when the edges of a
        simplex are measured.
    lattice : Lattice, optional
        See `Refinement`.
    tolerance : float
        The length to which the border of a region without values is resolved.

    Attributes
    ----------
    sources : list of int
        For every vertex of the mesh its number among the absorbed points, -1 for a corner without value.
    """

    def __init__(
        self,
        corners: Floats,
        rule: LossRule,
        height: float = HEIGHT,
        lattice: Lattice | None = None,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.lattice = lattice
        self._rule = rule
        self._height = height
        self._tolerance = tolerance
        self._refinement = self._refine(SimplexMesh(corners))
        self._corners: dict[Point, int] = {tuple(corner): i for i, corner in enumerate(corners.tolist())}
        self._values = np.full((64, 1), np.nan)
        self._absorbed = 0
        self.sources: list[int] = [-1] * len(corners)
        self._set_losses(np.zeros((0, 1)), self.mesh.live_slots(), np.zeros(0, dtype=np.intp))

    @property
    def mesh(self) -> SimplexMesh:
        """The simplices, as of the last `absorb`."""
        return self._refinement.mesh

    @property
    def values(self) -> Floats:
        """The values at the mesh's vertices, shape (n_points, vdim); not a number where there is none."""
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
        # In the order in which they were told: of points on a lattice there are many Delaunay triangulations, and which
        # one it is must not depend on how results were grouped, or on when somebody looked.
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
        self._values[vertices] = values[rows]
        born = refinement.commit()
        if failed is not None:
            self.failed.note(np.array(vertices, dtype=np.intp)[failed[rows]], mesh)
        self._set_losses(values[rows], born, np.array(revalued, dtype=np.intp))

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
        self._refinement = self._refine(SimplexMesh(vertices, saved.mesh))
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
        self._refinement.clear_pending()

    def snapshot(self) -> Snapshot:
        return self._refinement.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        self._refinement.restore(snapshot)

    def _refine(self, mesh: SimplexMesh) -> Refinement:
        share_power = 1 + self._rule.extra_order / mesh.dim
        # Without a cycle, so that all of it is freed together with the learner.
        heights_of = partial(SimplexPartition._heights_of, weakref.proxy(self))
        with_gradients = self._rule.gradients is not None
        return Refinement(mesh, heights_of, share_power, with_gradients, self.lattice, self._tolerance)

    def _make_room(self) -> None:
        while len(self._values) < self.mesh.n_points:
            self._values = np.concatenate([self._values, np.full_like(self._values, np.nan)])

    def _heights_of(self, vertex: int) -> Point:
        # A few numbers: multiplied one by one they cost less than as arrays.
        scale, vdim, value = self._height_of_one, self._values.shape[1], self._values.item
        heights = [value(i) * scale for i in range(vertex * vdim, vertex * vdim + vdim)]
        if self._gradients is not None:
            scale = self._slope_of_one
            slope, count = self._gradients.item, 2 * vdim
            heights += [slope(i) * scale for i in range(vertex * count, vertex * count + count)]
        return tuple(heights)

    def _set_losses(self, told: Floats, born: Ints, revalued: Ints) -> None:
        region, feasible = self.failed, None
        region.has_feasible |= bool(np.isfinite(told).any())
        if region.count:
            touched = np.union1d(born, self.mesh.attached(revalued.tolist())) if len(revalued) else born
            region.classify(self.mesh, self.values, touched)
            feasible = region.kinds == FEASIBLE
        slots, losses = self._rule.update(self.mesh, self.values, told, born, revalued, feasible)
        if region.count:
            losses = region.losses(slots, losses)
        self._height_of_one = self._height / self._rule.value_scale
        self._slope_of_one = 1.0 / self._rule.gradient_scale
        self._gradients = self._rule.gradients
        self._refinement.set_losses(slots, losses)
