"""TimeLimit: finds evaluations at an executor that take too long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adaptive_dask.errors import PointTimeoutError
from adaptive_dask.local.pools import Pool
from adaptive_dask.local.worker import Start
from adaptive_dask.run.batching import time_allowed
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.tracebacks import stack_of


@dataclass(eq=False, slots=True)
class Batch:
    """Points that were submitted together.

    Attributes
    ----------
    ids : list of int
    start : Start or None
        Its start, if there is a time limit.
    future : Future
    """

    ids: list[int]
    start: Start | None
    future: Any = None


class TimeLimit:
    """A time limit for evaluations.

    Threads and coroutines note when they begin. Other executors begin submissions in order; for `n` workers, the first
    `n` submissions count as begun unless their futures say that they wait.

    Parameters
    ----------
    seconds : float
        For one point.
    pool : Pool

    Attributes
    ----------
    next_look : float
        When the next evaluation may exceed the limit, on the clock `time.perf_counter`.
    """

    def __init__(self, seconds: float, pool: Pool) -> None:
        self.seconds = seconds
        self.next_look = 0.0
        self._pool = pool

    def find_late(self, batches: Sequence[Batch]) -> list[Batch]:
        """The batches that take too long, of all that the executor has, oldest first."""
        now = time.perf_counter()
        if not self._pool.notes_start:
            for batch in batches[: self._pool.workers]:
                if batch.start is not None and batch.start.begin is None and self._pool.has_begun(batch.future):
                    batch.start.begin = now
        if now < self.next_look:
            return []
        ends = [(self._end(batch, now), batch) for batch in batches]
        self.next_look = min((end for end, _ in ends if end > now), default=now + self.seconds)
        # Evaluations that begin later cannot be late before.
        self.next_look = min(self.next_look, now + self.seconds)
        return [batch for end, batch in ends if end <= now]

    def failure(self, batch: Batch) -> Failure:
        """The outcome of an evaluation that exceeded the limit."""
        start = batch.start
        assert start is not None
        seconds = self.seconds if start.begin is None else time.perf_counter() - start.begin
        thread = start.thread
        where = start.where or ("(in another process, or asynchronous)" if thread is None else stack_of(thread))
        error = PointTimeoutError.after(seconds, self.seconds, where)
        return Failure(str(error), error, None if thread is None else thread.name)

    def _end(self, batch: Batch, now: float) -> float:
        start = batch.start
        begin = now if start is None or start.begin is None else start.begin
        return begin + time_allowed(self.seconds, len(batch.ids))
