"""The intervals into which an integral has been divided, updated as values arrive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from adaptive_dask.learner.quadrature.interval import Interval
from adaptive_dask.learner.told_data import ToldData

Watch = tuple[Interval, int]


class IntervalTree:
    """A binary tree of intervals.

    The estimates depend only on the values: a level counts if all its values are known and all earlier levels count,
    and a half counts if its parent has an estimate. Any order of the same values, planned or not, therefore gives the
    same tree.

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
        The intervals in which the integral is infinite, or does not exist.
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
        """Watch the values at a level and at earlier ones; return the new points of the level."""
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
        """Yield the best intervals that cover the whole, from left to right; none without an estimate."""
        stack = [self.root] if self.root.level >= 0 else []
        while stack:
            interval = stack.pop()
            halves = interval.halves
            if halves is not None and interval.is_replaced:
                stack += (halves[1], halves[0])
            else:
                yield interval

    def _claim(self, x: float, interval: Interval) -> None:
        """Find the interval of a value that was not planned."""
        if not interval.a <= x <= interval.b:
            return
        while interval.level >= 0:
            # all levels, because values that were passed on to a half are not used again
            self.watch(interval, interval.max_level)
            if x in self._nodes:
                return
            interval = interval.split()[x > interval.middle]
            self.watch(interval, interval.first_level)
        self._unclaimed.setdefault(interval, []).append(x)

    def _complete(self, interval: Interval) -> None:
        """Process all complete levels, and those of the halves that become available."""
        ready = [interval]
        while ready:
            interval = ready.pop()
            if interval.parent is not None and interval.parent.level < 0:
                continue
            before = interval.level
            level = max(before + 1, interval.first_level)
            if interval.open_levels.get(level) != 0:
                continue
            # values near the largest numbers overflow, which correctly gives an infinite error
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
        """The integral; infinite or NaN if it diverges."""
        if self.diverging:
            return sum(_infinity(interval) for interval in self.diverging)
        return self.root.total[0]


def _infinity(interval: Interval) -> float:
    return math.copysign(math.inf, interval.mean) if interval.mean else math.nan
