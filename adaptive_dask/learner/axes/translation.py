"""Translation: conversion of points between the coordinates of the user and those of the wrapped learner."""

from __future__ import annotations

import itertools
import math
from typing import Any

from adaptive_dask.learner.axes.axis import Int, Linear, Log, Periodic
from adaptive_dask.learner.axes.keyword_function import TUPLE
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import checked_coordinates, checked_point


class Translation:
    """Converts keys of data: numbers, or tuples of coordinates.

    Parameters
    ----------
    space : Space
    form : "number", "tuple" or "sample"
        The form of points. The key of a sample (seed, x) is x.
    margin : float, default: 0
        The distance beyond the bounds of a periodic axis up to which the wrapped learner has points, as a share of the
        period.

    Attributes
    ----------
    is_same : bool
        True if both coordinates are the same, so that nothing is converted.
    is_straight : bool
        True if numbers are the same; the ends of a periodic axis may still be one point of the user.
    is_periodic : bool
    has_whole : bool
        True if an axis has whole numbers.
    """

    def __init__(self, space: Space, form: str, margin: float = 0.0) -> None:
        self._margin = margin
        self.axes = space.numeric
        self.is_same = all(type(axis) is Linear for axis in self.axes)
        self.is_straight = all(not isinstance(axis, Log) for axis in self.axes)
        self.is_periodic = any(isinstance(axis, Periodic) for axis in self.axes)
        self.has_whole = any(isinstance(axis, Int) for axis in self.axes)
        self._of_tuples = form == TUPLE

    def checked(self, key: Any) -> Any:
        """Return the key in the form of data.

        Raises
        ------
        TypeError, ValueError
            If it is not a key.
        """
        checked: Any = checked_coordinates(key, len(self.axes)) if self._of_tuples else checked_point(key)
        if not (self.is_periodic or self.has_whole):
            return checked
        if not self._of_tuples:
            return _as_in_data(self.axes[0], checked)
        return tuple([_as_in_data(axis, c) for axis, c in zip(self.axes, checked, strict=True)])

    def is_inside(self, key: Any) -> bool:
        """Return True if a key is between the bounds."""
        places = key if self._of_tuples else (key,)
        return all(axis.low <= c <= axis.high for axis, c in zip(self.axes, places, strict=True))

    def to_inner(self, key: Any) -> Any:
        """Return the key of the wrapped learner."""
        if self._of_tuples:
            return tuple([axis.to_inner(c) for axis, c in zip(self.axes, key, strict=True)])
        return self.axes[0].to_inner(key)

    def to_user(self, u: Any) -> Any:
        """Return the key of the user."""
        if self._of_tuples:
            return tuple([axis.to_user(c) for axis, c in zip(self.axes, u, strict=True)])
        return self.axes[0].to_user(u)

    def next(self, u: Any) -> Any:
        """Return the next key of the wrapped learner, because different keys of the user may have equal ones."""
        if not self._of_tuples:
            return math.nextafter(u, math.inf)
        pairs = zip(self.axes, u, strict=True)
        return tuple([math.nextafter(c, math.inf) if isinstance(axis, Log) else c for axis, c in pairs])

    def images(self, u: Any) -> list[Any]:
        """Return other keys of the wrapped learner that are the same for the user, on the other side of a seam."""
        if not self.is_periodic:
            return []
        places = u if self._of_tuples else (u,)
        ends = [_same_places(axis, c, self._margin) for axis, c in zip(self.axes, places, strict=True)]
        same = itertools.product(*ends) if self._of_tuples else ends[0]
        return [each for each in same if each != u]


def _same_places(axis: Linear, c: float, margin: float) -> list[float]:
    """Return the equivalent coordinates up to a margin beyond the bounds."""
    if not isinstance(axis, Periodic):
        return [c]
    if c in (axis.low, axis.high):  # without rounding
        return [axis.low, axis.high]
    low, high = axis.widened(margin)
    period = axis.high - axis.low
    return [c, *(each for each in (c - period, c + period) if margin and low <= each <= high)]


def _as_in_data(axis: Linear, c: float) -> Any:
    """Convert a finite number to a coordinate of a point along an axis."""
    if isinstance(axis, Int):
        return axis.checked(c)
    return axis.to_inner(c) if isinstance(axis, Periodic) else c
