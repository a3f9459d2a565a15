"""One interval of a quadrature: its estimate of the integral, of the error, and the next step."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping

import numpy as np

from adaptive_dask.learner.quadrature.rules import (
    DERIVATIVE,
    MAX_LEVEL,
    RESTRICT,
    RULES,
    SIZES,
    TO_HALF,
    Array,
    coefficients,
    distance,
    norm,
)

ROOT_LEVEL = 2

_EPS = 2.0**-52
# Coefficients that differ by more than this, relative to their norm, do not converge; the interval is divided.
_HINT = 0.1
# They do not converge either if more than this share of the difference remains at the first nodes of the halves.
_SLOW = 0.5
# An interval that is known up to rounding replaces halves that were planned earlier, with a lower degree, if their
# first nodes confirm it up to this multiple of the error.
_CONFIRMED = 10.0
# Nodes with a smaller relative distance than this add no information.
_MIN_SEPARATION = 16 * _EPS
_NARROWEST = 1e-290
# If the mean value grows by this factor when the interval is halved, the integral does not decrease. The factor is 2
# for 1/x, where rounding must not decide.
_DIVERGING_GROWTH = 2 * (1 - 1e-9)
_MAX_DIVERGING = 32
_MANY = 16
_MAX_TAIL = 100.0
_STEPS_OF_GROWTH = 6


class Step(enum.Enum):
    """The next step to improve the estimate of an interval."""

    REFINE = "evaluate the next level"
    SPLIT = "divide"
    STOP = "nothing to gain"


class Plan:
    """The state of an interval in an `EvaluationPlan`.

    Attributes
    ----------
    level : int
        The highest planned level; -1 without one.
    expected_err : float
        The expected error before there is an estimate.
    ticket : int
        The number of the interval's current entry in the ranking.
    """

    __slots__ = ("expected_err", "level", "ticket")

    def __init__(self) -> None:
        self.level = -1
        self.expected_err = 0.0
        self.ticket = 0


class Interval:
    """An interval with the estimates of the integral over it.

    The estimates depend only on the values of the function, not on their order.

    Parameters
    ----------
    a, b : float
        The ends.
    parent : Interval, optional
        The interval of which this is a half.

    Attributes
    ----------
    halves : pair of Interval, or None
    generation : int
        The number of halvings of the whole.
    level : int
        The highest level at which all values are known; -1 without one.
    igral, err : float
        The estimates of the integral over the interval and of its error.
    step : Step
    is_known : bool
        True if the error is that of rounding.
    first_coefficients : array or None
        The coefficients of the interpolant at the first level.
    max_level : int
        The last level; the ends of very narrow intervals differ by few floating-point numbers.
    diverging : int
        The number of halvings in which the integral did not decrease.
    total : tuple of float
        The integral, its error, and the part of the error that cannot be reduced, summed over the best
        intervals that cover this one.
    open_levels : dict, int → int
        The number of missing values at the watched levels.
    plan : Plan
    """

    __slots__ = (
        "_tail",
        "a",
        "b",
        "coefficients",
        "diverging",
        "err",
        "first_coefficients",
        "generation",
        "halves",
        "igral",
        "is_known",
        "level",
        "max_level",
        "mean",
        "open_levels",
        "parent",
        "plan",
        "residual",
        "step",
        "total",
    )

    def __init__(self, a: float, b: float, parent: Interval | None = None) -> None:
        self.a = a
        self.b = b
        self.parent = parent
        self.halves: tuple[Interval, Interval] | None = None
        self.generation: int = parent.generation + 1 if parent else 0
        self.level = -1
        separation = _MIN_SEPARATION * max(abs(a), abs(b))
        # without a second level, the whole would have no error estimate
        self.max_level = 0 if parent else MAX_LEVEL
        while self.max_level < MAX_LEVEL and (b - a) * _GAPS[self.max_level + 1] > separation:
            self.max_level += 1
        self.coefficients: Array | None = None
        self.mean = 0.0
        self.igral = 0.0
        self.err = math.inf
        self.step = Step.REFINE
        self.is_known = False
        self.first_coefficients: Array | None = None
        self.diverging = 0
        self.total = (0.0, math.inf, 0.0)
        self.open_levels: dict[int, int] = {}
        self.residual = math.inf
        self._tail = 1.0
        self.plan = Plan()

    @property
    def first_level(self) -> int:
        """The first level."""
        return ROOT_LEVEL if self.parent is None else 0

    @property
    def splittable(self) -> bool:
        """True if there are enough floating-point numbers between the ends for two halves."""
        half, separation = (self.b - self.a) / 2, _MIN_SEPARATION * max(abs(self.a), abs(self.b))
        return half * _GAPS[0] > separation and 2 * half > _NARROWEST

    @property
    def middle(self) -> float:
        """The point at which the interval is halved."""
        return 0.5 * self.a + 0.5 * self.b

    def points(self, level: int) -> list[float]:
        """Return the nodes of a level, ascending, with exact ends and an exact middle."""
        middle, half = self.middle, 0.5 * self.b - 0.5 * self.a
        points = [middle + half * node for node in RULES[level].nodes]
        points[0], points[len(points) // 2], points[-1] = self.a, middle, self.b
        return points

    def new_points(self, level: int) -> list[float]:
        """Return the nodes of a level that are not in the previous one."""
        points = self.points(level)
        return points if level == self.first_level else points[1::2]

    def complete(self, level: int, data: Mapping[float, float]) -> None:
        """Update the estimates after all values at a level became known."""
        new = coefficients([data[x] for x in self.points(level)], level)
        if self.level < 0 and self.parent is not None:
            self.diverging = self.parent.diverging
        self.level = level
        before, self.coefficients = self.coefficients, new if new is not None else np.zeros(SIZES[level])
        self.igral = (self.b - self.a) * float(self.coefficients[0]) * math.sqrt(0.5)
        if new is None:
            self._give_up_on_values()
        elif before is not None:
            self.residual = distance(new, before)
            self._decide(self.residual, math.inf)
        elif self.parent is not None:
            self.mean = float(new[0])
            self.first_coefficients = new
            self._compare_means(self.parent)
            self.compare_with_parent()

    def compare_with_parent(self) -> None:
        """Estimate the error at the first level from the prediction of the parent."""
        if self.parent is None or self.parent.coefficients is None or self.coefficients is None:
            return
        if not self.coefficients.any() and math.isinf(self.err) and self.step is not Step.REFINE:
            return
        known = self.parent.coefficients
        n, side = len(known), int(self.a != self.parent.a)
        predicted = TO_HALF[side][:n, :n].dot(known)
        # only at new nodes, so that the parent's higher degree does not count as an error
        self.residual = distance(RESTRICT[side][:, :n].dot(known), self.coefficients)
        self._decide(distance(predicted, self.coefficients), self.parent.residual)

    def _give_up_on_values(self) -> None:
        """Divide an interval without finite values, which has no interpolant."""
        if self.level == self.first_level:
            self.diverging += 1
        self.err = math.inf
        self.step = Step.SPLIT if self.splittable else Step.STOP

    def _compare_means(self, parent: Interval) -> None:
        """Measure the growth of the mean value as intervals shrink, to detect a singularity."""
        if parent.mean and self.mean / parent.mean >= _DIVERGING_GROWTH:
            self.diverging += 1
        # At a singularity |x|^-p, the error decreases by q = growth / 2 with each halving. The difference between two
        # halvings is the part that this step misses; all later steps miss q / (1 - q) times as much. The position of
        # the singularity in the interval changes with each halving, so several of them are compared.
        ancestor, steps = parent, 1
        while steps < _STEPS_OF_GROWTH and ancestor.parent is not None and ancestor.parent.mean:
            ancestor, steps = ancestor.parent, steps + 1
        growth = abs(self.mean / ancestor.mean) if ancestor.mean else 0.0
        q = min(0.5 * growth ** (1 / steps), 1.0)
        self._tail = min(max(1.0, q / max(1 - q, 1e-9)), _MAX_TAIL)

    def _decide(self, difference: float, residual_of_parent: float) -> None:
        """Estimate the error from the difference of two interpolants, and choose the next step."""
        assert self.coefficients is not None
        size, width = norm(self.coefficients), self.b - self.a
        n = len(self.coefficients)
        # the rounding of values, and of nodes, which matters for steep functions
        steepness = math.sqrt(2) * norm(DERIVATIVE[:n, :n].dot(self.coefficients))
        rounding = _EPS * (width * size + max(abs(self.a), abs(self.b)) * steepness)
        converges = difference <= _HINT * size
        if self.level == self.first_level:
            converges = self.residual <= _SLOW * residual_of_parent
        err = width * difference * (1.0 if converges else self._tail) + rounding
        self.err = err if math.isfinite(err) else math.inf
        self.is_known = err <= 2 * RULES[self.level].condition * rounding and math.isfinite(err)
        if self.is_known:
            self.step = Step.STOP
        elif self.level < self.max_level and converges:
            self.step = Step.REFINE
        elif self.splittable:
            self.step = Step.SPLIT
        else:
            self.step = Step.STOP
            self.err *= 2  # no later step could correct an estimate that is too small

    @property
    def diverges(self) -> bool:
        """True if the integral did not decrease in many halvings, so that it is infinite, or if no value is finite."""
        if self.diverging > _MAX_DIVERGING and 2 * self.diverging > self.generation:
            return True
        return not self.splittable and self._diverged_on_the_way()

    def _diverged_on_the_way(self) -> bool:
        """Return whether the mean value grew as fast as intervals shrank, in many halvings down to the narrowest.

        At numbers other than zero, there are too few halvings to count, and the growth is uneven because it depends on
        the position of the singularity in the interval.
        """
        ancestor, needed = self, abs(self.mean)
        for steps in range(1, _MAX_DIVERGING + 1):
            if ancestor.parent is None:
                return False
            ancestor, needed = ancestor.parent, 0.5 * needed
            if steps >= _MANY and 0 < abs(ancestor.mean) <= needed:
                return True
        return False

    def add_up(self) -> bool:
        """Sum the totals of the halves if both are known; return whether the total changed."""
        halves = self.halves
        if halves is not None and self.is_replaced:
            (i, e, f), (j, g, h) = halves[0].total, halves[1].total
            total = (i + j, e + g, f + h)
        else:
            total = (self.igral, self.err, self.err if self.step is Step.STOP else 0.0)
        changed = total != self.total
        self.total = total
        return changed

    @property
    def size(self) -> float:
        """The approximate integral of the absolute values."""
        if self.coefficients is None:
            return 0.0
        with np.errstate(over="ignore"):
            return math.sqrt(0.5) * (self.b - self.a) * norm(self.coefficients)

    @property
    def is_replaced(self) -> bool:
        """True if the halves are the better estimate."""
        halves = self.halves
        if halves is None or halves[0].level < 0 or halves[1].level < 0:
            return False
        if not self.is_known or self.err >= halves[0].total[1] + halves[1].total[1]:
            return True
        return any(self._deviation(half, side) > _CONFIRMED * self.err for side, half in enumerate(halves))

    def _deviation(self, half: Interval, side: int) -> float:
        """Return the deviation of a half's first values from the interpolant, as an error of the integral."""
        known, new = self.coefficients, half.first_coefficients
        if known is None or new is None:
            return math.inf
        return (half.b - half.a) * distance(RESTRICT[side][:, : len(known)].dot(known), new)

    def split(self) -> tuple[Interval, Interval]:
        """Return the two halves, which are created at the first call."""
        if self.halves is None:
            middle = self.middle
            self.halves = (Interval(self.a, middle, self), Interval(middle, self.b, self))
        return self.halves

    def __repr__(self) -> str:
        return f"<Interval ({self.a}, {self.b}), level {self.level}: {self.igral} ± {self.err}>"


# The smallest distance of two nodes, relative to the width of the interval.
_GAPS = tuple((RULES[level].nodes[1] + 1) / 2 for level in range(len(SIZES)))
