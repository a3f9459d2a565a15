"""Update the losses of simplices after changes of the mesh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptive_dask.learner.geometry.failed_region import Flags
from adaptive_dask.learner.geometry.mesh import SimplexMesh
from adaptive_dask.learner.geometry.simplices import Floats, Ints, at_corners, fill_undefined
from adaptive_dask.learner.losses.checked_loss import checked_loss, checked_losses, name_of
from adaptive_dask.learner.losses.tagged import SimplexTraits, traits_of
from adaptive_dask.learner.losses.value_range import ValueRange

# The number of simplices per batch, which fits into the cache of the processor.
CHUNK = 8192


class SimplexRule:
    """Computes a loss per simplex for the simplices that are affected by a change.

    Parameters
    ----------
    loss : callable
        ``loss(simplex, values, value_scale[, neighbors, neighbor_values])``; with an attribute ``batch`` it is
        computed for many simplices at once, see `for_single_simplices`.
    origin : sequence of d floats
        Position of the unit cube, for a loss without this attribute, which may depend on positions.
    is_scalar : callable
        Returns True if values are numbers, not sequences of one number; called for values with one component.
    """

    def __init__(self, loss: Callable[..., Any], origin: Sequence[float], is_scalar: Callable[[], bool]) -> None:
        self._origin = np.array(origin)
        self._is_scalar = is_scalar
        self._loss = loss
        neighbors, self._batch, self.extra_order = traits_of(loss, SimplexTraits)
        self._with_neighbors = bool(neighbors)
        self._range = ValueRange()
        self._scalar = True
        self._blank = True

    def update(
        self, mesh: SimplexMesh, values: Floats, told: Floats, born: Ints, revalued: Ints, feasible: Flags | None = None
    ) -> tuple[Ints, Floats]:
        """See `LossRule`."""
        rescaled = self._range.include(told)
        if self._blank:
            # without values, there are no losses
            if not np.isfinite(values).any():
                return born, mesh.volumes(born)
            self._blank, rescaled = False, True
        if rescaled:
            slots = mesh.live_slots()
        else:
            slots = born
            if len(revalued):
                slots = np.union1d(slots, mesh.attached(revalued.tolist()))
            if self._with_neighbors:
                around = mesh.neighbors.take(slots, axis=0)
                around = around[around >= 0]
                if mesh.seams is not None:
                    around = np.concatenate([around, mesh.seams.changed])
                slots = np.union1d(slots, around)
        losses = [self._losses(mesh, values, slots[start : start + CHUNK]) for start in range(0, len(slots), CHUNK)]
        return slots, losses[0] if len(losses) == 1 else np.concatenate([*losses, np.zeros(0)])

    def save(self) -> tuple[Any, bool]:
        """See `LossRule`."""
        return self._range.save(), self._blank

    def resume(self, saved: tuple[Any, bool]) -> None:
        """See `LossRule`."""
        value_range, self._blank = saved
        self._range.resume(value_range)

    @property
    def value_scale(self) -> float:
        """The divisor of the values that are passed to the loss."""
        return self._range.scale

    @property
    def gradients(self) -> None:
        """See `LossRule`; always None."""

    @property
    def gradient_scale(self) -> float:
        """See `LossRule`."""
        return self._range.scale

    def _losses(self, mesh: SimplexMesh, values: Floats, slots: Ints) -> Floats:
        vertices = mesh.vertices.take(slots, axis=0)
        simplices = at_corners(mesh.points, vertices)
        heights = fill_undefined(at_corners(values, vertices)) / self._range.scale
        arguments = [simplices, heights]
        if self._with_neighbors:
            opposite = mesh.opposite_vertices(slots)
            others = mesh.points.take(opposite, axis=0)
            if mesh.seams is not None:
                others += mesh.seams.moves(slots)
            other_heights = values.take(opposite, axis=0) / self._range.scale
            missing = (opposite < 0) | ~np.isfinite(other_heights).all(axis=2)
            others[missing] = other_heights[missing] = np.nan
            arguments += [others, other_heights]
        return self.of_simplices(*arguments, scale=self._range.scale)

    def of_simplices(self, *arguments: Floats, scale: float) -> Floats:
        """Return the losses of simplices.

        Parameters
        ----------
        *arguments : arrays
            Corners, shape (m, d + 1, d), and values, shape (m, d + 1, vdim), divided by ``scale``. For a loss with
            neighbors, also the points across the faces and their values, or NaN for missing ones.
        scale : float

        Returns
        -------
        array, shape (m,)
        """
        if self._batch is not None:
            return checked_losses(self._batch(*arguments), len(arguments[0]), name_of(self._loss), "simplices")
        self._scalar = arguments[1].shape[2] == 1 and self._is_scalar()
        placed = [points + self._origin if i % 2 == 0 else points for i, points in enumerate(arguments)]
        return np.array([self._one(scale, *each) for each in zip(*placed, strict=True)])

    def _one(self, scale: float, simplex: Floats, heights: Floats, *opposite: Floats) -> float:
        """Return the loss of one simplex, for a function without batches."""
        if self._scalar:
            heights = heights[:, 0]
        arguments: list[Any] = [simplex, heights, 1.0 / scale]
        if opposite:
            others, other_heights = opposite
            missing = np.isnan(others[:, 0])
            if self._scalar:
                other_heights = other_heights[:, 0]
            arguments.append([None if gone else point for gone, point in zip(missing, others, strict=True)])
            arguments.append([None if gone else height for gone, height in zip(missing, other_heights, strict=True)])
        loss = self._loss(*arguments)
        if type(loss) is float and loss == loss:
            return loss
        return checked_loss(loss, f"the simplex {simplex.tolist()}, from {name_of(self._loss)},")
