"""What watchers of a run are sent: results as they were told, and how the run stands.

Watchers poll with the position up to which they know; nothing is kept about a watcher, so a slow or a
dead one costs nothing. Recent results are kept packed while somebody watches. Whoever is further behind
takes a snapshot of the learner instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from dataclasses import dataclass, field

# For how long (in seconds) results are kept, at all and after the last poll, and how much of them (in bytes).
PATIENCE = 15.0
MOST_BYTES = 64 * 2**20


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
        self._results = _Bell()
        self._changes = _Bell()

    @property
    def is_watched(self) -> bool:
        return time.monotonic() - self._last_poll < PATIENCE

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
            self._chunks.clear()
            self._bytes = 0
        else:
            now = time.monotonic()
            self._chunks.append(Chunk(self.position, self.position + count, data, now))
            self._bytes += len(data)
            while self._chunks and (self._bytes > MOST_BYTES or self._chunks[0].published < now - PATIENCE):
                self._bytes -= len(self._chunks.popleft().data)
        self.position += count
        self._results.ring()

    def change(self) -> None:
        """The run's status changed: answer the watchers at once."""
        self.version += 1
        self._changes.ring()
        self._results.ring()

    async def poll(self, position: int, version: int, interval: float, timeout: float) -> list[Chunk] | None:
        """Wait until there is something new.

        Parameters
        ----------
        position, version : int
            What the watcher knows.
        interval : float
            For how long to gather results, in seconds. A change of version does not wait.
        timeout : float
            For how long to wait at most, in seconds.

        Returns
        -------
        list of Chunk, or None
            The results from the position on; None when they are no longer kept.
        """
        self._last_poll = time.monotonic()
        if version == self.version:
            await self._changes.wait(interval)
        if version == self.version and position == self.position:
            await self._results.wait(timeout)
        self._last_poll = time.monotonic()
        if position == self.position:
            return []
        # From the newest on, for a watcher that keeps up needs few of many.
        newer = list(itertools.takewhile(lambda chunk: chunk.start >= position, reversed(self._chunks)))
        if not newer or newer[-1].start != position:
            return None
        return newer[::-1]


class _Bell:
    """Wakes everybody who waits for it."""

    def __init__(self) -> None:
        self._event: asyncio.Event | None = None

    def ring(self) -> None:
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self, seconds: float) -> None:
        if self._event is None:
            self._event = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
