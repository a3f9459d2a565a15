"""The plan of the next evaluations for an `IntervalTree`, even while earlier ones are pending."""

from __future__ import annotations

import heapq
import math

from adaptive_dask.learner.quadrature.interval import Interval, Step
from adaptive_dask.learner.quadrature.interval_tree import IntervalTree

# The expected reduction of the error by a pending evaluation, for the ranking of the next step on the same interval.
_REFINED = 0.1
_HALVED = 0.25
# The error without values: above all known errors, below that of an interval without finite values.
_UNKNOWN = 1e300
_GUESSED = 1e200  # expected errors above this were derived from it, after any number of planned steps

Action = tuple[float, int | None]
Entry = tuple[float, int, float, int, Interval]


class EvaluationPlan:
    """Chooses the interval with the largest error, and the next step for it.

    Further steps are planned with an expected error before results arrive, so that any number of points can be planned
    at any time.
    """

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._undo: dict[Interval, int] | None = None

    def update(self, interval: Interval) -> None:
        """Rank an interval again, and its halves without an estimate."""
        todo = [interval]
        while todo:
            interval = todo.pop()
            interval.plan.ticket += 1
            action = _next_action(interval)
            if action is not None and (action[1] is not None or interval.halves is None):
                # Without finite values, divide in one place instead of everywhere.
                order = -interval.generation if math.isinf(action[0]) else interval.generation
                heapq.heappush(self._heap, (-action[0], order, interval.a, interval.plan.ticket, interval))
                expected = 0.0
            else:
                expected = action[0] if action is not None else 0.0
            for half in interval.halves or ():
                if half.level < 0 and half.plan.expected_err != expected:
                    half.plan.expected_err = expected
                    todo.append(half)
                elif half.level >= 0:  # their use may have changed
                    todo.append(half)

    def next_level(self, tree: IntervalTree) -> tuple[list[float], float] | None:
        """Plan the evaluation of one more level of an interval.

        Returns
        -------
        points : list of float
            The points of the level, including known ones.
        error : float
            The error of the interval; infinite without an estimate.

        None is returned if no evaluation can improve the estimate.
        """
        while self._heap:
            negative, _, _, ticket, interval = heapq.heappop(self._heap)
            if ticket != interval.plan.ticket or not _is_of_use(interval):
                continue
            action = _next_action(interval)
            assert action is not None
            level = action[1]
            if level is None:
                interval.split()
                self.update(interval)
                continue
            if self._undo is not None:
                self._undo.setdefault(interval, interval.plan.level)
            interval.plan.level = level
            points = tree.watch(interval, level)
            self.update(interval)
            return points, -negative if -negative < _GUESSED else math.inf
        return None

    def start_over(self, tree: IntervalTree) -> None:
        """Forget the plan, except for known values."""
        self._heap.clear()
        tree.root.plan.expected_err = _UNKNOWN
        intervals = [tree.root]
        while intervals:
            interval = intervals.pop()
            interval.plan.level = -1
            intervals += interval.halves or ()
            if interval.level >= 0 or interval is tree.root:
                self.update(interval)

    def remember(self) -> None:
        """Start to record planned evaluations, so that they can be taken back."""
        self._undo = {}

    def take_back(self) -> None:
        """Undo the plan since `remember`."""
        undo, self._undo = self._undo, None
        for interval, planned_level in (undo or {}).items():
            interval.plan.level = planned_level
            self.update(interval)


def _is_of_use(interval: Interval) -> bool:
    """Return whether a better estimate of an interval improves that of the whole."""
    parent = interval.parent
    return parent is None or interval.level < 0 or not parent.is_known or parent.is_replaced


def _next_action(interval: Interval) -> Action | None:
    """Return the expected error after planned evaluations, and the next level (None: that of the halves)."""
    known = interval.level
    if known < 0:
        known, last, error = interval.first_level - 1, interval.max_level, interval.plan.expected_err
    elif interval.step is Step.STOP:
        return None
    elif interval.step is Step.REFINE:
        last, error = interval.max_level, min(interval.err, _UNKNOWN)
    else:
        last, error = known, interval.err
    if not error:
        return None
    level = max(known, interval.plan.level) + 1
    if level <= last:
        return error * _REFINED ** (level - known - 1), level
    if not interval.splittable:
        return None
    return error * (_REFINED ** (last - known) * _HALVED if last > known else 1.0), None
