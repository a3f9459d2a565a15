"""The choice of the edge of a triangle to halve, given the curvature of the function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .longest_edge import TIE, Point, longest_edge

# Weights of the plain length of an edge: as a share of the strongest bend, because gradients are estimates and edges
# without a visible bend must not stay long; as a slope in every triangle, because exploration by the loss of Learner2D
# (its term with the area) has no bend to follow; and in a saddle.
_LENGTH_COUNTS = 0.05
_SADDLE = 2.0
_UNSEEN = 0.03
# A saddle is even if the sum of its curvatures is less than this share of their difference, so that their ratio is at
# most 1.5.
_EVEN = 0.2


class BentEdge(NamedTuple):
    """An edge of a triangle, by the positions of its ends, and whether the function is an even saddle at it."""

    first: int
    second: int
    in_even_saddle: bool


def most_bent_edge(corners: Sequence[Point], heights: Sequence[Point], gradients: Sequence[Point]) -> BentEdge:
    """Return the edge of a triangle with the largest error of linear interpolation.

    Along an edge e, the error is |eᵀHe| / 8, where He is the difference of the gradients at its ends. Halving the edge
    with the largest error makes triangles short across a ridge and long along it. If the function is a saddle, eᵀHe
    vanishes along two directions, but meshes of halved edges cannot use this. √|det H| is therefore added as a bend in
    all directions. In an even saddle, as of harmonic functions everywhere, the longest edge is returned.

    Parameters
    ----------
    corners : three pairs of float
    heights : three tuples of vdim floats
        Heights of the graph of the function at the corners, which make its edges longer than those in the plane.
    gradients : three tuples of 2 · vdim floats
        The derivatives of all components along x, then those along y.

    Returns
    -------
    BentEdge
    """
    (x, y), (x1, y1), (x2, y2) = corners
    x1, y1, x2, y2 = x1 - x, y1 - y, x2 - x, y2 - y
    area = x1 * y2 - x2 * y1
    first, second, third = 0.0, 0.0, 0.0
    saddle = sums = differences = 0.0
    g, g1, g2 = gradients
    vdim = len(heights[0])
    for i in range(vdim):
        ux, uy = g1[i] - g[i], g1[i + vdim] - g[i + vdim]
        vx, vy = g2[i] - g[i], g2[i + vdim] - g[i + vdim]
        first += abs(ux * x1 + uy * y1)
        second += abs(vx * x2 + vy * y2)
        third += abs((vx - ux) * (x2 - x1) + (vy - uy) * (y2 - y1))
        # The sum and the difference of the eigenvalues of H, times the area.
        xx, yy = ux * y2 - vx * y1, vy * x1 - uy * x2
        trace = abs(xx + yy)
        difference = math.hypot(xx - yy, vx * x1 - ux * x2 + uy * y2 - vy * y1)
        sums += trace
        differences += difference
        if trace < difference:
            saddle += math.sqrt(difference * difference - trace * trace)
    edges = (
        (0, 1, first, x1 * x1 + y1 * y1),
        (0, 2, second, x2 * x2 + y2 * y2),
        (1, 2, third, (x2 - x1) ** 2 + (y2 - y1) ** 2),
    )
    saddle *= 0.5 * _SADDLE / abs(area) if area else 0.0
    strongest = max([bend / square for _, _, bend, square in edges if square > 0.0], default=0.0) + saddle
    if not (area and 0.0 < strongest < math.inf):
        return BentEdge(*longest_edge([point + height for point, height in zip(corners, heights, strict=True)]), False)
    if sums < _EVEN * differences:
        return BentEdge(*longest_edge(corners), True)
    least = _LENGTH_COUNTS * strongest + _UNSEEN / math.sqrt(abs(area))
    most, found = 0.0, (0, 1)
    for i, j, bend, square in edges:
        on_graph = square
        for a, b in zip(heights[i], heights[j], strict=True):
            on_graph += (a - b) * (a - b)
        measure = bend + saddle * square + least * on_graph
        if measure > most:
            most, found = measure * (1 + TIE), (i, j)
    return BentEdge(*found, False)
