"""A triangulation for users, in their coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np
from adaptive_triangulation import point_in_simplex

from .mesh import Point, Simplex
from .simplices import volumes


class TriangulationView:
    """A snapshot of a triangulation.

    Parameters
    ----------
    vertices : sequence of tuple of float
    simplices : set of tuple of int
        Their vertex numbers in ascending order.
    hull : set of int
        The vertices on the boundary.

    Attributes
    ----------
    dim : int
    vertices, simplices, hull
        As given.
    vertex_to_simplices : list of set of simplices
        The simplices around every vertex.
    """

    def __init__(self, vertices: Sequence[Point], simplices: set[Simplex], hull: set[int]) -> None:
        self.vertices = list(vertices)
        self.simplices = simplices
        self.hull = hull
        self.dim = len(self.vertices[0])
        self.vertex_to_simplices: list[set[Simplex]] = [set() for _ in self.vertices]
        for simplex in simplices:
            for vertex in simplex:
                self.vertex_to_simplices[vertex].add(simplex)

    def get_vertices(self, indices: Iterable[int]) -> list[Point]:
        """Return the coordinates of these vertices."""
        return [self.vertices[i] for i in indices]

    def get_vertex(self, index: int) -> Point:
        """Return the coordinates of a vertex."""
        return self.vertices[index]

    def point_in_simplex(self, point: Sequence[float], simplex: Simplex, eps: float = 1e-8) -> bool:
        """Return True if a point is in a simplex, or less than ``eps`` outside in barycentric coordinates."""
        return bool(point_in_simplex(tuple(point), self.get_vertices(simplex), eps))

    def locate_point(self, point: Sequence[float]) -> Simplex | tuple[()]:
        """Return a simplex that contains the point, or an empty tuple for a point outside. Checks every simplex."""
        return next((simplex for simplex in self.simplices if self.point_in_simplex(point, simplex)), ())

    def faces(self, dim: int | None = None, simplices: Iterable[Simplex] | None = None) -> Iterator[tuple[int, ...]]:
        """Iterate over the faces with ``dim`` vertices of each simplex; by default those between two simplices."""
        for simplex in self.simplices if simplices is None else simplices:
            yield from combinations(simplex, self.dim if dim is None else dim)

    def containing(self, face: Iterable[int]) -> set[Simplex]:
        """Return the simplices that have all of these vertices."""
        return set.intersection(*(self.vertex_to_simplices[vertex] for vertex in face))

    def get_neighbors_from_vertices(self, vertices: Iterable[int]) -> set[Simplex]:
        """Return the simplices that have any of these vertices."""
        return set.union(*(self.vertex_to_simplices[vertex] for vertex in vertices))

    def get_face_sharing_neighbors(self, neighbors: Iterable[Simplex], simplex: Iterable[int]) -> set[Simplex]:
        """Return those of ``neighbors`` that share a face with a simplex."""
        return {other for other in neighbors if len({*other} & {*simplex}) == self.dim}

    def get_simplices_attached_to_points(self, simplex: Iterable[int]) -> set[Simplex]:
        """Return the simplices that share a face with a simplex."""
        corners = list(simplex)
        return self.get_face_sharing_neighbors(self.get_neighbors_from_vertices(corners), corners)

    def get_opposing_vertices(self, simplex: Simplex) -> tuple[int | None, ...]:
        """Return the vertices across the faces opposite to each vertex of a simplex; None on the boundary."""
        if simplex not in self.simplices:
            raise ValueError(f"simplex must be one of the triangulation, got {simplex!r}.")
        beyond = [self.containing(set(simplex) - {vertex}) - {simplex} for vertex in simplex]
        return tuple(next(iter(set(others.pop()) - set(simplex))) if others else None for others in beyond)

    def volume(self, simplex: Simplex) -> float:
        """Return the volume of a simplex."""
        return float(volumes(np.array([self.get_vertices(simplex)]))[0])

    def volumes(self) -> list[float]:
        """Return the volumes of all simplices, in the order of ``simplices``."""
        corners = np.array([self.get_vertices(simplex) for simplex in self.simplices])
        return list(map(float, volumes(corners)))

    def __repr__(self) -> str:
        return f"<triangulation of {len(self.vertices)} points, {len(self.simplices)} simplices, dim {self.dim}>"
