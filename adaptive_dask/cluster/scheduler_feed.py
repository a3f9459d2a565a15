"""What watchers of a run are sent: results as they were told, and how the run stands.

Watchers poll, with one request for all of their runs and with the position up to which they know each;
nothing is kept about a watcher, so a slow or a dead one costs nothing. Recent results are kept packed
while somebody watches. Whoever is further behind takes a snapshot of the learner instead.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from dataclasses import dataclass, field

# For how long (in seconds) results are kept, at all and after the last poll, and how much of them (in bytes).
RESULTS_TIMEOUT_S = 15.0
MAX_RESULT_BYTES = 64 * 2**20

# What changes with points that fail is told so often (in seconds), for they may be a thousand in a second.
CHANGE_INTERVAL_S = 0.1


@dataclass(frozen=True)
class Chunk:
    """Results ``start`` to ``end`` of a run, in the order of telling, packed; with the time of publishing."""

    start: int
    end: int
    data: bytes
    published: float = field(default=0.0, compare=False)


class Feed:
    """The results of one run for its watchers; lives on the scheduler's event loop.

    Parameters
    ----------
    position : int, default: 0
        How many results there are before the first that is published.

    Attributes
    ----------
    position : int
        How many results were published.
    version : int
        Goes up when the status of the run changes, or something else worth an immediate answer.
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
        """Results were told.

        Parameters
        ----------
        count : int
            How many.
        data : bytes or None
            The results, packed; None when nobody was watching.
        """
        if data is None:
            self.clear()
        else:
            now = time.monotonic()
            self._chunks.append(Chunk(self.position, self.position + count, data, now))
            self._bytes += len(data)
            while self._chunks and (
                self._bytes > MAX_RESULT_BYTES or self._chunks[0].published < now - RESULTS_TIMEOUT_S
            ):
                self._bytes -= len(self._chunks.popleft().data)
        self.position += count
        for subscription in self._subscriptions:
            subscription.results.set()

    def change(self) -> None:
        """The run's status changed: answer the watchers at once."""
        self.version += 1
        for subscription in self._subscriptions:
            subscription.wake()

    def change_soon(self) -> None:
        """Something changed that may change often: answer the watchers within `CHANGE_INTERVAL_S` seconds."""
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(CHANGE_INTERVAL_S, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.change()

    def clear(self) -> None:
        """Keep no results any more."""
        self._chunks.clear()
        self._bytes = 0

    def has_news(self, position: int, version: int) -> bool:
        return (position, version) != (self.position, self.version)

    def since(self, position: int) -> list[Chunk] | None:
        """The results from a position on; None when they are no longer kept."""
        if position == self.position:
            return []
        # From the newest on, for a watcher that keeps up needs few of many.
        newer = list(itertools.takewhile(lambda chunk: chunk.start >= position, reversed(self._chunks)))
        if not newer or newer[-1].start != position:
            return None
        return newer[::-1]

    def subscribe(self, subscription: Subscription) -> None:
        """Have somebody told of what comes; he is a watcher."""
        self._last_poll = time.monotonic()
        self._subscriptions.add(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Undo `subscribe`."""
        self._last_poll = time.monotonic()
        self._subscriptions.discard(subscription)


class Subscription:
    """Hears when something happens in any of the feeds that it listens to.

    Attributes
    ----------
    results, changes : asyncio.Event
        Set by results, and by what is worth an immediate answer.
    """

    def __init__(self) -> None:
        self.results = asyncio.Event()
        self.changes = asyncio.Event()

    def wake(self) -> None:
        """Do not wait any longer."""
        self.changes.set()
        self.results.set()
