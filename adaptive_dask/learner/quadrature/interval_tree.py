"""The intervals into which an integral has been divided, kept up to date as values come in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from adaptive_dask.learner.quadrature.interval import Interval
from adaptive_dask.learner.told_data import ToldData

Watch = tuple[Interval, int]


class IntervalTree:
    """A binary tree of intervals.

    What is known of an interval depends on the values alone: a level counts when all values at its points are
    there and all levels before it count, and a half when its parent has an estimate. So any order of the same
    values, with or without having planned to evaluate them, gives the same tree of estimates.

    Parameters
    ----------
    a, b : float
        The ends of the whole.
    on_change : callable, Interval → None
        Called when the estimate of an interval has changed.

    Attributes
    ----------
    data : dict, float → float
        The values.
    root : Interval
    diverging : list of Interval
        Where the integral was found to be infinite, or not to exist.
    """

    def __init__(self, a: float, b: float, on_change: Callable[[Interval], None]) -> None:
        self.data: ToldData[float, float] = ToldData()
        self.root = Interval(a, b)
        self.diverging: list[Interval] = []
        self._on_change = on_change
        self._watched: dict[float, list[Watch]] = {}
        self._nodes: set[float] = set()
        self._unclaimed: dict[Interval, list[float]] = {}  # values inside of intervals without an estimate
        self.watch(self.root, self.root.first_level)

    def add(self, x: float, value: float) -> None:
        """Add a value that is not known yet."""
        self.data.put(x, value)
        watchers = self._watched.pop(x, None)
        if watchers is None:
            self._claim(x, self.root)
            return
        for interval, level in watchers:
            interval.open_levels[level] -= 1
            if not interval.open_levels[level]:
                self._complete(interval)

    def watch(self, interval: Interval, level: int) -> list[float]:
        """Watch out for the values at a level, and at those before it; return the new points of the level."""
        points: list[float] = []
        for lower in range(interval.first_level, level + 1):
            if lower in interval.open_levels:
                continue
            points = interval.new_points(lower)
            self._nodes.update(points)
            missing = [x for x in points if x not in self.data]
            interval.open_levels[lower] = len(missing)
            for x in missing:
                self._watched.setdefault(x, []).append((interval, lower))
        self._complete(interval)
        return points or interval.new_points(level)

    def leaves(self) -> Iterator[Interval]:
        """The best intervals that cover the whole, from left to right; none until there is an estimate."""
        stack = [self.root] if self.root.level >= 0 else []
        while stack:
            interval = stack.pop()
            halves = interval.halves
            if halves is not None and interval.is_replaced:
                stack += (halves[1], halves[0])
            else:
                yield interval

    def _claim(self, x: float, interval: Interval) -> None:
        """Find the interval to which a value belongs that was not planned."""
        if not interval.a <= x <= interval.b:
            return
        while interval.level >= 0:
            # All levels, for no value is looked at again once it was passed on to a half.
            self.watch(interval, interval.max_level)
            if x in self._nodes:
                return
            interval = interval.split()[x > interval.middle]
            self.watch(interval, interval.first_level)
        self._unclaimed.setdefault(interval, []).append(x)

    def _complete(self, interval: Interval) -> None:
        """Take in all levels that are complete by now, and what this makes possible below."""
        ready = [interval]
        while ready:
            interval = ready.pop()
            if interval.parent is not None and interval.parent.level < 0:
                continue
            before = interval.level
            level = max(before + 1, interval.first_level)
            if interval.open_levels.get(level) != 0:
                continue
            # Values near the largest numbers overflow; an error of infinity is what should come of it.
            with np.errstate(over="ignore", invalid="ignore"):
                while interval.open_levels.get(level) == 0:
                    interval.complete(level, self.data)
                    level += 1
            if before < 0 and interval.diverges:
                self.diverging.append(interval)
            self._add_up(interval)
            self._on_change(interval)
            for half in interval.halves or ():
                if half.level == half.first_level:
                    with np.errstate(over="ignore", invalid="ignore"):
                        half.compare_with_parent()
                    self._add_up(half)
                    self._on_change(half)
                elif half.level < 0:
                    ready.append(half)
            for x in self._unclaimed.pop(interval, ()):
                self._claim(x, interval)

    @staticmethod
    def _add_up(interval: Interval | None) -> None:
        while interval is not None and interval.add_up():
            interval = interval.parent

    @property
    def igral(self) -> float:
        """The integral; infinite or NaN where it diverges."""
        if self.diverging:
            return sum(_infinity(interval) for interval in self.diverging)
        return self.root.total[0]


def _infinity(interval: Interval) -> float:
    return math.copysign(math.inf, interval.mean) if interval.mean else math.nan
