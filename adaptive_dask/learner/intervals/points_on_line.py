"""Points on a line, evaluated and pending, with their neighbours on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import longer, next_capacity
from adaptive_dask.learner.intervals.slot_index import SlotIndex, Slots
from adaptive_dask.learner.intervals.sorted_points import SortedPoints

# The number of points up to which points are inserted one by one, even if they are a large part of all.
_FEW = 32

PENDING = -1
OUTSIDE = -2


class PointsOnLine:
    """Evaluated and pending points in arrays, linked to their neighbours by index.

    Every point has a *slot*, a fixed index into all arrays. Adding a point moves no memory, because two linked chains
    connect neighbours.

    - ``before``/``after`` link all points between the bounds, evaluated or pending.
    - ``left``/``right`` link the evaluated points between the bounds only.

    Slot 0 is not a point: it closes both chains into rings, and its x and y are NaN. ``after[0]`` is therefore the
    first point, ``before[0]`` the last, and a point without a right neighbour has ``right`` 0. ``right`` is `PENDING`
    for pending points, and `OUTSIDE` for a point that was evaluated outside the bounds, which is in neither chain.
    ``after`` of a pending point outside is `OUTSIDE`.

    Attributes
    ----------
    x : array of float, shape (capacity,)
    y : array of float, shape (capacity, vdim)
    told : array of int, shape (capacity,)
        The slots of the evaluated points, in the order in which they were told; ``n_told`` of them.
    slots : SlotIndex
        The slot of each point.
    failed : array of bool, shape (capacity,)
        The evaluated points where the function has no value; their y is NaN.
    barred : list of int
        The slots of points that are never evaluated; they are linked like evaluated ones, and are in ``failed``.
    x_at, y_at, before_at, after_at, left_at, right_at : memoryview
        The same memory as the arrays, faster to read and write one number at a time.
    """

    def __init__(self) -> None:
        self.y: NDArray[np.float64] | None = None
        self.failed: NDArray[np.bool_] = np.zeros(256, dtype=bool)
        self._place(np.full(256, np.nan), *(np.zeros(256, dtype=np.int32) for _ in range(5)))
        self.forget()

    def forget(self) -> None:
        """Remove every point."""
        self.slots = SlotIndex()
        self.n_told = 0
        self._n_slots = 1
        self._free: list[int] = []
        self._sorted: SortedPoints | None = None  # the recent points in the chain, except for `_unsorted`
        self._unsorted: list[float] = []
        for chain in (self.before, self.after, self.left, self.right):
            chain[0] = 0
        self.x[0] = np.nan
        self.failed[:] = False
        self.barred: list[int] = []

    @property
    def n_slots(self) -> int:
        """One more than the largest slot in use."""
        return self._n_slots

    def is_pending(self, slot: int) -> bool:
        """Return whether a point is pending."""
        return bool(self.right_at[slot] == PENDING)

    def predecessor(self, x: float) -> int:
        """Return the slot of the last point in the chain of all points that is smaller than ``x``, or 0."""
        recent = self.slots.recent
        if self._sorted is None or len(self._unsorted) > max(_FEW, len(self._sorted) // 8):
            after_at, right_at = self.after_at, self.right_at
            inside = (x for x, s in recent.items() if after_at[s] != OUTSIDE != right_at[s])
            self._sorted = SortedPoints(sorted(inside))
        else:
            for point in self._unsorted:
                self._sorted.add(point)
        self._unsorted = []
        settled = self.slots.settled_below(x)
        if self.right_at[settled] == OUTSIDE:  # so there is none between the lower bound and x
            settled = 0
        below = self._sorted.predecessor(x)
        return settled if below is None or below < self.x_at[settled] else recent[below]

    def in_chain(self) -> tuple[NDArray[np.float64], Slots]:
        """Return all points between the bounds, in ascending order, and their slots."""
        used = np.zeros(self._n_slots, dtype=bool)
        used[1:] = (self.after[1 : self._n_slots] != OUTSIDE) & (self.right[1 : self._n_slots] != OUTSIDE)
        used[self._free] = False
        slots = np.flatnonzero(used)
        slots = slots[np.argsort(self.x[slots])]
        return self.x[slots], slots

    def add_outside(self, x: float) -> int:
        """Add a pending point that is not between the bounds."""
        slot = self._new_slot(x)
        self.right_at[slot] = PENDING
        self.after_at[slot] = OUTSIDE
        return slot

    def insert(self, x: float, before: int | None = None) -> int:
        """Add a pending point between the bounds, after the slot ``before`` if it is known."""
        slot = self._new_slot(x)
        if before is None:
            before = self.predecessor(x)
        if self._sorted is not None:
            self._unsorted.append(x)
        after_at, before_at = self.after_at, self.before_at
        after = after_at[before]
        after_at[before] = slot
        before_at[slot] = before
        after_at[slot] = after
        before_at[after] = slot
        self.right_at[slot] = PENDING
        return slot

    def insert_many(self, xs: NDArray[np.float64], before: Slots) -> Slots:
        """Add pending points between the bounds, each after a point that is not the last.

        Parameters
        ----------
        xs : array of float, shape (n,)
        before : array of int, shape (n,)
            The slots of their predecessors, without duplicates.

        Returns
        -------
        slots : array of int, shape (n,)
        """
        points = xs.tolist()
        if self._free:
            return np.array([self.insert(x, b) for x, b in zip(points, before.tolist(), strict=True)], dtype=np.intp)
        first, end = self._n_slots, self._n_slots + len(points)
        self._reserve(end)
        self._n_slots = end
        slots = np.arange(first, end)
        self.slots.recent.update(zip(points, range(first, end), strict=True))
        if self._sorted is not None:
            self._unsorted += points
        after = self.after[before]
        self.x[slots] = xs
        self.after[before] = slots
        self.before[slots] = before
        self.after[slots] = after
        self.before[after] = slots
        self.right[slots] = PENDING
        return slots

    def evaluated_before(self, slot: int) -> int:
        """Return the last evaluated point that is not above that in ``slot``, or 0.

        The search is in both directions at once, so that it is short even among many pending points.
        """
        right_at, before_at, after_at = self.right_at, self.before_at, self.after_at
        down, up = slot, after_at[slot]
        while True:
            if right_at[down] >= 0:
                return int(down)
            if right_at[up] >= 0:
                return int(self.left_at[up])
            down = before_at[down]
            up = after_at[up]

    def evaluated_before_many(self, slots: Slots) -> Slots:
        """Return `evaluated_before` for many slots, shape (n,)."""
        found = slots
        for _ in range(8):
            pending = self.right[found] == PENDING
            if not pending.any():
                return found
            found = np.where(pending, self.before[found], found)
        return np.array([self.evaluated_before(slot) for slot in found.tolist()], dtype=np.intp)

    def mark_evaluated(self, slot: int) -> None:
        """Mark a pending point as evaluated; its y must be set."""
        self.told[self.n_told] = slot
        if self.after_at[slot] == OUTSIDE:
            self.right_at[slot] = OUTSIDE
        else:
            self._link_evaluated(slot)
        # last, because another thread may read this number of points at any time
        self.n_told += 1
        if self.slots.is_full:
            self._settle()

    def mark_many_evaluated(self, slots: Slots) -> None:
        """Call `mark_evaluated` for pending points, shape (n,), in this order."""
        before, after = self.before[slots], self.after[slots]
        if min(after.min(), self.right[before].min(), self.right[after].min()) < 0:
            for slot in slots.tolist():
                self.mark_evaluated(slot)
            return
        # Each of them is the only pending point between two evaluated ones.
        self.right[before] = self.left[after] = slots
        self.left[slots], self.right[slots] = before, after
        self.told[self.n_told : self.n_told + len(slots)] = slots
        self.n_told += len(slots)
        if self.slots.is_full:
            self._settle()

    def bar(self, x: float) -> int:
        """Add a point between the bounds that is never evaluated, where the function has no value."""
        slot = self.insert(x)
        self._link_evaluated(slot)
        self.failed[slot] = True
        self.barred.append(slot)
        return slot

    def _link_evaluated(self, slot: int) -> None:
        right_at, left_at = self.right_at, self.left_at
        left = self.evaluated_before(slot)
        right = right_at[left]
        right_at[left] = slot
        left_at[slot] = left
        right_at[slot] = right
        left_at[right] = slot

    def remove(self, slot: int) -> None:
        """Remove a pending point."""
        if self.after_at[slot] != OUTSIDE:
            before, after = self.before_at[slot], self.after_at[slot]
            self.after_at[before] = after
            self.before_at[after] = before
        del self.slots.recent[float(self.x_at[slot])]
        self._free.append(slot)
        self._sorted = None

    def add_evaluated(self, xs: NDArray[np.float64], ys: NDArray[np.float64], inside: NDArray[np.bool_]) -> Slots:
        """Add very many points, or mark them as evaluated, and relink both chains.

        Parameters
        ----------
        xs : array of float, shape (n,)
            Distinct points that were not evaluated before.
        ys : array of float, shape (n, vdim)
        inside : array of bool, shape (n,)
            True for points between the bounds.

        Returns
        -------
        slots : array of int, shape (n,)
        """
        slots = np.empty(len(xs), dtype=np.intp)
        pending = self.slots.recent
        n_slots = self._n_slots
        self._reserve(n_slots + len(xs))
        for i, x in enumerate(xs.tolist()):
            slot = pending.get(x)
            if slot is None:
                slot = n_slots
                n_slots += 1
            slots[i] = slot
        self._n_slots = n_slots
        self.x[slots] = xs
        self.after[slots] = np.where(inside, 0, OUTSIDE)
        self.right[slots] = np.where(inside, 0, OUTSIDE)
        self.told[self.n_told : self.n_told + len(xs)] = slots
        assert self.y is not None
        self.y[slots] = ys
        self.slots.settle(xs, slots)
        self.n_told += len(xs)
        self._sorted = None

        _, chain = self.in_chain()
        _link(self.before, self.after, chain)
        _link(self.left, self.right, chain[self.right[chain] != PENDING])
        return slots

    def reserve_y(self, vdim: int) -> None:
        """Make room for values of length ``vdim``; called before the first value that is not NaN."""
        self._place_y(np.full((len(self.x), vdim), np.nan))

    def _new_slot(self, x: float) -> int:
        if self._free:
            slot = self._free.pop()
        else:
            slot = self._n_slots
            if slot == len(self.x):
                self._reserve(slot + 1)
            self._n_slots = slot + 1
        self.x_at[slot] = x
        self.slots.recent[x] = slot
        return slot

    def _settle(self) -> None:
        slots = np.array(list(self.slots.recent.values()), dtype=np.int32)
        slots = slots[self.right[slots] != PENDING]
        self.slots.settle(self.x[slots], slots)
        self._sorted = None

    def _reserve(self, size: int) -> None:
        if size <= len(self.x):
            return
        size = max(size, next_capacity(len(self.x)))
        # Filled before they are assigned, so that another thread reads either the old arrays or the new ones.
        arrays = (self.x, self.before, self.after, self.left, self.right, self.told)
        self._place(*(longer(array, size) for array in arrays))
        self.failed = longer(self.failed, size)
        if self.y is not None:
            self._place_y(longer(self.y, size))

    def _place(self, x: NDArray[np.float64], *links: Slots) -> None:
        self.x = x
        self.before, self.after, self.left, self.right, self.told = links
        self.x_at: Any = x.data
        self.before_at, self.after_at, self.left_at, self.right_at = (link.data for link in links[:4])

    def _place_y(self, y: NDArray[np.float64]) -> None:
        self.y = y
        self.y_at: Any = y.data


def _link(backward: Slots, forward: Slots, chain: Slots) -> None:
    ring: Slots = np.concatenate(([0], chain, [0]))
    forward[ring[:-1]] = ring[1:]
    backward[ring[1:]] = ring[:-1]
