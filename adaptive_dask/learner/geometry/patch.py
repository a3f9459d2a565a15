"""A few triangles of a mesh, in the form of a `scipy.interpolate.LinearNDInterpolator`."""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from .failed_region import Flags
from .mesh import SimplexMesh
from .simplices import Floats, Ints, at_corners, distinct, fill_undefined, volumes


class PatchTriangulation:
    """Some simplices of a mesh, with the attributes of a `scipy.spatial.Delaunay` that losses use.

    Attributes
    ----------
    points : array, shape (n_points, d)
        All points of the mesh.
    simplices : array of int, shape (m, d + 1)
    neighbors : array of int, shape (m, d + 1)
        Row numbers in ``simplices``, or -1 for neighbors outside the patch.
    """

    def __init__(self, mesh: SimplexMesh, slots: Ints) -> None:
        self._mesh = mesh
        self._slots = slots
        self.points = mesh.points
        self.simplices = mesh.vertices.take(slots, axis=0)

    @cached_property
    def neighbors(self) -> Ints:
        order = np.argsort(self._slots)
        wanted = self._mesh.neighbors[self._slots]
        places = np.minimum(np.searchsorted(self._slots, wanted, sorter=order), len(order) - 1)
        found = order[places]
        return np.where(self._slots[found] == wanted, found, -1)


class Graph:
    """Values at the corners of simplices, and related attributes for losses.

    Attributes
    ----------
    tri : object
        Has ``points`` and ``simplices``.
    values : array, shape (n_points, vdim)
    gradients : array, shape (n_points, d, vdim)
        At all points, of the values multiplied by ``unit``.
    value_range : float
        The largest range of a component of the values, multiplied by ``unit``.
    unit : float
        A power of two, for values near the limits of numbers.
    corners : array, shape (m, d + 1, d)
    areas : array, shape (m,)
    heights : array, shape (m, d + 1, vdim)
        The values at the corners, made finite by `fill_undefined`, multiplied by ``unit``.
    """

    tri: Any
    values: Floats
    gradients: Floats
    value_range: float
    unit: float

    @cached_property
    def corners(self) -> Floats:
        return at_corners(self.tri.points, self.tri.simplices)

    @property
    def areas(self) -> Floats:
        return volumes(self.corners)

    @cached_property
    def heights(self) -> Floats:
        heights = fill_undefined(at_corners(self.values, self.tri.simplices))
        return heights if self.unit == 1.0 else heights * self.unit


class Patch(Graph):
    """The argument of a loss per triangle: a part of the triangulation that is an interpolator without ``__call__``.

    Parameters
    ----------
    mesh : SimplexMesh
    slots : array of int, shape (m,)
        The simplices whose losses are computed, and possibly others on which they depend.
    values : array, shape (n_points, vdim)
        At all points of the mesh.
    gradients : array, shape (n_points, d, vdim)
        At all points of the mesh, of the values multiplied by ``unit``.
    value_range : float
        The largest range of a component of the values.
    unit : float, default: 1
        A power of two, for values near the limits of numbers.

    Attributes
    ----------
    tri : PatchTriangulation
        The other attributes are those of `Graph`.
    """

    def __init__(
        self,
        mesh: SimplexMesh,
        slots: Ints,
        values: Floats,
        gradients: Floats,
        value_range: float,
        unit: float = 1.0,
    ) -> None:
        self.tri = PatchTriangulation(mesh, slots)
        self.values = values
        self.gradients = gradients
        self.value_range = value_range * unit
        self.unit = unit


class PatchAcrossSeams(Graph):
    """A patch with the neighbors of its triangles across seams, moved by a period to the other side of their edge.

    Parameters
    ----------
    patch : Patch
    mesh : SimplexMesh
        The mesh of the patch, with seams.
    slots : array of int, shape (m,)
        The simplices of the patch.
    is_shown : array of bool, shape (capacity,), optional
        The simplices that are neighbors, by slot; by default all.

    Attributes
    ----------
    tri : object
        As of `Patch`, with only those points that are corners; the simplices across seams are the last ones.
    """

    def __init__(self, patch: Patch, mesh: SimplexMesh, slots: Ints, is_shown: Flags | None = None) -> None:
        assert mesh.seams is not None
        partners = mesh.seams.partners(slots)
        across = partners // partners.shape[1]
        rows, sides = (partners >= 0 if is_shown is None else (partners >= 0) & is_shown[across]).nonzero()
        # Only the corners are copied, not all points of the mesh.
        corners = distinct(patch.tri.simplices.ravel())
        simplices = corners.searchsorted(patch.tri.simplices)
        images = np.arange(len(rows))
        moved, beyond = simplices.take(rows, axis=0), np.full((len(rows), partners.shape[1]), -1)
        moved[images, sides], beyond[images, sides] = len(corners) + images, rows
        neighbors = np.concatenate([patch.tri.neighbors, beyond])
        neighbors[rows, sides] = len(simplices) + images
        vertices = np.concatenate([corners, mesh.vertices.reshape(-1).take(partners[rows, sides])])
        points = mesh.points.take(vertices, axis=0)
        points[len(corners) :] += mesh.seams.moves(slots)[rows, sides]
        self.tri = SimpleNamespace(points=points, simplices=np.concatenate([simplices, moved]), neighbors=neighbors)
        self.values, self.gradients = patch.values.take(vertices, axis=0), patch.gradients.take(vertices, axis=0)
        self.value_range, self.unit = patch.value_range, patch.unit
