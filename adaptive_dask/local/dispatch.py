"""Which points go to an executor, how many of them together, and which alone."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Any

from adaptive_dask.local.flight import Flight, LocalArrivals
from adaptive_dask.run.batching import BATCH_SECONDS, MOST_AHEAD, batch_size, fair_batch
from adaptive_dask.run.session import Session

# To submit and have the answer costs about so much (seconds); what is much shorter is submitted together.
SUBMISSION = 5e-5


class Dispatch:
    """Sends a session's points to an executor; used by the run's thread.

    Parameters
    ----------
    session : Session
    flight : Flight
    slots : int
        How many evaluations go on at a time.
    ntasks : int or None
        How many points may be out at a time. None, for a function that is vectorized: as many as make a batch for
        each slot.
    vectorized : bool
        Whether the function takes many points in one call.
    """

    def __init__(self, session: Session, flight: Flight, slots: int, ntasks: int | None, vectorized: bool) -> None:
        self._session = session
        self.flight = flight
        self.slots = slots
        self._ntasks = ntasks
        self._vectorized = vectorized
        self._waiting: deque[tuple[int, Any]] = deque()  # suspects that were taken
        self._suspected: set[int] = set()  # each to have the executor for itself
        self._unbatched: set[int] = set()  # each to be submitted by itself

    def blame(self, arrivals: LocalArrivals) -> None:
        """Decide for which of the lost points the loss counts."""
        # A point that may not be lost even once does not fail for what another one may have done.
        if self._session.allowed_failures == 0 and not arrivals.was_alone:
            arrivals.suspected |= arrivals.blamed
            arrivals.blamed = set()

    def note(self, arrivals: LocalArrivals) -> None:
        """Learn from what became of the points that were sent, when they were told."""
        if self._suspected or self._unbatched:
            ended = [pid for pid, _ in arrivals.outcomes]
            self._suspected.difference_update(ended, arrivals.failed)
            self._unbatched.difference_update(ended, arrivals.failed)
        self._suspected |= arrivals.suspected
        self._unbatched |= arrivals.unbatched

    def room(self, learner_seconds: float) -> int:
        """How many more points the executor could use, if the learner needs so long for a point (seconds)."""
        if self._waiting:
            return 0
        most = self._most(learner_seconds)
        room = max(0, most - self.flight.count - self.flight.hung)
        return self._gathered(room, most) if self._vectorized else room

    def send(self, taken: list[tuple[int, Any]], is_paused: bool) -> None:
        """Send points, or keep suspects until the others are back.

        Raises
        ------
        NotSent
            If the executor does not take them.
        """
        groups = deque(self._group(taken))
        try:
            while groups:
                self.flight.send(groups[0])
                groups.popleft()
            # A point that may have killed workers is evaluated alone, so that no other is lost with it, or blamed.
            if self._waiting and not self.flight.count and not is_paused:
                self.flight.send([self._waiting[0]])
                self._waiting.popleft()
        except Exception as trouble:
            ids = [pid for group in (self._waiting, *groups) for pid, _ in group]
            self._waiting.clear()
            raise NotSent(ids) from trouble

    # ---- inside

    def _group(self, taken: list[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
        """What to submit together."""
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
        """How many points to have out."""
        if self._ntasks is not None:
            return self._ntasks
        batches = self.slots * batch_size(self.flight.seconds_per_point)
        # A backlog that keeps the learner busy for longer than a batch takes helps nobody.
        backlog = BATCH_SECONDS / learner_seconds if learner_seconds else math.inf
        ahead = min(batches - self.slots, max(backlog, 2 * self.slots), self._session.npoints * MOST_AHEAD)
        return self.slots + int(ahead)

    def _gathered(self, room: int, most: int) -> int:
        """How many of the points that may be sent go now."""
        idle = self.slots - self.flight.batches
        seconds = self.flight.seconds_per_point
        if seconds is None:
            return min(room, max(0, idle))  # how many make a call is not known
        # Sent one by one as others return, points would stay apart for ever. None waits while a slot is idle.
        return room if idle > 0 else room - room % fair_batch(seconds, most, self.slots)

    def _together(self, points: int) -> int:
        """How many of so many new points to submit together."""
        seconds = self.flight.seconds_per_point
        if self._vectorized:
            return fair_batch(seconds, self.flight.count + points, self.slots)
        if seconds is None or points < 2 or not self.flight.pool.takes_many:
            return 1
        # With m submissions, evaluating takes 1/m of the time that one after the other takes, and submitting
        # takes m times what one does: the best m is the root of the ratio.
        submissions = math.ceil(math.sqrt(points * seconds / SUBMISSION))
        return math.ceil(points / max(1, submissions))


class NotSent(Exception):
    """Points that the executor did not take; the cause is what it raised.

    Attributes
    ----------
    ids : list of int
    """

    def __init__(self, ids: list[int]) -> None:
        super().__init__(ids)
        self.ids = ids
