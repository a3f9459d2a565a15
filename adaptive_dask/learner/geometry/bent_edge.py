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


def most_bent_edge(corners: Sequence[Point], heights: Sequence[Point]) -> BentEdge:
    """Return the edge of a triangle with the largest error of linear interpolation.

    Along an edge e, the error is |eᵀHe| / 8, where He is the difference of the gradients at its ends. Halving the edge
    with the largest error makes triangles short across a ridge and long along it. If the function is a saddle, eᵀHe
    vanishes along two directions, but meshes of halved edges cannot use this. √|det H| is therefore added as a bend in
    all directions. In an even saddle, as of harmonic functions everywhere, the longest edge is returned.

    Parameters
    ----------
    corners : three pairs of float
    heights : three tuples of 3 · vdim floats
        At each corner, the heights of the graph of the function, which make its edges longer than those in the plane,
        the derivatives of all components along x, and those along y.

    Returns
    -------
    BentEdge
    """
    (x, y), (x1, y1), (x2, y2) = corners
    x1, y1, x2, y2 = x1 - x, y1 - y, x2 - x, y2 - y
    area = x1 * y2 - x2 * y1
    first_length = on_first = x1 * x1 + y1 * y1
    second_length = on_second = x2 * x2 + y2 * y2
    third_length = on_third = (x2 - x1) ** 2 + (y2 - y1) ** 2
    first = second = third = saddle = sums = differences = 0.0
    h, h1, h2 = heights
    vdim = len(h) // 3
    for i in range(vdim):
        u, v, w = h1[i] - h[i], h2[i] - h[i], h2[i] - h1[i]
        on_first += u * u
        on_second += v * v
        on_third += w * w
        ux, uy = h1[i + vdim] - h[i + vdim], h1[i + 2 * vdim] - h[i + 2 * vdim]
        vx, vy = h2[i + vdim] - h[i + vdim], h2[i + 2 * vdim] - h[i + 2 * vdim]
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
    strongest = 0.0
    if area:
        saddle *= 0.5 * _SADDLE / abs(area)
        strongest = max(first / first_length, second / second_length, third / third_length) + saddle
    if not 0.0 < strongest < math.inf:
        graph = [point + height[:vdim] for point, height in zip(corners, heights, strict=True)]
        return BentEdge(*longest_edge(graph), False)
    if sums < _EVEN * differences:
        return BentEdge(*longest_edge(corners), True)
    least = _LENGTH_COUNTS * strongest + _UNSEEN / math.sqrt(abs(area))
    edges = (
        (0, 1, first, first_length, on_first),
        (0, 2, second, second_length, on_second),
        (1, 2, third, third_length, on_third),
    )
    most, found = 0.0, (0, 1)
    for i, j, bend, square, on_graph in edges:
        measure = bend + saddle * square + least * on_graph
        if measure > most:
            most, found = measure * (1 + TIE), (i, j)
    return BentEdge(*found, False)
