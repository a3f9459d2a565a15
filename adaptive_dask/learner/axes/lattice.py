"""The points of a space in which all axes have whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from adaptive_dask.learner.axes.axis import Int, Linear


class Lattice:
    """Points of whole numbers, in the order of the space; the last coordinate varies fastest.

    Parameters
    ----------
    axes : sequence of Linear
    of_tuples : bool
        If True, points are tuples.

    Attributes
    ----------
    is_all : bool
        True if these are all points of the space, because every axis has whole numbers.
    size : int
        The number of points.
    """

    def __init__(self, axes: Sequence[Linear], *, of_tuples: bool) -> None:
        whole = [axis for axis in axes if isinstance(axis, Int)]
        self.is_all = len(whole) == len(axes)
        self.size = math.prod(axis.size for axis in whole)
        self._axes = whole
        self._of_tuples = of_tuples
        self._first = 0  # all points before this one are known

    def point(self, number: int) -> Any:
        """Return the point with this number."""
        coordinates = []
        for axis in reversed(self._axes):
            number, place = divmod(number, axis.size)
            coordinates.append(int(axis.low) + place)
        return tuple(reversed(coordinates)) if self._of_tuples else coordinates[0]

    def left(self, is_known: Callable[[Any], bool], pending: Container[Any]) -> Iterator[Any]:
        """Iterate over points neither known nor pending. Known points must stay known until `start_over`."""
        while self._first < self.size and is_known(self.point(self._first)):
            self._first += 1
        for number in range(self._first, self.size):
            point = self.point(number)
            if point not in pending and not is_known(point):
                yield point

    def start_over(self) -> None:
        """Allow that fewer points are known than before."""
        self._first = 0
