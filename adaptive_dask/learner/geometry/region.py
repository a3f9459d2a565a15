"""The regions that a learner can explore: boxes and convex hulls."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from .mesh import Point
from .simplices import Floats

# Points up to this distance outside, relative to the size of the region, count as on its boundary.
TOLERANCE = 1e-8


class BoxRegion:
    """A box, scaled to the unit cube.

    Parameters
    ----------
    bounds : sequence of pairs of float
        Lower and upper bound along every axis.

    Attributes
    ----------
    bbox : tuple of pairs of float
    corners : list of tuple of float
        Sorted.

    Raises
    ------
    ValueError
        If a pair does not consist of a finite lower bound below a finite upper one.
    """

    def __init__(self, bounds: Sequence[Sequence[float]]) -> None:
        self.bbox = _as_bbox(bounds)
        self._axes = [(low, high, high - low) for low, high in self.bbox]

    @property
    def corners(self) -> list[Point]:
        return sorted(itertools.product(*self.bbox))

    @property
    def spacing(self) -> list[float]:
        """Half the distance of neighbouring floating-point numbers along every axis, in the unit cube."""
        return [0.5 * math.ulp(max(abs(low), abs(high))) / width for low, high, width in self._axes]

    def contains(self, point: Sequence[float]) -> bool:
        """Return True if a point is in the box, or on its boundary within rounding error."""
        for x, (low, high) in zip(point, self.bbox, strict=True):
            slack = TOLERANCE * (high - low)
            if not low - slack <= x <= high + slack:
                return False
        return True

    def contain(self, points: Floats) -> NDArray[np.bool_]:
        """Return `contains` of an array of points of shape (n, d)."""
        low, high = np.array(self.bbox).T
        slack = TOLERANCE * (high - low)
        return np.asarray(((points >= low - slack) & (points <= high + slack)).all(axis=1))

    def scale(self, points: Sequence[Point]) -> list[Point]:
        """Convert points of the box to the unit cube."""
        # Without calls for coordinates inside, and by columns, because there are few axes.
        columns = [
            [u if 0.0 <= (u := (point[i] - low) / width) <= 1.0 else min(max(u, 0.0), 1.0) for point in points]
            for i, (low, _, width) in enumerate(self._axes)
        ]
        return list(zip(*columns, strict=True))

    def unscale(self, point: Point) -> Point:
        """Convert a point of the unit cube to the box."""
        return tuple(
            [
                x if low <= (x := point[i] * width + low) <= high else min(max(x, low), high)
                for i, (low, high, width) in enumerate(self._axes)
            ]
        )


class HullRegion:
    """The convex hull of points, scaled so that its bounding box is the unit cube.

    Parameters
    ----------
    hull : scipy.spatial.ConvexHull
    """

    def __init__(self, hull: ConvexHull) -> None:
        vertices = hull.points[hull.vertices]
        self.corners: list[Point] = sorted(map(tuple, vertices.tolist()))
        self.bbox = _as_bbox(list(zip(vertices.min(axis=0), vertices.max(axis=0), strict=True)))
        self._box = BoxRegion(self.bbox)
        scaled = np.array(self._box.scale(self.corners))
        # Outward normals n and offsets c of the faces: inside, n·x + c ≤ 0.
        self._faces: Floats = ConvexHull(scaled).equations
        self._centre = scaled.mean(axis=0)
        # Corners must be exact, so that they are recognised.
        self._exact: dict[Point, Point] = dict(zip(self.corners, map(tuple, scaled.tolist()), strict=True))

    def contains(self, point: Sequence[float]) -> bool:
        """Return True if a point is in the hull, or on its boundary within rounding error."""
        if not self._box.contains(point):
            return False
        scaled = np.array(self._box.scale([tuple(point)])[0])
        return bool((self._faces[:, :-1] @ scaled + self._faces[:, -1]).max() <= TOLERANCE)

    def contain(self, points: Floats) -> NDArray[np.bool_]:
        """Return `contains` of an array of points of shape (n, d)."""
        low, high = np.array(self.bbox).T
        outside = (points - low) / (high - low) @ self._faces[:, :-1].T + self._faces[:, -1]
        return np.asarray(outside.max(axis=1) <= TOLERANCE)

    def scale(self, points: Sequence[Point]) -> list[Point]:
        """Convert points of the hull to the unit cube; points outside due to rounding are moved to the boundary."""
        scaled = np.array(self._box.scale(points))
        # Not with @, whose rounding may depend on the number of points.
        outside = (np.einsum("id,fd->if", scaled, self._faces[:, :-1]) + self._faces[:, -1]).max(axis=1)
        for i in np.nonzero(outside > 0)[0]:
            reach = self._faces[:, :-1] @ (scaled[i] - self._centre)
            room = -(self._faces[:, :-1] @ self._centre + self._faces[:, -1])
            stretch = (reach / room).max()
            scaled[i] = self._centre + (scaled[i] - self._centre) / max(stretch, 1.0)
        return [self._exact.get(p, tuple(row)) for p, row in zip(points, scaled.tolist(), strict=True)]

    def unscale(self, point: Point) -> Point:
        """Convert a point of the unit cube to the coordinates of the hull."""
        return self._box.unscale(point)


Region = BoxRegion | HullRegion


def _as_bbox(bounds: Any) -> tuple[tuple[float, float], ...]:
    try:
        pairs = tuple((float(low), float(high)) for low, high in bounds)
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds must be (lower, upper) pairs of numbers, one per dimension, got {bounds!r}."
        ) from None
    if not pairs:
        raise ValueError("bounds must be (lower, upper) pairs of numbers, one per dimension, got none.")
    for low, high in pairs:
        if not (np.isfinite(low) and np.isfinite(high) and low < high and np.isfinite(high - low)):
            raise ValueError(f"A lower bound must be finite and below a finite upper bound, got ({low}, {high}).")
    return pairs
