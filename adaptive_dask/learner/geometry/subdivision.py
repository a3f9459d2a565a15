"""How points that are still being evaluated divide the simplex that they lie in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
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
        return max(self.cells, key=_share, default=None)

    @property
    def largest_share(self) -> float:
        """The share of the largest cell, 0 if there is none left to divide."""
        return max(map(_share, self.cells), default=0.0)

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
        cells = list(self.cells)
        # Few of maybe hundreds of cells have the edge. From the last one, so that the others stay in place.
        for row in [i for i, (_, vertices) in enumerate(cells) if a in vertices and b in vertices][::-1]:
            cells[row : row + 1] = _replace(cells[row], vertex, weights)
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
        return self.insert_many([vertex], point_of)

    def insert_many(self, vertices: Sequence[Vertex], point_of: PointOf) -> Subdivision:
        """The same as to `insert` one after the other, but m points do not take m² / 2 looks at cells."""
        vertices = [vertex for vertex in vertices if vertex not in self.inside]
        if not vertices:
            return self
        if not self.cells:
            return Subdivision((), (*self.inside, *vertices))
        # A vertex has many cells, and its coordinates are fetched once.
        rows: dict[Vertex, int] = {}
        index = [rows.setdefault(v, len(rows)) for cell in self.cells for v in cell[1]]
        corners = np.array([point_of(v) for v in rows])[index].reshape(len(self.cells), -1, len(point_of(vertices[0])))
        return self.insert_at(vertices, barycentric(corners, np.array([point_of(v) for v in vertices])))

    def insert_at(self, vertices: Sequence[Vertex], weights: Floats) -> Subdivision:
        """The same, with the barycentric coordinates of the points in every cell, shape (cells, m, d + 1)."""
        cells = list(self.cells)
        inside = weights.min(axis=2) >= -ON_FACE
        for row in reversed(inside.any(axis=1).nonzero()[0].tolist()):
            columns = inside[row].nonzero()[0].tolist()
            cells[row : row + 1] = _divide(cells[row], [vertices[i] for i in columns], weights[row, columns])
        return Subdivision(tuple(cells), (*self.inside, *vertices))


_share: Callable[[Cell], float] = itemgetter(0)

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


def _divide(cell: Cell, points: list[Vertex], weights: Floats) -> list[Cell]:
    """The cells that points with these barycentric coordinates, shape (m, d + 1), divide a cell into, one by one.

    Each of the others is passed to the parts that it lies in, as in quicksort.
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
            # With the point in place of a corner, what counted for the corner counts for it, and less for the others.
            moved = weights - weights[:, side, None] / first[side] * corner
            moved[:, side] = weights[:, side] / first[side]
            rows = moved.min(axis=1) >= -ON_FACE
            below.append((part, [v for v, is_in in zip(points, rows, strict=True) if is_in], moved[rows]))
        todo += reversed(below)
    return done
