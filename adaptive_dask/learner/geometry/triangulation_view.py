"""A triangulation to look at, in the coordinates of the user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .mesh import Point, Simplex
from .simplices import volumes


class TriangulationView:
    """A triangulation as it was when it was asked for.

    Parameters
    ----------
    vertices : sequence of tuple of float
    simplices : set of tuple of int
        Each with its vertex numbers in ascending order.
    hull : set of int
        The vertices on the boundary.

    Attributes
    ----------
    dim : int
    vertices, simplices, hull
        As given.
    vertex_to_simplices : list of set of simplices
        For every vertex the simplices around it.
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
        """The coordinates of these vertices."""
        return [self.vertices[i] for i in indices]

    def volume(self, simplex: Simplex) -> float:
        """The volume of a simplex."""
        return float(volumes(np.array([self.get_vertices(simplex)]))[0])

    def volumes(self) -> list[float]:
        """The volumes of all simplices, in the order in which ``simplices`` iterates."""
        corners = np.array([self.get_vertices(simplex) for simplex in self.simplices])
        return list(map(float, volumes(corners)))

    def __repr__(self) -> str:
        return f"<triangulation of {len(self.vertices)} points, {len(self.simplices)} simplices, dim {self.dim}>"
