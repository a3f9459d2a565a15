"""The messages with which the scheduler sends points to workers, and lets evaluators leave."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from distributed import Scheduler

from adaptive_dask.cluster.dask_internals import forget_sent
from adaptive_dask.cluster.protocol import DROP, POINTS, STOP
from adaptive_dask.cluster.scheduler_assignments import Assignments, OutgoingPoint


class PointSender:
    """Sends points to workers that can use them; lives on the scheduler's event loop.

    Parameters
    ----------
    run : str
        The id of the run.
    scheduler : Scheduler
    assignments : Assignments

    Attributes
    ----------
    unsent : deque of OutgoingPoint
        Points that no worker could take yet.
    has_no_more : bool
        True if the learner returned fewer points than requested.
    asks_no_more : bool
        True if the learner is not asked for more points, unless some in flight are given up.
    """

    def __init__(self, run: str, scheduler: Scheduler, assignments: Assignments) -> None:
        self._run = run
        self._scheduler = scheduler
        self._assignments = assignments
        self.unsent: deque[OutgoingPoint] = deque()
        self.has_no_more = False
        self.asks_no_more = False

    def send(self) -> None:
        """Send waiting points, and let evaluators leave if no more points follow and other runs need their slots."""
        if not self.unsent:
            return
        assigned, left = self._assignments.assign(self.unsent)
        self.unsent = deque(left)
        for worker, points in assigned.items():
            self.send_to(worker, points)
        if self.asks_no_more and self._assignments.is_crowded:
            for worker in self._assignments.loads:
                self.stop(worker, keep=0)

    def send_to(self, worker: str, points: Sequence[OutgoingPoint] = ()) -> None:
        """Send points to a worker; a message without points updates the expected duration of a point."""
        # Dask keeps the last thousand messages: 30 MB for each worker in a fast run.
        forget_sent(self._scheduler.stream_comms.get(worker))
        self._scheduler.worker_send(
            worker,
            {
                "op": POINTS,
                "run": self._run,
                "ids": [point.pid for point in points],
                "points": [point.packed for point in points],
                "sent": time.monotonic(),
                "seconds": self._assignments.lifetimes.need,
                "enough": self._assignments.enough(worker),
            },
        )

    def drop(self, ids: Sequence[int]) -> None:
        """Give up points, on workers as well."""
        unwanted = set(ids)
        self.unsent = deque(point for point in self.unsent if point.pid not in unwanted)
        for worker in list(self._assignments.loads):
            taken = self._assignments.take_back(worker, ids)
            if taken and worker in self._scheduler.stream_comms:
                self._scheduler.worker_send(worker, {"op": DROP, "run": self._run, "ids": taken})

    def stop(self, worker: str, keep: int | None = None, *, now: bool = False) -> None:
        """Let evaluators leave a worker; see `adaptive_dask.cluster.protocol`."""
        if worker in self._scheduler.stream_comms:
            self._scheduler.worker_send(worker, {"op": STOP, "run": self._run, "keep": keep, "now": now})

    def stop_all(self, *, now: bool = False) -> None:
        """Send no more points, and let all evaluators leave."""
        self.unsent.clear()
        for worker in list(self._assignments.loads):
            self.stop(worker, now=now)
