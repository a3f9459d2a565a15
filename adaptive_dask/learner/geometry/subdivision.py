"""The division of a simplex by pending points in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from .simplices import ON_FACE, Floats, barycentric

Point = tuple[float, ...]
Vertex = int  # of the mesh if ≥ 0, otherwise a pending point
PointOf = Callable[[Vertex], Point]


class Cell(NamedTuple):
    """A part of a simplex.

    Attributes
    ----------
    share : float
        Its fraction of the simplex's volume.
    vertices : tuple of int
        Mesh vertices, and negative numbers for pending points.
    """

    share: float
    vertices: tuple[Vertex, ...]


class Subdivision(NamedTuple):
    """A simplex divided into cells by the points in it. It is immutable: adding a point returns a new one.

    Points are inserted by stellar subdivision: every cell that contains the point is replaced by the cells that connect
    the point with those faces that do not contain it. A point on a face or an edge of the simplex is added to all
    simplices that share it, so that none of them proposes it again.

    Attributes
    ----------
    cells : tuple of Cell
        The cells that may be divided further.
    inside : tuple of int
        The points, in the order in which they were added.
    """

    cells: tuple[Cell, ...]
    inside: tuple[Vertex, ...] = ()

    @classmethod
    def whole(cls, vertices: tuple[int, ...]) -> Subdivision:
        """Return a simplex that is not divided."""
        return cls((Cell(1.0, vertices),))

    @property
    def largest(self) -> Cell | None:
        """Return the largest cell, the first of equal ones; None if no cell can be divided."""
        return max(self.cells, key=_share, default=None)

    @property
    def largest_share(self) -> float:
        """Return the share of the largest cell, 0 if no cell can be divided."""
        return max(map(_share, self.cells), default=0.0)

    def without(self, cell: Cell) -> Subdivision:
        """Remove a cell that is too small to be divided."""
        return Subdivision(tuple(c for c in self.cells if c is not cell), self.inside)

    def split(self, vertex: Vertex, edge: tuple[Vertex, Vertex], part: float = 0.5) -> Subdivision | None:
        """Divide all cells that have an edge, with a new vertex on it.

        Parameters
        ----------
        vertex : int
            The number of the new point.
        edge : pair of int
        part : float, default: 0.5
            The position of the point as a fraction of the edge.

        Returns
        -------
        Subdivision, or None if no cell has this edge.
        """
        a, b = edge
        weights = {a: 1.0 - part, b: part}
        cells = list(self.cells)
        # Few of possibly hundreds of cells have the edge. From the last one, so that the others keep their positions.
        for row in [i for i, (_, vertices) in enumerate(cells) if a in vertices and b in vertices][::-1]:
            cells[row : row + 1] = _replace(cells[row], vertex, weights)
        return Subdivision(tuple(cells), (*self.inside, vertex)) if len(cells) > len(self.cells) else None

    def insert(self, vertex: Vertex, point_of: PointOf) -> Subdivision:
        """Add a point anywhere in the simplex; if rounding moved it outside, it divides no cell.

        Parameters
        ----------
        vertex : int
            The number of the new point.
        point_of : callable
            Returns the coordinates of a vertex.
        """
        return self.insert_many([vertex], point_of)

    def insert_many(self, vertices: Sequence[Vertex], point_of: PointOf) -> Subdivision:
        """Add points with the same result as `insert` one by one, without checking each cell for each point."""
        vertices = [vertex for vertex in vertices if vertex not in self.inside]
        if not vertices:
            return self
        if not self.cells:
            return Subdivision((), (*self.inside, *vertices))
        # A vertex has many cells, and its coordinates are read once.
        rows: dict[Vertex, int] = {}
        index = [rows.setdefault(v, len(rows)) for cell in self.cells for v in cell[1]]
        corners = np.array([point_of(v) for v in rows])[index].reshape(len(self.cells), -1, len(point_of(vertices[0])))
        return self.insert_at(vertices, barycentric(corners, np.array([point_of(v) for v in vertices])))

    def insert_at(self, vertices: Sequence[Vertex], weights: Floats) -> Subdivision:
        """Add points with their barycentric coordinates in every cell, shape (cells, m, d + 1)."""
        cells = list(self.cells)
        inside = weights.min(axis=2) >= -ON_FACE
        for row in reversed(inside.any(axis=1).nonzero()[0].tolist()):
            columns = inside[row].nonzero()[0].tolist()
            cells[row : row + 1] = _divide(cells[row], [vertices[i] for i in columns], weights[row, columns])
        return Subdivision(tuple(cells), (*self.inside, *vertices))


class Halves(NamedTuple):
    """All simplices around an edge, divided once.

    Most of them have no other points while they exist, and it takes no time to divide them.

    Attributes
    ----------
    inside : tuple of int
        The new point.
    edge : pair of int
    part : float
        The position of the point as a fraction of the edge.
    """

    inside: tuple[Vertex]
    edge: tuple[int, int]
    part: float

    @property
    def largest_share(self) -> float:
        """The share of the larger half."""
        return max(self.part, 1.0 - self.part)

    def of(self, simplex: tuple[int, ...]) -> Subdivision:
        """Return one of these simplices."""
        divided = Subdivision.whole(simplex).split(*self.inside, self.edge, self.part)
        assert divided is not None, "it has the edge"
        return divided


_share: Callable[[Cell], float] = itemgetter(0)

# There are several per point, and the constructor of a NamedTuple would take most of the time.
_cell: Callable[[tuple[float, tuple[Vertex, ...]]], Cell] = partial(tuple.__new__, Cell)


def _replace(cell: Cell, vertex: Vertex, weights: dict[Vertex, float]) -> list[Cell]:
    """Return the cells into which a point with these positive barycentric coordinates divides a cell."""
    share, vertices = cell
    if len(weights) == 1:
        return [cell]  # the point is one of the vertices
    cells = []
    for v, weight in weights.items():
        i = vertices.index(v)
        cells.append(_cell((share * weight, (*vertices[:i], vertex, *vertices[i + 1 :]))))
    return cells


def _divide(cell: Cell, points: list[Vertex], weights: Floats) -> list[Cell]:
    """Return the cells into which points with these barycentric coordinates, shape (m, d + 1), divide a cell.

    After each point, the others are passed to the parts that contain them, as in quicksort.
    """
    done: list[Cell] = []
    todo = [(cell, points, weights)]
    while todo:
        cell, points, weights = todo.pop()
        if not points:
            done.append(cell)
            continue
        corner, first = weights[0], weights[0].tolist()
        parts = _replace(cell, points[0], {v: w for v, w in zip(cell.vertices, first, strict=True) if w > ON_FACE})
        points, weights = points[1:], weights[1:]
        if len(parts) == 1:
            todo.append((cell, points, weights))
            continue
        sides = [i for i, weight in enumerate(first) if weight > ON_FACE]
        if not points:
            done += parts
            continue
        below = []
        for part, side in zip(parts, sides, strict=True):
            # If the point replaces a corner, it takes the weight of the corner, and reduces those of the others.
            moved = weights - weights[:, side, None] / first[side] * corner
            moved[:, side] = weights[:, side] / first[side]
            rows = moved.min(axis=1) >= -ON_FACE
            below.append((part, [v for v, is_in in zip(points, rows, strict=True) if is_in], moved[rows]))
        todo += reversed(below)
    return done
