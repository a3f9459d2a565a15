"""The points of a run that wait on a worker."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable

from distributed import Worker

from adaptive_dask.cluster.worker_call import Item
from adaptive_dask.cluster.worker_lifetime import lifetime_of

# An evaluator leaves if it gets no point for this time (seconds).
IDLE_TIMEOUT_S = 1.0


class WaitingPoints:
    """A queue from which evaluators take points, one by one or many at once.

    Parameters
    ----------
    worker : Worker
    give_back : callable
        Called with the id of a point if the lifetime of the worker is too short for it.

    Attributes
    ----------
    lifetime : Lifetime or None
        The lifetime of the worker.
    seconds : float
        The expected duration of a point.
    leaving : int
        The number of evaluators that will leave.
    """

    def __init__(self, worker: Worker, give_back: Callable[[int], None]) -> None:
        self.lifetime = lifetime_of(worker)
        self.seconds = 0.0
        self._give_back = give_back
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the two numbers that follow
        self._dropped: set[int] = set()
        self.leaving = 0

    def __len__(self) -> int:
        return self._items.qsize()

    def put(self, items: Iterable[Item]) -> None:
        for item in items:
            self._items.put(item)

    def send_away(self, evaluators: int) -> None:
        """Let evaluators leave after the points that wait now were started."""
        with self._lock:
            self.leaving += evaluators
        for _ in range(evaluators):
            self._items.put(None)

    def drop(self, ids: Iterable[int]) -> None:
        """Give up points, if they wait here."""
        with self._lock:
            self._dropped.update(ids)

    def drain(self) -> list[int]:
        """Remove all points and return their ids; requests to leave are withdrawn."""
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
                    self.leaving -= 1

    def get(self, end: float) -> Item | None:
        """Return the next point; None if the evaluator has to leave, or its lease ends (monotonic clock)."""
        while True:
            left = end - time.monotonic()
            # A worker without time for another point gets none, and its evaluators stay for their whole lease.
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
        """Return the next point; None if the evaluator has to leave.

        Raises
        ------
        queue.Empty
            If no point waits and the evaluator can stay.
        """
        while True:
            item = self._items.get_nowait()
            if self._is_due(item):
                return item

    def gather(self, first: Item, size: int) -> list[Item]:
        """Return a batch of up to `size` points, of which `first` is one."""
        batch = [first]
        while len(batch) < size:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                break
            if item is None or item.alone:
                self._items.put(item)  # has to be evaluated alone
                break
            if self._is_due(item):
                batch.append(item)
        return batch

    def _has_time(self) -> bool:
        """Return whether a point that is started now is expected to be finished in the worker's lifetime."""
        return self.lifetime is None or self.lifetime.left >= self.seconds

    def _is_due(self, item: Item | None) -> bool:
        if item is None:
            with self._lock:
                self.leaving -= 1
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
