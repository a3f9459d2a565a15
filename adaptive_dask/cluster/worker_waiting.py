"""The points of a run that wait on a worker, and who takes them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from adaptive_dask.cluster.worker_call import Item
from adaptive_dask.cluster.worker_lifetime import lifetime_of

if TYPE_CHECKING:
    from distributed import Worker

# An evaluator that got no point for so long (in seconds) gives its thread back.
IDLE_TIMEOUT_S = 1.0


class WaitingPoints:
    """A queue of points; evaluators take them, one after the other or many at once.

    Parameters
    ----------
    worker : Worker
    give_back : callable
        Called with the id of a point that there is no time for in the worker's lifetime.

    Attributes
    ----------
    lifetime : Lifetime or None
        Of the worker.
    seconds : float
        That a point is expected to need.
    """

    def __init__(self, worker: Worker, give_back: Callable[[int], None]) -> None:
        self.lifetime = lifetime_of(worker)
        self.seconds = 0.0
        self._give_back = give_back
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # of the two that follow
        self._dropped: set[int] = set()
        self._leaving = 0

    def __len__(self) -> int:
        return self._items.qsize()

    @property
    def leaving(self) -> int:
        """How many evaluators are to go when they get to it."""
        return self._leaving

    def put(self, items: Iterable[Item]) -> None:
        for item in items:
            self._items.put(item)

    def send_away(self, evaluators: int) -> None:
        """Let evaluators go, when the points that are here are begun."""
        with self._lock:
            self._leaving += evaluators
        for _ in range(evaluators):
            self._items.put(None)

    def drop(self, ids: Iterable[int]) -> None:
        """Some of these points may be here: nobody wants them any more."""
        with self._lock:
            self._dropped.update(ids)

    def drain(self) -> list[int]:
        """Take all points away; evaluators that were to go stay."""
        ids: list[int] = []
        while True:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return ids
            if item is not None:
                ids.append(item.pid)
            else:
                with self._lock:
                    self._leaving -= 1

    def get(self, end: float) -> Item | None:
        """The next point; None if an evaluator whose lease ends then (on the monotonic clock) is to go."""
        while True:
            left = end - time.monotonic()
            # A worker without time for another point gets none; its evaluators do not come and go every second.
            timeout = min(IDLE_TIMEOUT_S, left) if self._has_time() else left
            try:
                item = self._items.get(timeout=max(timeout, 0.001))
            except queue.Empty:
                return None
            if self._is_due(item):
                return item
            if left <= 0:
                return None

    def get_now(self) -> Item | None:
        """The next point; None if an evaluator is to go.

        Raises
        ------
        queue.Empty
            If there is neither.
        """
        while True:
            item = self._items.get_nowait()
            if self._is_due(item):
                return item

    def gather(self, first: Item, size: int) -> list[Item]:
        """A point, and more to go with it until there are so many."""
        batch = [first]
        while len(batch) < size:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                break
            if item is None or item.alone:
                self._items.put(item)  # not in this batch
                break
            if self._is_due(item):
                batch.append(item)
        return batch

    def _has_time(self) -> bool:
        """Whether a point that is begun now is expected to be finished in the worker's lifetime."""
        return self.lifetime is None or self.lifetime.left >= self.seconds

    def _is_due(self, item: Item | None) -> bool:
        if item is None:
            with self._lock:
                self._leaving -= 1
            return True
        if not self._has_time():
            self._give_back(item.pid)
            return False
        if not self._dropped:
            return True
        with self._lock:
            if item.pid not in self._dropped:
                return True
            self._dropped.discard(item.pid)
            return False
