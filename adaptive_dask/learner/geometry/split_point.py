"""Where to put a new point in a simplex."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from .simplices import Floats

Point = tuple[float, ...]

# How far inside of a simplex, in barycentric coordinates, the centre has to be to count as inside.
_MARGIN = 1e-9


def split_face(corners: Sequence[Point], transform: Floats | None = None) -> tuple[int, ...]:
    """Choose the face of a simplex whose centre divides it best.

    A simplex that contains the centre of its circumsphere is well shaped, and its own centre is the best
    place for a point. In any other one that would make slivers: its longest edge is to be halved.

    Parameters
    ----------
    corners : sequence of d + 1 tuples of d float
    transform : array, shape (d, d), optional
        Applied to the corners before measuring.

    Returns
    -------
    tuple of int
        The positions of two corners, or of all.
    """
    if transform is not None:
        corners = [tuple(row) for row in (np.asarray(corners) @ transform).tolist()]
    longest, edge = 0.0, (0, 1)
    squares: dict[tuple[int, int], float] = {}
    for i, j in combinations(range(len(corners)), 2):
        square = 0.0
        for a, b in zip(corners[i], corners[j], strict=True):
            square += (a - b) * (a - b)
        squares[i, j] = square
        # Edges that differ by rounding only are equal: the first one is taken.
        if square > longest * (1 + 1e-12):
            longest, edge = square, (i, j)
    if _contains_circumcentre(corners, squares, longest):
        return tuple(range(len(corners)))
    return edge


def face_centre(corners: Sequence[Point]) -> Point:
    """The centre of the points, coordinate by coordinate."""
    count = len(corners)
    if count == 2:
        return tuple(0.5 * (a + b) for a, b in zip(*corners, strict=True))
    return tuple(sum(column) / count for column in zip(*corners, strict=True))


def _contains_circumcentre(corners: Sequence[Point], squares: dict[tuple[int, int], float], longest: float) -> bool:
    if len(corners) == 3:
        return sum(squares.values()) > 2 * longest * (1 + _MARGIN)
    if len(corners) == 4:
        return _tetrahedron_contains_circumcentre(squares)
    points = np.array(corners)
    edges = points[1:] - points[0]
    try:
        centre = np.linalg.solve(edges, 0.5 * np.einsum("ij,ij->i", edges, edges))
        weights = np.linalg.solve(edges.T, centre)
    except np.linalg.LinAlgError:
        return False
    return bool((weights > _MARGIN).all() and weights.sum() < 1 - _MARGIN)


def _tetrahedron_contains_circumcentre(squares: dict[tuple[int, int], float]) -> bool:
    """The same from the squares of the six edges, in a tenth of the time.

    With the Gram matrix G of the edges that leave the first corner, the circumcentre has the barycentric
    coordinates w with 2 G w = diag G for the other three corners. Cramer's rule solves that.
    """
    a, b, c = squares[0, 1], squares[0, 2], squares[0, 3]
    ab = 0.5 * (a + b - squares[1, 2])
    ac = 0.5 * (a + c - squares[1, 3])
    bc = 0.5 * (b + c - squares[2, 3])
    det = a * (b * c - bc * bc) - ab * (ab * c - bc * ac) + ac * (ab * bc - b * ac)
    if det <= 0:
        return False
    limit = 2 * det * _MARGIN
    u = a * (b * c - bc * bc) - ab * (b * c - bc * c) + ac * (b * bc - b * c)
    v = a * (b * c - c * bc) - a * (ab * c - bc * ac) + ac * (ab * c - b * ac)
    w = a * (b * c - bc * b) - ab * (ab * c - b * ac) + a * (ab * bc - b * ac)
    return u > limit and v > limit and w > limit and 2 * det - u - v - w > limit
