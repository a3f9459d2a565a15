"""Regions with equidistant coordinates, such as whole numbers, along some axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .mesh import Point
from .simplices import Floats

# Coordinates in units of the lattice are whole up to this error.
_TOLERANCE = 1e-6

# Points closer together than this, in units of the region, are the same.
_SAME = 1e-7

# The maximum number of cut edges before a cell counts as one without a point of the lattice.
_MOST_CUTS = 20_000


class Lattice:
    """The points of a region that can be evaluated.

    Parameters
    ----------
    low, high : tuple of float
        The corners of the region, in the coordinates of the partition.
    steps : sequence of int
        The number of steps along each axis, or 0 for real numbers.
    snap : callable
        Returns the exact coordinates of the nearest point of the lattice.

    Attributes
    ----------
    is_all : bool
        True if all axes are divided into steps.
    """

    def __init__(self, low: Point, high: Point, steps: Sequence[int], snap: Callable[[Point], Point]) -> None:
        self._axes = [axis for axis, n in enumerate(steps) if n]
        self.is_all = len(self._axes) == len(steps)
        self.snap = snap
        self._low = np.array(low)
        self._scale = np.array([n / (b - a) if n else 1.0 for a, b, n in zip(low, high, steps, strict=True)])

    def contains(self, point: Point) -> bool:
        """Return True if a point can be evaluated, up to rounding."""
        return all(abs(place - round(place)) < _TOLERANCE for place in self._places(point, self._axes))

    def point_in(self, corners: Sequence[Point], target: Point) -> Point | None:
        """Return a point of the lattice in a simplex, near a target and not at a corner; None if there is none.

        In the slices of the lattice nearest to the target, it is the centre of the slice.
        """
        axes = range(len(self._scale))
        cuts = _Cuts({tuple(self._places(corner, axes)) for corner in corners})
        found = self._search(cuts, cuts.corners, self._places(target, axes), list(self._axes))
        if found is None:
            return None
        return self.snap(tuple((self._low + np.array(found) / self._scale).tolist()))

    def are_used_up(self, corners: Floats) -> NDArray[np.bool_]:
        """Return which simplices, shape (m, d + 1, d), have no point of the lattice besides their corners.

        Points on faces count. The volume of a simplex with corners on the lattice is a multiple of that of the smallest
        one, which has no other point.
        """
        if not self.is_all or not len(corners):
            return np.zeros(len(corners), dtype=bool)
        edges = (corners[:, 1:] - corners[:, :1]) * self._scale
        volumes = np.abs(np.linalg.det(edges))
        used: NDArray[np.bool_] = volumes < 1.5
        if corners.shape[2] > 2 and not used.all():  # larger ones may be empty as well
            unsure = (~used).nonzero()[0]
            places = np.rint((corners[unsure] - self._low) * self._scale)
            # Most contain the point that is nearest to their centre.
            nearest = np.rint(places.mean(axis=1))
            weights = np.linalg.solve(edges[unsure].transpose(0, 2, 1), (nearest - places[:, 0])[:, :, None])[:, :, 0]
            inside = (weights.min(axis=1) >= 0) & (weights.sum(axis=1) <= 1) & (weights.max(axis=1) < 1 - _TOLERANCE)
            inside &= weights.sum(axis=1) > _TOLERANCE
            for row, corner_places in zip(unsure[~inside].tolist(), places[~inside], strict=True):
                used[row] = self._is_empty(corner_places)
        return used

    def _is_empty(self, places: Floats) -> bool:
        cuts = _Cuts({tuple(place) for place in places.tolist()})
        return (
            self._search(cuts, cuts.corners, places.mean(axis=0).tolist(), list(self._axes)) is None and cuts.left > 0
        )

    def _places(self, point: Point, axes: Collection[int]) -> list[float]:
        """Return the coordinates along axes, in steps of the lattice."""
        places = [(point[axis] - self._low.item(axis)) * self._scale.item(axis) for axis in axes]
        return [round(p) if abs(p - round(p)) < _TOLERANCE else p for p in places]

    def _search(self, cuts: _Cuts, points: Collection[Point], target: list[float], axes: list[int]) -> Point | None:
        """Return a point of the lattice in the convex hull of points, in the slices nearest to the target first."""
        if not axes:
            middle = tuple(sum(each) / len(points) for each in zip(*points, strict=True))
            is_new = all(math.dist(middle, corner) > _SAME for corner in cuts.corners)
            return middle if is_new else None
        extents = []
        for axis in axes:
            places = [point[axis] for point in points]
            low, high = math.ceil(min(places) - _TOLERANCE), math.floor(max(places) + _TOLERANCE)
            extents.append(_Extent(high - low, axis, low, high))
        _, axis, low, high = min(extents)
        rest = [each for each in axes if each != axis]
        for value in _outwards(round(target[axis]), low, high):
            slice_ = cuts.slice(points, axis, value)
            if cuts.left <= 0:
                return None
            if slice_ and (found := self._search(cuts, slice_, target, rest)) is not None:
                return found
        return None


class _Extent(NamedTuple):
    """The number of steps of a convex hull along an axis, and its ends."""

    steps: int
    axis: int
    low: int
    high: int


class _Cuts:
    """Slices of a simplex, in a limited number."""

    def __init__(self, corners: set[Point]) -> None:
        self.corners = corners
        self.left = _MOST_CUTS

    def slice(self, points: Collection[Point], axis: int, value: int) -> set[Point]:
        """Return points whose convex hull is the slice of that of others at a coordinate."""
        found, below, above = set(), [], []
        for point in points:
            height = point[axis] - value
            if abs(height) <= _TOLERANCE:
                found.add(point)
            elif height < 0:
                below.append((point, -height))
            else:
                above.append((point, height))
        self.left -= 1 + len(below) * len(above)
        if self.left <= 0:
            return set()
        for (p, down), (q, up) in itertools.product(below, above):
            share = down / (down + up)
            crossing = [a + share * (b - a) for a, b in zip(p, q, strict=True)]
            crossing[axis] = float(value)
            found.add(tuple(crossing))
        return found


def _outwards(middle: int, low: int, high: int) -> list[int] | range:
    """Return the numbers from low to high, in the order of their distance from a number."""
    if high - low > 2 * _MOST_CUTS:
        low, high = max(low, middle - _MOST_CUTS), min(high, middle + _MOST_CUTS)
    return sorted(range(low, high + 1), key=lambda value: abs(value - middle))
