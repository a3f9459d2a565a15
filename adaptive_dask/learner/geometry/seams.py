"""The faces of a mesh on the two sides of periodic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from adaptive_dask.learner.capacity import longer

from .simplices import Floats, Ints

if TYPE_CHECKING:
    from .mesh import Point, SimplexMesh


class Seams:
    """Pairs each face on a bound of a periodic axis with the face on the other bound that has the same points.

    Points on a seam are on both bounds, and the faces on a bound are their Delaunay triangulation. So each face has a
    partner, unless points lie on a circle and the two bounds are divided along different diagonals.

    Parameters
    ----------
    corners : array, shape (k, d)
        The corners of a box.
    periodic : sequence of d bools

    Attributes
    ----------
    is_used : bool
        False until the first `update`.
    changed : array of int
        The slots of old simplices of which the last `update` has changed a partner.
    """

    def __init__(self, corners: Floats, periodic: Sequence[bool]) -> None:
        low, high = corners.min(axis=0), corners.max(axis=0)
        # By bound, the lower and the upper one of each axis in turn: its axis, and the coordinate along it.
        self._axes: list[int] = np.flatnonzero(periodic).repeat(2).tolist()
        self._heres = np.where(np.arange(len(self._axes)) % 2, high[self._axes], low[self._axes])
        self._moves = np.zeros((len(self._axes) + 1, corners.shape[1]))  # the last one is for faces without a partner
        for bound, axis in enumerate(self._axes):
            self._moves[bound, axis] = self._heres[bound] - self._heres[bound ^ 1]
        sides = corners.shape[1] + 1
        self._partners: Ints = np.zeros((0, sides), dtype=np.intp)  # by face, see `partners`
        self._bound_of = np.zeros((0, sides), dtype=np.int8)
        self._is_on = np.zeros((0, len(self._axes)), dtype=bool)  # by vertex
        self._images: list[dict[int, int]] = [{} for _ in self._axes]  # the vertices on the other bound
        self._vertex_at: dict[Point, int] = {}
        self._n_known = 0
        self.is_used = False
        self.changed: Ints = np.zeros(0, dtype=np.intp)

    def partners(self, slots: Ints) -> Ints:
        """Return the partners of faces of simplices, shape (m, d + 1).

        They are ``slot · (d + 1) + i`` for the simplex on the other side, whose vertex i is not on the face, or -1.
        """
        return self._partners.take(slots, axis=0)

    def moves(self, slots: Ints) -> Floats:
        """Return what to add to points of partners, so that they are beyond each face; shape (m, d + 1, d)."""
        return self._moves.take(self._bound_of.take(slots, axis=0), axis=0)

    def update(self, mesh: SimplexMesh, born: Ints, dead: Ints) -> None:
        """Replace dead simplices by new ones."""
        self._find_images(mesh)
        self.is_used = True
        self._partners = longer(self._partners, mesh.capacity, -1)
        self._bound_of = longer(self._bound_of, mesh.capacity, -1)
        sides = mesh.dim + 1
        partners, bound_of = self._partners.reshape(-1), self._bound_of.reshape(-1)
        lost = self._partners.take(dead, axis=0)
        lost = lost[lost >= 0]
        partners[lost] = bound_of[lost] = -1
        changed = {*(lost // sides).tolist()}
        self._partners[dead] = self._bound_of[dead] = -1
        is_on = self._is_on.take(mesh.vertices.take(born, axis=0), axis=0)
        rows, bounds = (np.add.reduce(is_on, axis=1) == mesh.dim).nonzero()
        for row, bound in zip(rows.tolist(), bounds.tolist(), strict=True):
            slot = born.item(row)
            side = int(is_on[row, :, bound].argmin())
            vertices = mesh.vertices[slot].tolist()
            del vertices[side]
            images = [self._images[bound].get(vertex, -1) for vertex in vertices]
            found = mesh.containing(images) if min(images) >= 0 else ()
            if found:
                other = min(found)
                here = slot * sides + side
                there = mesh.slot_of[other] * sides + next(i for i, v in enumerate(other) if v not in images)
                partners[here], bound_of[here] = there, bound
                partners[there], bound_of[there] = here, bound ^ 1
                changed.add(there // sides)
        if changed:
            changed.difference_update(dead.tolist(), born.tolist())
        self.changed = np.array(sorted(changed), dtype=np.intp)

    def _find_images(self, mesh: SimplexMesh) -> None:
        """Note which new vertices are on a bound."""
        first, self._n_known = self._n_known, mesh.n_points
        if len(self._is_on) < mesh.n_points:
            self._is_on = longer(self._is_on, 2 * mesh.n_points)
        is_on = mesh.points[first:].take(self._axes, axis=1) == self._heres
        self._is_on[first : mesh.n_points] = is_on
        rows, bounds = is_on.nonzero()
        for vertex, bound in zip((rows + first).tolist(), bounds.tolist(), strict=True):
            place, axis = mesh.places[vertex], self._axes[bound]
            self._vertex_at[place] = vertex
            image = self._vertex_at.get((*place[:axis], self._heres.item(bound ^ 1), *place[axis + 1 :]))
            if image is not None:
                self._images[bound][vertex] = image
                self._images[bound ^ 1][image] = vertex
