"""Updates: sends the results of a local run to the user's learner from time to time."""

from __future__ import annotations

import math
import time
from typing import Any

from adaptive_dask.run.session import Told
from adaptive_dask.runner.replica import Replica
from adaptive_dask.storage.learner_copy import working_copy

# The interval at which the user's learner is told results (seconds), increased for many results.
INTERVAL_S = 0.1
INTERVAL_OF_MANY_S = 0.5
MANY = 100


class Updates:
    """Collects results for a replica, and decides when they are applied.

    Parameters
    ----------
    replica : Replica

    Attributes
    ----------
    are_over : bool
        True if the run has ended, so that nothing calls `begin_next`, and results are applied at once.
    are_stopped : bool
        True if the replica gets no more results because the run was given up.
    """

    def __init__(self, replica: Replica) -> None:
        self.are_over = self.are_stopped = False
        self._replica = replica
        self._gathered = 0
        self._next = math.inf
        self._last = 0.0

    def tell(self, told: Told) -> None:
        """Add results."""
        if told and not self.are_stopped:
            self._replica.tell(*zip(*told, strict=True))
            few, self._gathered = self._gathered < MANY, self._gathered + len(told)
            if self._next == math.inf:
                self._next = max(time.monotonic(), self._last + INTERVAL_S)
            elif few and self._gathered >= MANY:
                self._next = self._last + INTERVAL_OF_MANY_S
            self._apply_if_over()

    def copy(self, learner: Any) -> None:
        """Copy the replica from a learner that a call has changed."""
        if learner is self._replica.learner:
            self._replica.note_change()
        elif not self.are_stopped:
            copy = working_copy(learner)
            self._replica.copy_from(lambda: copy)
        self._next = min(self._next, time.monotonic())
        self._apply_if_over()

    def _apply_if_over(self) -> None:
        if self.are_over and not self.are_stopped:
            self._replica.apply_soon()

    @property
    def seconds_left(self) -> float:
        """Time until the next update in seconds; infinite without results."""
        return max(0.0, self._next - time.monotonic())

    def begin_next(self, *, force: bool) -> bool:
        """Begin the next update if it is time or if `force` is true; return True if it has begun."""
        now = time.monotonic()
        if self.are_stopped or (not force and now < self._next):
            return False
        self._next, self._last, self._gathered = math.inf, now, 0
        return True
