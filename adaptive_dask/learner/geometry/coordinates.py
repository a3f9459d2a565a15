"""Coordinates of a partition: the points of a region, scaled, and rounded to those that can be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .lattice import Lattice
from .mesh import Point
from .region import Region


@dataclass(frozen=True)
class Coordinates:
    """Converts points of a region to the coordinates of its partition and back.

    Parameters
    ----------
    region : Region
    whole : sequence of bool
        The axes with whole numbers only; empty if there are none.
    aspect_ratio : float, optional
        If given, the region is a rectangle, which is scaled to a unit square around zero that is stretched by this
        factor along y. Otherwise, regions are scaled to the unit cube.
    """

    region: Region
    whole: Sequence[bool] = ()
    aspect_ratio: float | None = None

    def scale(self, points: Sequence[Point]) -> list[Point]:
        """Convert points of the region to coordinates of the partition."""
        scaled, ratio = self.region.scale(points), self.aspect_ratio
        return scaled if ratio is None else [(u - 0.5, (v - 0.5) * ratio) for u, v in scaled]

    def unscale(self, point: Point) -> Point:
        """Convert a point of the partition to coordinates of the region, with whole numbers where necessary."""
        if self.aspect_ratio is not None:
            point = point[0] + 0.5, point[1] / self.aspect_ratio + 0.5
        point = self.region.unscale(point)
        if not self.whole:
            return point
        return tuple([float(round(x)) if whole else x for x, whole in zip(point, self.whole, strict=True)])

    @property
    def steps(self) -> list[int]:
        """Number of steps between the whole numbers along each axis, or 0 for real numbers."""
        pairs = zip(self.region.bbox, self.whole or [False] * len(self.region.bbox), strict=True)
        return [round(high - low) if whole else 0 for (low, high), whole in pairs]

    def lattice(self) -> Lattice | None:
        """Return the points of the partition that can be evaluated, or None if no axis has whole numbers."""
        if not any(self.whole):
            return None
        low, high = zip(*self.region.bbox, strict=True)
        first, last = self.scale([low, high])
        return Lattice(first, last, self.steps, lambda point: self.scale([self.unscale(point)])[0])
