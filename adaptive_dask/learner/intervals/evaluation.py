"""Compute the losses of intervals between evaluated points, one by one or many at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.geometry.failed_region import interval_loss, interval_losses
from adaptive_dask.learner.intervals.data_scale import DataScale
from adaptive_dask.learner.intervals.points_on_line import PointsOnLine
from adaptive_dask.learner.intervals.slot_index import Slots
from adaptive_dask.learner.losses.checked_loss import checked_loss, checked_losses, name_of
from adaptive_dask.learner.losses.interval_loss import LossFunction, LossTraits

Array = NDArray[np.float64]


class IntervalEvaluation:
    """Calls a loss function for intervals, with scaled coordinates and neighbours.

    The loss function is not called for an interval with a NaN or infinite value at an end: its loss is its relative
    length, to the power `LossTraits.order`; if the function failed at an end, see `interval_loss`. A neighbour with
    such a value counts as missing, as do all those behind it. The loss of an interval narrower than the resolution is
    0.

    Parameters
    ----------
    line : PointsOnLine
    scale : DataScale
    loss_function : callable
    resolution : float
        The length below which an interval has no loss.

    Attributes
    ----------
    traits : LossTraits
    seam : pair of float, optional
        The bounds of a periodic axis: beyond them are the points on the other side.
    shape : tuple of int
        Shape of a value as passed to the loss function; ``()`` for floats. Loss functions for batches get flat arrays.
    has_unknown : bool
        True if the loss function may have returned NaN, an unknown loss, for some intervals.
    tolerance : float
        The length, in units of the domain, to which the border of a region without values is resolved.
    """

    def __init__(self, line: PointsOnLine, scale: DataScale, loss_function: LossFunction, resolution: float) -> None:
        self._line = line
        self._scale = scale
        self._function = loss_function
        self._resolution = resolution
        self.traits = LossTraits.of(loss_function)
        self.seam: tuple[float, float] | None = None
        self.shape: tuple[int, ...] = ()
        self.has_unknown = False
        self.tolerance = 0.0

    def one(self, left: int, right: int, dx: float) -> float:
        """Return the loss of the interval of length dx between two neighbouring slots."""
        if dx < self._resolution:
            return 0.0
        line = self._line
        slots = [left, right]
        left_at, right_at = line.left_at, line.right_at
        low, high = self.ends()
        for _ in range(self.traits.nth_neighbors):
            left = left_at[high if left and left == low else left] if left else 0
            right = right_at[low if right and right == high else right] if right else 0
            slots.insert(0, left)
            slots.append(right)
        x_at, x_scale, y_scale = line.x_at, self._scale.x, self._scale.y_divisor
        xs: list[float | None] = [x_at[s] / x_scale for s in slots]
        if low:
            places = self._unwrapped(np.array([[x_at[s] for s in slots]]), np.array([slots]))
            xs = (places[0] / x_scale).tolist()
        ys: list[Any]
        if self.shape:
            assert line.y is not None
            with np.errstate(over="ignore"):
                ys = list((line.y[slots] / y_scale).reshape(-1, *self._shown))
            finite = [bool(np.isfinite(y).all()) for y in ys]
        else:
            y_at = line.y_at
            ys = [y_at[s, 0] / y_scale for s in slots]
            finite = [math.isfinite(y) for y in ys]
        if not all(finite):
            reach = self.traits.nth_neighbors
            if not finite[reach] or not finite[reach + 1]:
                kind = int(line.failed[slots[reach]]) + int(line.failed[slots[reach + 1]])
                return interval_loss(dx / x_scale, self.traits.order, self.tolerance, kind)
            _hide_beyond(xs, ys, finite, range(reach, -1, -1))
            _hide_beyond(xs, ys, finite, range(reach + 1, len(xs)))
        if self.shape:
            with np.errstate(over="ignore", invalid="ignore"):
                loss = self._function(tuple(xs), tuple(ys))
        else:
            loss = self._function(tuple(xs), tuple(ys))
        return loss if type(loss) is float and loss == loss else self._checked(loss, slots)

    def many(self, slots: Slots, divisors: Array | None = None) -> Array:
        """Return the losses of many intervals.

        Parameters
        ----------
        slots : array of int, shape (n,)
            The left ends of the intervals.
        divisors : array of float, shape (n,), optional
            The divisor of the values of each interval; by default the present height.

        Returns
        -------
        losses : array of float, shape (n,)
        """
        line, scale = self._line, self._scale
        if not len(slots) or line.y is None:
            return np.empty(0)
        around = np.stack(self.around(slots), axis=1)
        xs = self._unwrapped(line.x[around], around) / scale.x
        ys = line.y[around]
        finite: Any = np.isfinite(ys).all(axis=2)
        with np.errstate(over="ignore"):
            ys /= scale.y_divisor if divisors is None else divisors[:, np.newaxis, np.newaxis]
        reach = self.traits.nth_neighbors
        dx = line.x[around[:, reach + 1]] - line.x[around[:, reach]]
        losses = np.ones(len(dx))
        there: slice | NDArray[np.bool_] = slice(None)
        if not finite.all():
            for outwards in (finite[:, reach::-1], finite[:, reach + 1 :]):
                outwards[:] = np.logical_and.accumulate(outwards, axis=1)
            xs[~finite] = np.nan
            ys[~finite] = np.nan
            there = finite[:, reach] & finite[:, reach + 1]
            kinds = line.failed[around[:, reach]].astype(np.intp) + line.failed[around[:, reach + 1]]
            losses = interval_losses(dx / scale.x, self.traits.order, self.tolerance, kinds)
        if self.traits.batch is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                some = self.traits.batch(xs[there], ys[there])
            losses[there] = checked_losses(some, len(xs[there]), name_of(self._function), "intervals")
        else:
            wide = dx >= self._resolution
            chosen = np.flatnonzero(wide if isinstance(there, slice) else wide & there)
            rows = zip(xs[chosen], ys[chosen], around[chosen].tolist(), strict=True)
            losses[chosen] = [self._call(*row) for row in rows]
        unknown = np.isnan(losses)
        if unknown.any():
            losses[unknown] = np.inf
            self.has_unknown = True
        losses[dx < self._resolution] = 0.0
        return losses

    def _call(self, xs: Array, ys: Array, slots: list[int]) -> float:
        missing = np.isnan(xs).tolist()
        values = ys.reshape(-1, *self._shown) if self.shape else ys[:, 0].tolist()
        loss = self._function(
            tuple(None if m else x for m, x in zip(missing, xs.tolist(), strict=True)),
            tuple(None if m else y for m, y in zip(missing, values, strict=True)),
        )
        return loss if type(loss) is float and loss == loss else self._checked(loss, slots)

    def _checked(self, loss: Any, slots: list[int]) -> float:
        """Check a loss that is not a plain number."""
        if not isinstance(loss, float) or loss != loss:
            left, right = (float(self._line.x[slots[self.traits.nth_neighbors + k]]) for k in (0, 1))
            loss = checked_loss(loss, f"the interval ({left!r}, {right!r}), from {name_of(self._function)},")
            self.has_unknown |= loss == math.inf
        return float(loss)

    @property
    def _shown(self) -> tuple[int, ...]:
        """The shape of each value for the loss function: flat arrays for batches."""
        return (math.prod(self.shape),) if self.traits.batch is not None else self.shape

    def around(self, left: Slots) -> list[Slots]:
        """Return the slots that the loss of each interval depends on, from left to right; 0 for missing points."""
        right = self._line.right[left]
        columns = [left, right]
        for _ in range(self.traits.nth_neighbors):
            left, right = self.left_of(left), self.right_of(right)
            columns = [left, *columns, right]
        return columns

    def ends(self) -> tuple[int, int]:
        """Return the slots of both sides of a seam if both are evaluated and neighbours matter; otherwise zeros."""
        if self.seam is None or not self.traits.nth_neighbors:
            return 0, 0
        line = self._line
        low, high = (line.slots.get(bound) or 0 for bound in self.seam)
        if not (low and high) or line.right_at[low] <= 0 or line.left_at[high] <= 0:
            return 0, 0
        return low, high

    def left_of(self, slots: Slots) -> Slots:
        """Return the evaluated points to the left, also across a seam; 0 for missing points."""
        low, high = self.ends()
        left: Slots = self._line.left[slots] * (slots != 0)
        return np.where(slots == low, self._line.left[high], left) if low else left

    def right_of(self, slots: Slots) -> Slots:
        """Return the evaluated points to the right, also across a seam; 0 for missing points."""
        low, high = self.ends()
        right: Slots = self._line.right[slots] * (slots != 0)
        return np.where(slots == high, self._line.right[low], right) if low else right

    def _unwrapped(self, xs: Array, slots: Slots) -> Array:
        """Move coordinates, shape (n, k), that are across a seam by a period, so that they ascend."""
        if not self.ends()[0]:
            return xs
        assert self.seam is not None
        period = self.seam[1] - self.seam[0]
        reach = self.traits.nth_neighbors
        xs = xs.copy()
        for i in range(reach - 1, -1, -1):
            xs[:, i] -= period * np.floor((xs[:, i] - xs[:, i + 1]) / period + 1)
        for i in range(reach + 2, xs.shape[1]):
            xs[:, i] += period * np.floor((xs[:, i - 1] - xs[:, i]) / period + 1)
        return np.where(slots > 0, xs, np.nan)


def _hide_beyond(xs: list[float | None], ys: list[Any], finite: list[bool], outwards: range) -> None:
    seen = True
    for i in outwards:
        seen = seen and finite[i]
        if not seen:
            xs[i] = ys[i] = None
