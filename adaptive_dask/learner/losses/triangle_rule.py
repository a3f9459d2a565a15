"""Update the losses of triangles after changes of the triangulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError

from adaptive_dask.learner.geometry.failed_region import Flags
from adaptive_dask.learner.geometry.mesh import SimplexMesh
from adaptive_dask.learner.geometry.patch import Graph, Patch, PatchAcrossSeams
from adaptive_dask.learner.geometry.simplices import Floats, Ints, vertex_gradients
from adaptive_dask.learner.losses.checked_loss import checked_losses, name_of
from adaptive_dask.learner.losses.tagged import SimplexTraits, traits_of
from adaptive_dask.learner.losses.triangles import TriangleLoss
from adaptive_dask.learner.losses.value_range import ValueRange

# An unknown loss is compared with its values on the whole triangulation whenever the number of points has doubled,
# between these numbers.
FIRST_CHECK, LAST_CHECK = 8, 1024

# If values differ by more than the first or less than the second number, they are multiplied by a power of two before
# differences and slopes are computed.
LARGE, SMALL = 1e200, 1e-200
SMALLER, LARGER = 2.0**-250, 2.0**250


class TriangleRule:
    """Computes a loss per triangle where the triangulation has changed.

    A loss that depends only on a triangle, the gradients at its corners and its neighbours is computed on a `Patch`:
    the triangles around all points that are new or have new surroundings. The losses of `adaptive_dask.learner.losses`
    declare this with ``uses_nth_neighbors``. Other functions are tested: while there are few points, their losses on
    the patch are compared with those on the whole triangulation. If these differ, or if the function uses other
    attributes of an interpolator, it is a loss of the whole triangulation, see `_WholeLosses`.

    Parameters
    ----------
    loss : callable
        ``loss(ip) -> array``, one number per triangle of ``ip.tri``.
    stack_size : callable
        Returns the number of points for which a loss of the whole triangulation may be kept.
    """

    def __init__(self, loss: TriangleLoss, stack_size: Callable[[], int]) -> None:
        self._loss = loss
        neighbors, _, self.extra_order = traits_of(loss, SimplexTraits)
        self._needs_neighbors = neighbors != 0
        self._is_declared = neighbors is not None
        self._next_check = LAST_CHECK + 1 if self._is_declared else FIRST_CHECK
        self._range = ValueRange(by_component=True)
        self._gradients = np.zeros((64, 2, 1))
        self._unit = 1.0
        self._whole: _WholeLosses | None = None
        self._blank = True
        self._stack_size = stack_size

    @property
    def value_scale(self) -> float:
        """See `LossRule`."""
        return self._range.scale

    @property
    def gradients(self) -> Floats | None:
        """See `LossRule`; not None for losses of a higher order than the area, which measure bending."""
        return self._gradients if self.extra_order > 0 else None

    @property
    def gradient_scale(self) -> float:
        """See `LossRule`."""
        return self._range.scale * self._unit

    # differences of the largest numbers count as infinite
    @np.errstate(over="ignore", invalid="ignore")
    def update(
        self, mesh: SimplexMesh, values: Floats, told: Floats, born: Ints, revalued: Ints, feasible: Flags | None = None
    ) -> tuple[Ints, Floats]:
        """See `LossRule`."""
        rescaled = self._range.include(told)
        if rescaled:
            self._choose_unit()
        self._make_room(mesh.n_points, values.shape[1])
        if self._blank:
            # without values, there are no losses
            if not np.isfinite(values).any():
                return born, mesh.volumes(born)
            self._blank, rescaled, born = False, True, mesh.live_slots()
        if self._whole is not None:
            return self._whole.update(mesh, values, born, self._stack_size())
        if len(revalued):
            born = np.union1d(born, mesh.attached(revalued.tolist()))
        touched, slots, places = mesh.surroundings(born)
        patch = self._patch(mesh, values, slots)
        if feasible is not None:  # where it failed, the function has no slope
            places[~feasible[slots]] = 0
        self._gradients[touched] = vertex_gradients(places, patch.corners, patch.heights, len(touched))
        if rescaled:
            slots = mesh.live_slots()
        elif self._needs_neighbors and mesh.seams is not None:
            slots = np.union1d(slots, mesh.seams.changed)
        try:
            if rescaled or self._needs_neighbors:
                losses = self._on_patch(mesh, values, slots, feasible)
            else:  # the graph of the gradients is available
                losses = _losses(self._loss, patch, len(slots))
            is_local = self._check(mesh, values, feasible)
        except Exception:
            if self._next_check > LAST_CHECK and self._is_declared:
                raise
            is_local = False
        if is_local:
            return slots, losses
        self._whole = _WholeLosses(self._loss)
        return self._whole.update(mesh, values, born, self._stack_size())

    def save(self) -> tuple[Any, bool, bool]:
        """See `LossRule`."""
        return self._range.save(), self._blank, self._whole is not None

    def resume(self, saved: tuple[Any, bool, bool]) -> None:
        """See `LossRule`. A loss of the whole triangulation is computed again."""
        value_range, self._blank, whole = saved
        self._range.resume(value_range)
        self._choose_unit()
        if whole and self._next_check <= LAST_CHECK:  # otherwise, it was another loss
            self._whole = _WholeLosses(self._loss)

    def _choose_unit(self) -> None:
        scale = self._range.scale
        unit = SMALLER if scale > LARGE else LARGER if scale < SMALL else 1.0
        if unit != self._unit:
            self._gradients *= unit / self._unit
            self._unit = unit

    def _make_room(self, n_points: int, vdim: int) -> None:
        if self._gradients.shape[2] != vdim:
            self._gradients = np.zeros((len(self._gradients), 2, vdim))
        while len(self._gradients) < n_points:
            self._gradients = np.concatenate([self._gradients, np.zeros_like(self._gradients)])

    def _patch(self, mesh: SimplexMesh, values: Floats, slots: Ints) -> Patch:
        return Patch(mesh, slots, values, self._gradients[: mesh.n_points], self._range.scale, self._unit)

    def _on_patch(self, mesh: SimplexMesh, values: Floats, slots: Ints, feasible: Flags | None) -> Floats:
        if self._needs_neighbors and feasible is not None:
            # A triangle where the function failed is the boundary to the others.
            losses = np.empty(len(slots))
            for part in (feasible[slots], ~feasible[slots]):
                if part.any():
                    losses[part] = self._beside(mesh, values, slots[part], feasible == feasible[slots[part][0]])
            return losses
        return self._beside(mesh, values, slots, None)

    def _beside(self, mesh: SimplexMesh, values: Floats, slots: Ints, is_shown: Flags | None) -> Floats:
        """Return the losses of triangles with their neighbours, or with the neighbours that are shown."""
        shown = slots
        if self._needs_neighbors:
            around = mesh.neighbors[slots]
            others = np.setdiff1d(around[around >= 0], slots)
            shown = np.concatenate([slots, others if is_shown is None else others[is_shown[others]]])
        plain = self._patch(mesh, values, shown)
        patch: Graph = plain
        if self._needs_neighbors and mesh.seams is not None and (mesh.seams.partners(slots) >= 0).any():
            patch = PatchAcrossSeams(plain, mesh, shown, is_shown)
        return _losses(self._loss, patch, len(patch.tri.simplices))[: len(slots)]

    def _check(self, mesh: SimplexMesh, values: Floats, feasible: Flags | None) -> bool:
        """Return whether the loss is the same on parts of the triangulation; True if this is certain.

        The parts are the quarters with the smallest to the largest losses, because most of them lack the extreme values
        to which a loss may refer.
        """
        if mesh.n_points < self._next_check:
            return True
        self._next_check = 2 * mesh.n_points
        live = mesh.live_slots()
        if feasible is not None:
            live = live[feasible[live]]
            if not len(live):
                return True
        whole = self._on_patch(mesh, values, live, feasible)
        order = np.argsort(whole)
        return all(
            np.allclose(whole[part], self._on_patch(mesh, values, live[part], feasible), rtol=1e-6, equal_nan=True)
            for part in np.array_split(order, 4)
            if len(part)
        )


class _WholeLosses:
    """Losses that can only be computed on the whole triangulation.

    They are computed on an interpolator of all points whenever the number of points has grown by a twentieth. In
    between, new triangles have the loss at their position, in proportion to their area.
    """

    def __init__(self, loss: TriangleLoss) -> None:
        self._loss = loss
        self._done_at = 0
        self._ip: LinearNDInterpolator | None = None
        self._densities = np.zeros(0)

    def update(self, mesh: SimplexMesh, values: Floats, born: Ints, stack_size: int) -> tuple[Ints, Floats]:
        """Return new losses, as in `LossRule`."""
        known = np.isfinite(values).all(axis=1)
        slots = born
        if self._ip is None and known.sum() < 4:
            slots = mesh.live_slots()
            return slots, mesh.volumes(slots)
        if mesh.n_points >= self._done_at + max(stack_size, self._done_at // 20) or self._ip is None:
            slots = mesh.live_slots()
            try:
                self._ip = LinearNDInterpolator(mesh.points[known], values[known])
            except QhullError:  # all points on one line
                return slots, mesh.volumes(slots)
            self._done_at = mesh.n_points
            corners = mesh.points[known][self._ip.tri.simplices]
            sizes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / 2
            losses = _losses(self._loss, self._ip, len(corners))
            self._densities = losses / np.maximum(sizes, np.finfo(float).tiny)
        centres = mesh.points[mesh.vertices[slots]].mean(axis=1)
        where = self._ip.tri.find_simplex(centres)
        densities = np.where(where >= 0, self._densities[where], 0.0)
        with np.errstate(invalid="ignore"):
            return slots, densities * mesh.volumes(slots)


def _losses(loss: TriangleLoss, ip: Any, n: int) -> Floats:
    return checked_losses(loss(ip), n, name_of(loss), "triangles")
