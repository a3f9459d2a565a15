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
        The start of the evaluation, if there is a time limit.
    future : Future
    """

    ids: list[int]
    start: Start | None
    future: Any = None


class TimeLimit:
    """The time limit for evaluations.

    Threads and coroutines record their start. Other executors begin submissions in order. With `n` workers, the first
    `n` submissions count as begun, unless their futures are pending.

    Parameters
    ----------
    seconds : float
        Time limit of one point.
    pool : Pool

    Attributes
    ----------
    next_look : float
        Earliest time at which an evaluation may exceed the limit, on the clock `time.perf_counter`.
    """

    def __init__(self, seconds: float, pool: Pool) -> None:
        self.seconds = seconds
        self.next_look = 0.0
        self._pool = pool

    def find_late(self, batches: Sequence[Batch]) -> list[Batch]:
        """Return the batches that take too long, of the given ones, which are sorted by age."""
        now = time.perf_counter()
        if not self._pool.notes_start:
            for batch in batches[: self._pool.workers]:
                if batch.start is not None and batch.start.begin is None and self._pool.has_begun(batch.future):
                    batch.start.begin = now
        if now < self.next_look:
            return []
        ends = [(self._end(batch, now), batch) for batch in batches]
        self.next_look = min((end for end, _ in ends if end > now), default=now + self.seconds)
        # Evaluations that begin later cannot be late before this time.
        self.next_look = min(self.next_look, now + self.seconds)
        return [batch for end, batch in ends if end <= now]

    def failure(self, batch: Batch) -> Failure:
        """Return the outcome of an evaluation that exceeded the limit."""
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
