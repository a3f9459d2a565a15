"""The uncertainty of the means of sampled points, and the choice of the point to sample again."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from adaptive_dask.learner.averaging.sampled_points import SampledPoint
from adaptive_dask.learner.intervals.points_on_line import PointsOnLine
from adaptive_dask.learner.loss_queue import LossQueue


class MeanError:
    """Half the width of the confidence interval of a mean, by Student's t-distribution.

    Parameters
    ----------
    alpha : float
        The probability that the true mean is above the interval, and that it is below.
    """

    def __init__(self, alpha: float) -> None:
        self._confidence = 1 - alpha
        self._factors: dict[int, float] = {}

    def __call__(self, n: int, std: float) -> float:
        """Return the error of the mean of n samples with this standard deviation; infinite for fewer than two."""
        if n < 2:
            return math.inf
        factor = self._factors.get(n)
        if factor is None:
            factor = self._factors[n] = float(stdtrit(n - 1, self._confidence)) / math.sqrt(n)
        return factor * std


class UncertainPoints:
    """Ranks points by the error of their mean relative to the distance to the nearest neighbour on the graph.

    Pending samples count: the error is expected to fall with the square root of the number of samples.

    Parameters
    ----------
    line : PointsOnLine
        The points, with the means as y.
    max_samples : int
        Points with this number of samples are not ranked.
    min_error : float
        Points with at most this error are not ranked.
    """

    def __init__(self, line: PointsOnLine, max_samples: int, min_error: float) -> None:
        self._line = line
        self._max_samples = max_samples
        self._min_error = min_error
        self._queue = LossQueue()
        self._by_slot: dict[int, SampledPoint] = {}

    def first(self, least: float) -> SampledPoint | None:
        """Return the point with the largest expected relative error, if that is larger than ``least``."""
        slot = self._queue.peek()
        return None if slot is None or self._queue.priority(slot) <= least else self._by_slot[slot]

    def measure(self, point: SampledPoint) -> None:
        """Compute the relative error of a sampled point again, after a change of the point or its neighbours."""
        self._by_slot[point.slot] = point
        error = point.error
        if len(point.samples) >= self._max_samples or error <= self._min_error or error != error:
            point.relative_error = None
        elif error == math.inf:
            point.relative_error = math.inf
        else:
            distance = self._distance_to_neighbor(point)
            point.relative_error = error / distance if distance else math.inf
        self.rank(point)

    def rank(self, point: SampledPoint) -> None:
        """Rank a point again after a change of the number of pending samples."""
        relative, told, requested = point.relative_error, len(point.samples), point.n_requested
        if relative is None or requested >= self._max_samples:
            self._queue.remove(point.slot)
        elif requested == told:
            self._queue.set(point.slot, relative)
        elif told > 1:
            self._queue.set(point.slot, relative * math.sqrt(told / requested))
        else:
            # One sample does not determine the error, but a pending second one will.
            self._queue.remove(point.slot)

    def _distance_to_neighbor(self, point: SampledPoint) -> float:
        """Return the distance to the nearest neighbour on the graph; 0 without neighbours."""
        line, nearest = self._line, math.inf
        x, y = point.x, line.y_at[point.slot, 0]
        left, right = line.left_at[point.slot], line.right_at[point.slot]
        for other in (left, right):
            if other:
                dx = x - line.x_at[other]
                distance = math.hypot(dx, y - line.y_at[other, 0])
                # a neighbour whose mean is NaN counts as one of the same height
                nearest = min(nearest, distance if distance == distance else abs(dx))
        return nearest if left or right else 0.0
