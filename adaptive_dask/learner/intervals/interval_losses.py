"""The losses of the intervals of a `Learner1D`, kept current as points come in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import longer
from adaptive_dask.learner.intervals.data_scale import DataScale
from adaptive_dask.learner.intervals.evaluation import IntervalEvaluation
from adaptive_dask.learner.intervals.points_on_line import PENDING, PointsOnLine
from adaptive_dask.learner.intervals.ranking import IntervalRanking
from adaptive_dask.learner.intervals.slot_index import Slots
from adaptive_dask.learner.loss_queue import LossQueue
from adaptive_dask.learner.losses.interval_loss import LossFunction

Array = NDArray[np.float64]

_NOTHING = -math.inf


class IntervalLosses:
    """The loss of every interval, and the ranking of the intervals.

    An interval is identified by the slot of its left end. *Known* intervals are between evaluated points; their loss is
    that of the loss function. *Open* intervals are between points that are evaluated or pending. An open interval
    inside a known one has a share of its loss, in proportion to its length (to the power `LossTraits.order`); other
    open intervals have an infinite loss.

    An interval that contains no floating-point number is never divided.

    Parameters
    ----------
    line : PointsOnLine
    scale : DataScale
    loss_function : callable
    resolution : float
        The length below which an interval has no loss.
    only_whole : bool, default: False
        True if only integers are points. An interval that contains none has the loss 0, and is never divided.

    Attributes
    ----------
    known, open : array of float, shape (capacity,)
        The loss of each interval in the slot of its left end; infinite if it is unknown.
    known_queue, open_queue : LossQueue
    evaluation : IntervalEvaluation
    ranking : IntervalRanking
    traits : LossTraits
    recompute_factor : float
        All losses are computed again when the height of the data has grown by this factor.
    """

    def __init__(
        self,
        line: PointsOnLine,
        scale: DataScale,
        loss_function: LossFunction,
        resolution: float,
        only_whole: bool = False,
    ) -> None:
        self._line = line
        self._scale = scale
        self.only_whole = only_whole
        self._least = 2.0 if only_whole else 0.0  # the minimum length of an interval that can be divided
        resolution = max(resolution, self._least)
        self.evaluation = IntervalEvaluation(line, scale, loss_function, resolution)
        self.traits = self.evaluation.traits
        self.ranking = IntervalRanking(self.traits, scale.x)
        self.recompute_factor = 2.0
        self.known_queue = LossQueue(self._known_tie_break)
        self.open_queue = LossQueue(self._open_tie_break)
        self.known: Array = np.empty(0)
        self.open: Array = np.empty(0)
        self.reserve()

    # -- one interval at a time ------------------------------------------------------------------

    def refresh_around(self, slot: int) -> None:
        """Compute the losses that a newly evaluated point changes."""
        line, reach = self._line, self.traits.nth_neighbors + 1
        self.reserve()
        left_at, right_at = line.left_at, line.right_at
        left = slot
        low, high = self.evaluation.ends()
        for _ in range(reach):
            left = left_at[high if low and left == low else left]
            if not left:
                break
            self._refresh(left)
        here = slot
        for _ in range(reach):
            here = low if low and here == high else here
            if not right_at[here]:
                break
            self._refresh(here)
            here = right_at[here]
        self._close_ends(slot)

    def refresh_pending(self, slot: int, known: int | None = None) -> None:
        """Divide the open interval that contains a new pending point.

        Parameters
        ----------
        slot : int
        known : int, optional
            The slot of the last evaluated point before it (0 for none), if it is known.
        """
        line = self._line
        self.reserve()
        before = line.before_at[slot]
        loss, dx = self._around(line.evaluated_before(before) if known is None else known)
        if before:
            self._set_open(before, loss, dx)
        if line.after_at[slot]:
            self._set_open(slot, loss, dx)

    def remove_pending(self, slots: list[int]) -> None:
        """Remove pending points and join the open intervals on both sides of them."""
        line, beside = self._line, set()
        for slot in slots:
            if line.after_at[slot] >= 0:
                beside.add(line.before_at[slot])
            line.remove(slot)
            self.open_queue.remove(slot)
        for left in beside.difference(slots, [0]):
            if line.after_at[left]:
                known = line.evaluated_before(left)
                loss, dx = self._around(known)
                self._set_open(left, loss, dx)
            else:
                self.open_queue.remove(left)
        # The slots will be used again for other points.
        self.open_queue.forget_ties()
        self.known_queue.forget_ties()  # to free its heap, because runs call this at their end

    def _around(self, known: int) -> tuple[float, float]:
        """Return loss and length of the known interval that begins there; infinite beyond the outermost points."""
        line = self._line
        right = line.right_at[known]
        if not known or not right:
            return math.inf, 1.0
        return self.known_at[known], line.x_at[right] - line.x_at[known]

    def _refresh(self, left: int) -> None:
        line = self._line
        x_at = line.x_at
        right = line.right_at[left]
        dx = x_at[right] - x_at[left]
        loss = self.evaluation.one(left, right, dx)
        self.known_at[left] = loss
        self.known_queue.set(left, self.ranking.rank(loss, dx))
        after_at = line.after_at
        while left != right:
            self._set_open(left, loss, dx)
            left = after_at[left]

    def _close_ends(self, slot: int) -> None:
        """Set the losses of open intervals beyond the first and the last evaluated point to infinity."""
        line = self._line
        before = line.before_at[slot]
        if before and not line.left_at[slot]:
            self._set_open(before, math.inf, 1.0)
        if not line.right_at[slot]:
            if line.after_at[slot]:
                self._set_open(slot, math.inf, 1.0)
            else:
                self.open_queue.remove(slot)

    def _set_open(self, left: int, loss: float, dx: float) -> None:
        x_at = self._line.x_at
        a, b = x_at[left], x_at[self._line.after_at[left]]
        length = b - a
        if length != dx and loss != math.inf:
            order = self.traits.order
            loss = length * loss / dx if order == 1 else (length / dx) ** order * loss
        self.open_at[left] = loss
        can_divide = a < a + 0.5 * length < b and length >= self._least
        self.open_queue.set(left, self.ranking.rank(loss, length) if can_divide else _NOTHING)

    # -- many at once ----------------------------------------------------------------------------

    def refresh_around_many(self, slots: Slots, heights: Array | None) -> None:
        """Call `refresh_around` for points that were told one after the other, all at once.

        Parameters
        ----------
        slots : array of int, shape (n,)
            The newly evaluated points between the bounds, in the order in which they were told.
        heights : array of float, shape (n,), or None
            The height of the data after each point; None if it did not change.
        """
        line, reach = self._line, self.traits.nth_neighbors + 1
        self.reserve()
        low, high = self.evaluation.ends()
        columns: list[Slots] = []
        left = right = slots
        for _ in range(reach):
            left = self.evaluation.left_of(left)
            right = np.where(right == high, low, right) if low else right
            columns += [left, right]
            right = line.right[right] * (right != 0)
        touched = np.unique(np.concatenate(columns))
        touched = touched[(line.right[touched] > 0) & (touched > 0)]

        divisors: Array | None = None
        if heights is not None:
            touched, divisors = self._divisors(slots, heights, touched)
        losses = self.evaluation.many(touched, divisors)
        self._set_known(touched, losses)

        whole = line.after[touched] == line.right[touched]
        self._set_open_many(touched[whole], losses[whole])
        for left_end, loss in zip(touched[~whole].tolist(), losses[~whole].tolist(), strict=True):
            here, end = left_end, line.right_at[left_end]
            dx = line.x_at[end] - line.x_at[left_end]
            while here != end:
                self._set_open(here, loss, dx)
                here = line.after_at[here]
        for slot in slots[(line.left[slots] == 0) | (line.right[slots] == 0)].tolist():
            self._close_ends(slot)

    def refresh_pending_many(self, slots: Slots) -> None:
        """Call `refresh_pending` for new pending points with neighbours on both sides, in different open intervals."""
        line = self._line
        self.reserve()
        before = line.before[slots]
        left = line.evaluated_before_many(before)
        right = line.right[left]
        known = (left > 0) & (right > 0)
        losses = np.where(known, self.known[left], np.inf)
        dx = line.x[right] - line.x[left]
        for pieces in (before, slots):
            shares = self._share(losses, line.x[line.after[pieces]] - line.x[pieces], dx)
            self._set_open_many(pieces, np.where(known, shares, np.inf))

    def refresh_all(self) -> None:
        """Compute every loss with the present scale."""
        self._scale.recomputed_y = self._scale.y
        slots = self.known_slots()
        self.set_all(slots, self.evaluation.many(slots))

    def rebuild(self) -> None:
        """Compute all losses after many points were told at once.

        If a pending point is before the first evaluated one, the first known intervals that pending points divide count
        as unknown until the next result there. python-adaptive does the same, and chooses the same points.
        """
        self.ranking.width = self._scale.x
        self.refresh_all()
        line = self._line
        here = line.after_at[0]
        if not line.is_pending(here):
            return
        here = line.right_at[0]
        while line.right_at[here] and line.after_at[here] != line.right_at[here]:
            end = line.right_at[here]
            while here != end:
                self._set_open(here, math.inf, 1.0)
                here = line.after_at[here]

    def set_all(self, slots: Slots, losses: Array) -> None:
        """Set the losses of all known intervals, and those of all open intervals accordingly.

        Parameters
        ----------
        slots : array of int, shape (n,)
            The left end of every known interval.
        losses : array of float, shape (n,)
        """
        line = self._line
        self.reserve()
        self.known_queue.clear()
        self.open_queue.clear()
        self._set_known(slots, losses)
        xs, chain = line.in_chain()
        if len(chain) < 2:
            return
        evaluated = line.right[chain] != PENDING
        # For each open interval, begin and end of the known interval around it in the chain.
        positions = np.arange(len(chain))
        start = np.maximum.accumulate(np.where(evaluated, positions, -1))[:-1]
        end = np.minimum.accumulate(np.where(evaluated, positions, len(chain))[::-1])[::-1][1:]
        inside = (start >= 0) & (end < len(chain))
        start, end = np.where(inside, start, 0), np.where(inside, end, 1)
        around = np.where(inside, self.known[chain[start]], np.inf)
        shares = self._share(around, np.diff(xs), xs[end] - xs[start])
        self._set_open_many(chain[:-1], np.where(inside, shares, np.inf))

    def _share(self, losses: Array, lengths: Array, dx: Array) -> Array:
        """Return the losses of pieces of some lengths, given the losses of intervals of lengths dx."""
        with np.errstate(over="ignore"):
            if self.traits.order == 1:
                return np.where(lengths == dx, losses, lengths * losses / dx)
            return np.where(lengths == dx, losses, (lengths / dx) ** self.traits.order * losses)

    def restore(self, losses: Array) -> None:
        """Set the losses of all known intervals, given in the order in which their left ends were told."""
        line = self._line
        slots = line.told[: line.n_told]
        known = line.right[slots] > 0
        self.set_all(slots[known], losses[known])

    def has_unknown(self) -> bool:
        """Return whether the loss function has returned NaN, an unknown loss, for an interval.

        Checks all intervals if this has ever happened.
        """
        if self.evaluation.has_unknown:
            self.evaluation.has_unknown = bool(np.isinf(self.known[self.known_slots()]).any())
        return self.evaluation.has_unknown

    def known_slots(self) -> Slots:
        """Return the left ends of all known intervals."""
        line = self._line
        slots: Slots = np.concatenate([line.told[: line.n_told], np.array(line.barred, dtype=line.told.dtype)])
        slots.sort()
        return slots[line.right[slots] > 0]

    def _divisors(self, slots: Slots, heights: Array, touched: Slots) -> tuple[Slots, Array]:
        """Return the height for each loss: that after the last result which changed the loss.

        When the height has grown by more than `recompute_factor`, all losses are computed again.
        """
        scale = self._scale
        everything = -1
        for t in np.flatnonzero(heights > self.recompute_factor * scale.recomputed_y).tolist():
            if heights[t] > self.recompute_factor * scale.recomputed_y:
                everything = t
                scale.recomputed_y = float(heights[t])
        if everything >= 0:
            touched = self.known_slots()
        order = np.argsort(slots)
        ordered = slots[order]
        last = np.full(len(touched), everything)
        for column in self.evaluation.around(touched):
            position = np.minimum(np.searchsorted(ordered, column), len(ordered) - 1)
            told = np.where(ordered[position] == column, order[position], -1)
            last = np.maximum(last, told)
        divisors = heights[last]
        return touched, np.where(divisors == 0, scale.y_divisor, divisors)

    def _set_known(self, slots: Slots, losses: Array) -> None:
        line = self._line
        self.known[slots] = losses
        self.known_queue.set_many(slots, self.ranking.ranks(losses, line.x[line.right[slots]] - line.x[slots]))

    def _set_open_many(self, slots: Slots, losses: Array) -> None:
        line = self._line
        a, b = line.x[slots], line.x[line.after[slots]]
        lengths = b - a
        middle = a + 0.5 * lengths
        ranks = self.ranking.ranks(losses, lengths)
        ranks[(middle <= a) | (middle >= b) | (lengths < self._least)] = _NOTHING
        self.open[slots] = losses
        self.open_queue.set_many(slots, ranks)

    def reserve(self) -> None:
        """Extend the arrays to the length of those of the points."""
        size = len(self._line.x)
        if len(self.known) != size:
            self.known, self.open = longer(self.known, size), longer(self.open, size)
            self.known_at: Any = self.known.data
            self.open_at: Any = self.open.data

    def _known_tie_break(self, left: int, rank: float) -> tuple[float, ...]:
        x_at = self._line.x_at
        return self.ranking.tie_break(x_at[left], x_at[self._line.right_at[left]] - x_at[left], rank)

    def _open_tie_break(self, left: int, rank: float) -> tuple[float, ...]:
        x_at = self._line.x_at
        if rank > 0 and self.ranking.shrinks:  # as `tie_break`, which is called for most points
            return 0, x_at[left]
        return self.ranking.tie_break(x_at[left], x_at[self._line.after_at[left]] - x_at[left], rank)
