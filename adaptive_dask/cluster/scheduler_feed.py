"""Recent results of a run for its watchers.

Watchers poll with one request for all of their runs, which contains the position up to which they know each run. The
host keeps no state about watchers, so a slow or dead watcher costs nothing. Recent results are kept packed while the
run is watched. A watcher that is further behind takes a snapshot of the learner.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from dataclasses import dataclass, field

from adaptive_dask import config

# Results are kept for this time after they arrived and after the last poll (seconds), up to a size that is a setting.
RESULTS_TIMEOUT_S = 15.0

# The interval of news about frequent changes, such as failed points (seconds).
CHANGE_INTERVAL_S = 0.1


@dataclass(frozen=True)
class Chunk:
    """Results ``start`` to ``end`` of a run, in the order in which they were told, packed."""

    start: int
    end: int
    data: bytes
    published: float = field(default=0.0, compare=False)


class Feed:
    """The results of one run for its watchers; lives on the scheduler's event loop.

    Parameters
    ----------
    position : int, default: 0
        The number of results before the first one that is published.

    Attributes
    ----------
    position : int
        The number of results that were published.
    version : int
        Incremented when the status of the run changes, and at other events that are reported at once.
    """

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.version = 0
        self._chunks: deque[Chunk] = deque()
        self._bytes = 0
        self._last_poll = time.monotonic()
        self._subscriptions: set[Subscription] = set()
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def is_watched(self) -> bool:
        return time.monotonic() - self._last_poll < RESULTS_TIMEOUT_S

    def publish(self, count: int, data: bytes | None) -> None:
        """Publish results.

        Parameters
        ----------
        count : int
        data : bytes or None
            The results, packed; None if the run was not watched.
        """
        if data is None:
            self.clear()
        else:
            now, max_bytes = time.monotonic(), config.get("scheduler.followed-results")
            self._chunks.append(Chunk(self.position, self.position + count, data, now))
            self._bytes += len(data)
            while self._chunks and (self._bytes > max_bytes or self._chunks[0].published < now - RESULTS_TIMEOUT_S):
                self._bytes -= len(self._chunks.popleft().data)
        self.position += count
        for subscription in self._subscriptions:
            subscription.results.set()

    def change(self) -> None:
        """Answer the watchers at once, because the status of the run changed."""
        self.version += 1
        for subscription in self._subscriptions:
            subscription.wake()

    def change_soon(self) -> None:
        """Answer the watchers within `CHANGE_INTERVAL_S`, because of a frequent change."""
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(CHANGE_INTERVAL_S, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.change()

    def clear(self) -> None:
        """Discard all results."""
        self._chunks.clear()
        self._bytes = 0

    def has_news(self, position: int, version: int) -> bool:
        return (position, version) != (self.position, self.version)

    def since(self, position: int) -> list[Chunk] | None:
        """Return the results from a position on; None if they were discarded."""
        if position == self.position:
            return []
        # From the newest chunk backwards, because most watchers need few chunks.
        newer = list(itertools.takewhile(lambda chunk: chunk.start >= position, reversed(self._chunks)))
        if not newer or newer[-1].start != position:
            return None
        return newer[::-1]

    def subscribe(self, subscription: Subscription) -> None:
        """Notify a subscription of results and changes."""
        self._last_poll = time.monotonic()
        self._subscriptions.add(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Undo `subscribe`."""
        self._last_poll = time.monotonic()
        self._subscriptions.discard(subscription)


class Subscription:
    """A request of a watcher that waits for news in one of several feeds.

    Attributes
    ----------
    results, changes : asyncio.Event
        Set by results, and by changes that are reported at once.
    """

    def __init__(self) -> None:
        self.results = asyncio.Event()
        self.changes = asyncio.Event()

    def wake(self) -> None:
        """End the wait."""
        self.changes.set()
        self.results.set()
