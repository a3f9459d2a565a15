"""The points of a space all of whose axes have whole numbers: how many there are, and which are left."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from typing import Any

from adaptive_dask.learner.axes.axis import Int, Linear


class Lattice:
    """Points of whole numbers, in the order of the space; the last coordinate changes fastest.

    Parameters
    ----------
    axes : sequence of Linear
    of_tuples : bool
        Whether points are tuples.

    Attributes
    ----------
    is_all : bool
        Whether these are all points of the space: each axis has whole numbers.
    size : int
        How many there are.
    """

    def __init__(self, axes: Sequence[Linear], *, of_tuples: bool) -> None:
        whole = [axis for axis in axes if isinstance(axis, Int)]
        self.is_all = len(whole) == len(axes)
        self.size = math.prod(axis.size for axis in whole)
        self._axes = whole
        self._of_tuples = of_tuples
        self._first = 0  # all points before this one are known

    def point(self, number: int) -> Any:
        """The point with that number."""
        coordinates = []
        for axis in reversed(self._axes):
            number, place = divmod(number, axis.size)
            coordinates.append(int(axis.low) + place)
        return tuple(reversed(coordinates)) if self._of_tuples else coordinates[0]

    def left(self, known: Container[Any], pending: Container[Any]) -> Iterator[Any]:
        """The points that are neither known nor pending. What is known must stay so until `start_over`."""
        while self._first < self.size and self.point(self._first) in known:
            self._first += 1
        for number in range(self._first, self.size):
            point = self.point(number)
            if point not in known and point not in pending:
                yield point

    def start_over(self) -> None:
        """Note that less may be known."""
        self._first = 0
