"""A priority queue of very many items, whose losses change much more often than they are read."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import longer, next_capacity, zeros

_LOWEST = -sys.float_info.max
_ABSENT = -np.inf

# An item of the heap takes 200 bytes, and a heap that was emptied may be read only once.
_FIRST_PASS = 256

Entry = tuple[Any, ...]  # negative priority, tie-break, item


def _no_tie_break(item: int, priority: float) -> tuple[float, ...]:
    return ()


class LossQueue:
    """A priority queue of small non-negative integers, for millions of items.

    All priorities are in one array. Only the items above a threshold are also in a heap, so changing the priority of
    another item writes one number. When the heap is empty, the threshold is lowered, and one pass over the array finds
    the next items for the heap: 256, then twice as many in each pass, up to a fixed share of all items (1/32). The cost
    of a pass per item therefore does not grow with their number, and the heap fits into the cache.

    Entries of the heap with an outdated priority are skipped when they reach the top.

    Parameters
    ----------
    tie_break : callable, optional
        ``tie_break(item, priority)`` returns a tuple of floats that sorts items of equal priority, the smallest tuple
        first. By default, the smallest item is first. A tuple may grow while the priority of its item is the same,
        unless its first number is 0, which marks a constant. If a tuple becomes smaller, call `forget_ties`.
    """

    def __init__(self, tie_break: Callable[[int, float], tuple[float, ...]] = _no_tie_break) -> None:
        self._tie_break = tie_break
        self._place(np.empty(256))
        self.clear()

    def clear(self) -> None:
        """Remove every item."""
        self._used = 0
        self._forget_heap()

    def priority(self, item: int) -> float:
        """Return the priority of ``item``; -inf if it is not in the queue."""
        return self._view[item] if item < self._used else _ABSENT

    def set(self, item: int, priority: float) -> None:
        """Add ``item`` or change its priority; -inf removes it. NaN is invalid."""
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
            Without duplicates.
        priorities : array of float, shape (n,)
        """
        if not len(items):
            return
        highest = int(np.maximum.reduce(items))  # the same as `max` with less overhead
        if highest >= self._used:
            self._use(highest + 1)
        hot = (priorities >= self._threshold).nonzero()[0]
        if len(hot):
            hot = hot[self._priorities[items[hot]] != priorities[hot]]
        self._priorities[items] = priorities
        if len(hot):
            for item, priority in zip(items[hot].tolist(), priorities[hot].tolist(), strict=True):
                if priority >= self._threshold:  # the heap may have been discarded by a push
                    self._push(item, priority)

    def remove(self, item: int) -> None:
        """Remove ``item``, if it is in the queue."""
        if item < self._used:
            self._view[item] = _ABSENT

    def forget_ties(self) -> None:
        """Read all tie-breaks again, because one became smaller, or the meaning of an item has changed."""
        self._forget_heap()

    def peek(self) -> int | None:
        """Return the item with the largest priority, or None if the queue is empty."""
        heap, view = self._heap, self._view
        while True:
            while heap:
                top = heap[0]
                item = top[-1]
                if view[item] == -top[0]:
                    if not (len(top) > 2 and top[1]) or self._is_current(top):
                        return int(item)
                else:
                    heapq.heappop(heap)
            if not self._sink_threshold():
                return None
            heap = self._heap

    def pop(self) -> int | None:
        """Remove and return the item with the largest priority, or return None if the queue is empty."""
        item = self.peek()
        if item is not None:
            heapq.heappop(self._heap)
            self._view[item] = _ABSENT
        return item

    def pop_many(self, n: int) -> tuple[list[int], list[float]]:
        """Remove the n items with the largest priorities, or all if there are fewer.

        Returns
        -------
        items : list of int
            In descending order of priority.
        priorities : list of float
        """
        items: list[int] = []
        priorities: list[float] = []
        view = self._view
        while len(items) < n and self.peek() is not None:
            heap = self._heap
            while heap and len(items) < n:
                top = heap[0]
                item = top[-1]
                if view[item] == -top[0]:
                    if len(top) > 2 and top[1] and not self._is_current(top):
                        continue
                    view[item] = _ABSENT
                    items.append(item)
                    priorities.append(-top[0])
                heapq.heappop(heap)
        return items, priorities

    def _is_current(self, top: Entry) -> bool:
        """Return True if the tie-break of the heap's top has not changed; otherwise, update the heap."""
        now = (top[0], *self._tie_break(top[-1], -top[0]), top[-1])
        if now == top:
            return True
        heapq.heapreplace(self._heap, now)
        return False

    def _push(self, item: int, priority: float) -> None:
        heapq.heappush(self._heap, (-priority, *self._tie_break(item, priority), item))
        if len(self._heap) > self._heap_limit:
            # The heap was not read for a long time; the next query needs one pass.
            self._forget_heap()

    def _forget_heap(self) -> None:
        self._heap: list[Entry] = []
        self._threshold = np.inf
        self._heap_limit = 1024
        self._pass_size = _FIRST_PASS

    def _sink_threshold(self) -> bool:
        """Fill the empty heap with the next items; return False if there are none."""
        if self._threshold == _LOWEST:
            return False
        priorities = self._priorities[: self._used]
        size = min(self._pass_size, max(_FIRST_PASS, self._used // 32))
        self._pass_size = 2 * size
        threshold = _LOWEST
        if self._used > 2 * size:
            ascending = zeros(priorities.shape, priorities.dtype)
            ascending[:] = priorities
            ascending.partition(self._used - size)
            threshold = max(_LOWEST, float(ascending[self._used - size]))
        items = np.flatnonzero(priorities >= threshold)
        tie_break = self._tie_break
        self._heap = [
            (-priority, *tie_break(item, priority), item)
            for item, priority in zip(items.tolist(), priorities[items].tolist(), strict=True)
        ]
        heapq.heapify(self._heap)
        self._threshold = threshold
        self._heap_limit = 1024 + 4 * len(self._heap) + self._used // 8
        return bool(self._heap)

    def _use(self, size: int) -> None:
        if size > len(self._priorities):
            self._place(longer(self._priorities, max(size, next_capacity(len(self._priorities)))))
        self._priorities[self._used : size] = _ABSENT
        self._used = size

    def _place(self, priorities: NDArray[np.float64]) -> None:
        self._priorities = priorities
        # Reading one number through a memoryview takes half the time of reading it from the array.
        self._view: Any = self._priorities.data

    def __getstate__(self) -> None:
        raise TypeError("A LossQueue is rebuilt from the losses, not pickled.")
