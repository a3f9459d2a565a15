"""How points that are still being evaluated divide the simplex that they lie in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from .simplices import ON_FACE, Floats, barycentric

Point = tuple[float, ...]
Vertex = int  # of the mesh if ≥ 0, else a point that is still being evaluated
PointOf = Callable[[Vertex], Point]


class Cell(NamedTuple):
    """A part of a simplex.

    Attributes
    ----------
    share : float
        Its fraction of the simplex's volume.
    vertices : tuple of int
        Mesh vertices, and negative numbers for points that are still being evaluated.
    """

    share: float
    vertices: tuple[Vertex, ...]


class Subdivision(NamedTuple):
    """A simplex cut into cells by the points in it. Immutable: adding a point gives a new one.

    Points are inserted by stellar subdivision: every cell that contains the point is replaced by the cells
    that join the point with those of its faces that do not contain it. A point on a face or an edge of the
    simplex is put into all simplices that share it, so that none of them proposes it again.

    Attributes
    ----------
    cells : tuple of Cell
        The cells that may be divided further.
    inside : tuple of int
        The points, in the order in which they came.
    """

    cells: tuple[Cell, ...]
    inside: tuple[Vertex, ...] = ()

    @classmethod
    def whole(cls, vertices: tuple[int, ...]) -> Subdivision:
        """A simplex that is not divided."""
        return cls((Cell(1.0, vertices),))

    @classmethod
    def halves(cls, vertices: tuple[int, ...], vertex: Vertex, edge: tuple[Vertex, Vertex], part: float) -> Subdivision:
        """A simplex that is divided once; the same as `split` of the `whole`."""
        a, b = map(vertices.index, edge)
        first = (1.0 - part, (*vertices[:a], vertex, *vertices[a + 1 :]))
        second = (part, (*vertices[:b], vertex, *vertices[b + 1 :]))
        return cls((_cell(first), _cell(second)), (vertex,))

    @property
    def largest(self) -> Cell | None:
        """The largest cell, the first one of equals; None if there is none left to divide."""
        largest = self.largest_share
        return next((cell for cell in self.cells if cell[0] == largest), None)

    @property
    def largest_share(self) -> float:
        """The share of the largest cell, 0 if there is none left to divide."""
        return max(self.cells)[0] if self.cells else 0.0

    def without(self, cell: Cell) -> Subdivision:
        """Give up a cell that is too small to be divided."""
        return Subdivision(tuple(c for c in self.cells if c is not cell), self.inside)

    def split(self, vertex: Vertex, edge: tuple[Vertex, Vertex], part: float = 0.5) -> Subdivision | None:
        """Divide all cells that have an edge, with a new vertex on it.

        Parameters
        ----------
        vertex : int
            The number of the new point.
        edge : pair of int
        part : float, default: 0.5
            How far along the edge the point is.

        Returns
        -------
        Subdivision, or None if no cell has this edge.
        """
        a, b = edge
        weights = {a: 1.0 - part, b: part}
        cells: list[Cell] = []
        for cell in self.cells:
            vertices = cell[1]
            if a in vertices and b in vertices:
                cells += _replace(cell, vertex, weights)
            else:
                cells.append(cell)
        return Subdivision(tuple(cells), (*self.inside, vertex)) if len(cells) > len(self.cells) else None

    def insert(self, vertex: Vertex, point_of: PointOf) -> Subdivision:
        """Put a point anywhere into the simplex; if rounding put it outside, only remember it.

        Parameters
        ----------
        vertex : int
            The number of the new point.
        point_of : callable
            Gives the coordinates of a vertex.
        """
        if vertex in self.inside:
            return self
        if not self.cells:
            return Subdivision((), (*self.inside, vertex))
        corners = np.array([[point_of(v) for v in cell.vertices] for cell in self.cells])
        return self.insert_at(vertex, barycentric(corners, np.array([point_of(vertex)]))[:, 0])

    def insert_at(self, vertex: Vertex, weights: Floats) -> Subdivision:
        """The same, with the barycentric coordinates of the point in every cell, shape (cells, d + 1)."""
        cells: list[Cell] = []
        for cell, weight in zip(self.cells, weights.tolist(), strict=True):
            if min(weight) < -ON_FACE:
                cells.append(cell)
                continue
            positive = {v: w for v, w in zip(cell.vertices, weight, strict=True) if w > ON_FACE}
            cells += _replace(cell, vertex, positive)
        return Subdivision(tuple(cells), (*self.inside, vertex))


# There are several per point, and the constructor that NamedTuple makes would take most of the time.
_cell: Callable[[tuple[float, tuple[Vertex, ...]]], Cell] = partial(tuple.__new__, Cell)


def _replace(cell: Cell, vertex: Vertex, weights: dict[Vertex, float]) -> list[Cell]:
    """The cells that a point with these positive barycentric coordinates divides a cell into."""
    share, vertices = cell
    if len(weights) == 1:
        return [cell]  # the point is one of the vertices
    cells = []
    for v, weight in weights.items():
        i = vertices.index(v)
        cells.append(_cell((share * weight, (*vertices[:i], vertex, *vertices[i + 1 :]))))
    return cells
