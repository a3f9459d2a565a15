"""Which of very many items has the largest loss, when losses change much more often than they are asked for."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import next_capacity

_LOWEST = -sys.float_info.max
_ABSENT = -np.inf

Entry = tuple[float, tuple[float, ...], int]


def _no_tie_break(item: int, priority: float) -> tuple[float, ...]:
    return ()


class LossQueue:
    """A priority queue over small non-negative integers, made for millions of items.

    All priorities live in one array. Only the items at the top, those above a moving threshold, are
    also in a heap: to change the priority of any other item is to write one number. When the heap
    runs empty the threshold sinks, and one pass over the array finds the next items for the heap. A
    pass takes a fixed share of all items (1/32, at least 256), so that its price per item taken out
    does not grow with their number, and the heap stays small enough for the cache.

    Entries of the heap whose priority has changed since are skipped when they come to the top.

    Parameters
    ----------
    tie_break : callable, optional
        ``tie_break(item, priority)``, a tuple of floats, sorts items of equal priority: the smallest
        tuple first. Without it, the smallest item is first. A tuple may grow while its item has the same
        priority, unless its first number is 0, which says that it stays; when one becomes smaller, call
        `forget_ties`.
    """

    def __init__(self, tie_break: Callable[[int, float], tuple[float, ...]] = _no_tie_break) -> None:
        self._tie_break = tie_break
        self._resize(256)
        self.clear()

    def clear(self) -> None:
        """Remove every item."""
        self._priorities.fill(_ABSENT)
        self._used = 0
        self._forget_heap()

    def priority(self, item: int) -> float:
        """The priority of ``item``; -inf if it is not in the queue."""
        return self._view[item] if item < self._used else _ABSENT

    def set(self, item: int, priority: float) -> None:
        """Add ``item`` or change its priority; -inf takes it out. NaN is not a priority."""
        if item >= self._used:
            self._use(item + 1)
        view = self._view
        if view[item] == priority:
            return
        view[item] = priority
        if priority >= self._threshold:
            self._push(item, priority)

    def set_many(self, items: NDArray[np.integer[Any]], priorities: NDArray[np.float64]) -> None:
        """Add items or change their priorities.

        Parameters
        ----------
        items : array of int, shape (n,)
            Each item once.
        priorities : array of float, shape (n,)
        """
        if not len(items):
            return
        highest = int(items.max())
        if highest >= self._used:
            self._use(highest + 1)
        hot = priorities >= self._threshold
        if hot.any():
            hot &= self._priorities[items] != priorities
        self._priorities[items] = priorities
        for item, priority in zip(items[hot].tolist(), priorities[hot].tolist(), strict=True):
            if priority >= self._threshold:  # a push may have given up the heap
                self._push(item, priority)

    def remove(self, item: int) -> None:
        """Take ``item`` out; nothing happens if it is not in the queue."""
        if item < self._used:
            self._view[item] = _ABSENT

    def forget_ties(self) -> None:
        """Read all tie-breaks again: needed when one became smaller, or an item stands for something else."""
        self._forget_heap()

    def peek(self) -> int | None:
        """The item with the largest priority, or None if the queue is empty."""
        heap, view = self._heap, self._view
        while True:
            while heap:
                negative, tie, item = heap[0]
                if view[item] == -negative:
                    if not (tie and tie[0]) or self._is_current(heap[0]):
                        return item
                else:
                    heapq.heappop(heap)
            if not self._sink_threshold():
                return None
            heap = self._heap

    def pop(self) -> int | None:
        """Take out the item with the largest priority and return it, or None if the queue is empty."""
        item = self.peek()
        if item is not None:
            heapq.heappop(self._heap)
            self._view[item] = _ABSENT
        return item

    def pop_many(self, n: int) -> tuple[list[int], list[float]]:
        """Take out the n items with the largest priorities, or all there are.

        Returns
        -------
        items : list of int
            From the largest priority down.
        priorities : list of float
        """
        items: list[int] = []
        priorities: list[float] = []
        view = self._view
        while len(items) < n and self.peek() is not None:
            heap = self._heap
            while heap and len(items) < n:
                negative, tie, item = heap[0]
                if view[item] == -negative:
                    if tie and tie[0] and not self._is_current(heap[0]):
                        continue
                    view[item] = _ABSENT
                    items.append(item)
                    priorities.append(-negative)
                heapq.heappop(heap)
        return items, priorities

    def _is_current(self, top: Entry) -> bool:
        """Whether the tie-break of the heap's top is as it was read; if not, it is read again and the top sinks."""
        negative, tie, item = top
        now = self._tie_break(item, -negative)
        if now == tie:
            return True
        heapq.heapreplace(self._heap, (negative, now, item))
        return False

    def _push(self, item: int, priority: float) -> None:
        heapq.heappush(self._heap, (-priority, self._tie_break(item, priority), item))
        if len(self._heap) > self._heap_limit:
            # Nobody has looked for long; whoever looks next pays for one pass.
            self._forget_heap()

    def _forget_heap(self) -> None:
        self._heap: list[Entry] = []
        self._threshold = np.inf
        self._heap_limit = 1024

    def _sink_threshold(self) -> bool:
        """Fill the empty heap with the next items; False if there are none."""
        if self._threshold == _LOWEST:
            return False
        priorities = self._priorities[: self._used]
        size = max(256, self._used // 32)
        threshold = _LOWEST
        if self._used > 2 * size:
            threshold = max(_LOWEST, float(np.partition(priorities, self._used - size)[self._used - size]))
        items = np.flatnonzero(priorities >= threshold)
        tie_break = self._tie_break
        self._heap = [
            (-priority, tie_break(item, priority), item)
            for item, priority in zip(items.tolist(), priorities[items].tolist(), strict=True)
        ]
        heapq.heapify(self._heap)
        self._threshold = threshold
        self._heap_limit = 1024 + 4 * len(self._heap) + self._used // 8
        return bool(self._heap)

    def _use(self, size: int) -> None:
        if size > len(self._priorities):
            old = self._priorities[: self._used].copy()
            self._resize(max(size, next_capacity(len(self._priorities))))
            self._priorities[: len(old)] = old
        self._used = size

    def _resize(self, size: int) -> None:
        self._priorities: NDArray[np.float64] = np.full(size, _ABSENT)
        # Reading one number through a memoryview takes half the time of reading it from the array.
        self._view: Any = self._priorities.data

    def __getstate__(self) -> None:
        raise TypeError("A LossQueue is rebuilt from the losses, not pickled.")
