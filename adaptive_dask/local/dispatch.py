"""Dispatch: decides which points an executor gets, and which of them together."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Any

from adaptive_dask.local.flight import Flight, LocalArrivals
from adaptive_dask.run.batching import BATCH_SECONDS, MOST_AHEAD, batch_size, fair_batch
from adaptive_dask.run.session import Session

# The approximate cost of a submission (seconds); faster points are submitted together.
SUBMISSION = 5e-5


class Dispatch:
    """Sends a session's points to an executor; used by the run's thread.

    Parameters
    ----------
    session : Session
    flight : Flight
    slots : int
        Number of simultaneous evaluations.
    ntasks : int or None
        Maximal number of points in flight. None, for a vectorized function: enough for a batch for each slot.
    vectorized : bool
        Whether the function accepts many points in one call.
    """

    def __init__(self, session: Session, flight: Flight, slots: int, ntasks: int | None, vectorized: bool) -> None:
        self._session = session
        self.flight = flight
        self.slots = slots
        self._ntasks = ntasks
        self._vectorized = vectorized
        self._waiting: deque[tuple[int, Any]] = deque()  # suspected points that were taken
        self._suspected: set[int] = set()  # to be evaluated alone
        self._unbatched: set[int] = set()  # to be submitted one by one

    def blame(self, arrivals: LocalArrivals) -> None:
        """Choose the lost points that are blamed."""
        # Without allowed failures, a point would fail because of another one.
        if self._session.allowed_failures == 0 and not arrivals.was_alone:
            arrivals.suspected |= arrivals.blamed
            arrivals.blamed = set()

    def note(self, arrivals: LocalArrivals) -> None:
        """Update the suspected points after outcomes were told."""
        if self._suspected or self._unbatched:
            ended = [pid for pid, _ in arrivals.outcomes]
            self._suspected.difference_update(ended, arrivals.failed)
            self._unbatched.difference_update(ended, arrivals.failed)
        self._suspected |= arrivals.suspected
        self._unbatched |= arrivals.unbatched

    def room(self, learner_seconds: float) -> int:
        """Return the number of further points that the executor can use.

        Parameters
        ----------
        learner_seconds : float
            Time that the learner needs for a point.
        """
        if self._waiting:
            return 0
        most = self._most(learner_seconds)
        room = max(0, most - self.flight.count - self.flight.hung)
        return self._gathered(room, most) if self._vectorized else room

    def send(self, taken: list[tuple[int, Any]], is_paused: bool) -> None:
        """Send points; suspected points wait until no others are in flight.

        Raises
        ------
        NotSent
            If the executor does not accept the points.
        """
        groups = deque(self._group(taken))
        try:
            while groups:
                self.flight.send(groups[0])
                groups.popleft()
            # A point that may have killed workers is evaluated alone, so that no other point is lost or blamed.
            if self._waiting and not self.flight.count and not is_paused:
                self.flight.send([self._waiting[0]])
                self._waiting.popleft()
        except Exception as trouble:
            ids = [pid for group in (self._waiting, *groups) for pid, _ in group]
            self._waiting.clear()
            raise NotSent(ids) from trouble

    # ---- inside

    def _group(self, taken: list[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
        """Yield groups of points to submit together."""
        plain = taken
        if self._suspected or self._unbatched or self._session.points.losses:
            plain = []
            for point in taken:
                pid = point[0]
                if pid in self._suspected or self._session.is_suspect(pid):
                    self._waiting.append(point)
                elif pid in self._unbatched:
                    yield [point]
                else:
                    plain.append(point)
        size = self._together(len(plain))
        for i in range(0, len(plain), size):
            yield plain[i : i + size]

    def _most(self, learner_seconds: float) -> int:
        """Intended number of points in flight."""
        if self._ntasks is not None:
            return self._ntasks
        batches = self.slots * batch_size(self.flight.seconds_per_point)
        # More points than the learner can process during a batch are useless.
        backlog = BATCH_SECONDS / learner_seconds if learner_seconds else math.inf
        ahead = min(batches - self.slots, max(backlog, 2 * self.slots), self._session.npoints * MOST_AHEAD)
        return self.slots + int(ahead)

    def _gathered(self, room: int, most: int) -> int:
        """Return the number of points to send now, at most `room`."""
        idle = self.slots - self.flight.batches
        seconds = self.flight.seconds_per_point
        if seconds is None:
            return min(room, max(0, idle))  # the size of a batch is unknown
        # If each result was replaced by one point, there would never be batches. No slot is idle meanwhile.
        return room if idle > 0 else room - room % fair_batch(seconds, most, self.slots)

    def _together(self, points: int) -> int:
        """Return the number of new points to submit together."""
        seconds = self.flight.seconds_per_point
        if self._vectorized:
            return fair_batch(seconds, self.flight.count + points, self.slots)
        if seconds is None or points < 2 or not self.flight.pool.takes_many:
            return 1
        # The time with m submissions is evaluation / m + submission · m, with a minimum at the root of the ratio.
        submissions = math.ceil(math.sqrt(points * seconds / SUBMISSION))
        return math.ceil(points / max(1, submissions))


class NotSent(Exception):
    """Points that the executor did not accept; the cause is its error.

    Attributes
    ----------
    ids : list of int
    """

    def __init__(self, ids: list[int]) -> None:
        super().__init__(ids)
        self.ids = ids
