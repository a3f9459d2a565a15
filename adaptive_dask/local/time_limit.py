"""Which evaluations at an executor take too long."""

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
        When it began, if somebody wants to know.
    future : Future
    """

    ids: list[int]
    start: Start | None
    future: Any = None


class TimeLimit:
    """For how long an evaluation may go on.

    Threads and coroutines note when they begin. Of another executor it is only known that it begins what it
    gets in this order: what is among the first, as many as there are workers, and not waiting according to
    its future, counts as begun.

    Parameters
    ----------
    seconds : float
        For one point.
    pool : Pool

    Attributes
    ----------
    next_look : float
        When there may be something that takes too long, as `time.perf_counter` counts.
    """

    def __init__(self, seconds: float, pool: Pool) -> None:
        self.seconds = seconds
        self.next_look = 0.0
        self._pool = pool

    def find_late(self, batches: Sequence[Batch]) -> list[Batch]:
        """Those that take too long, of all that the executor is busy with, oldest first."""
        now = time.perf_counter()
        if not self._pool.notes_start:
            for batch in batches[: self._pool.workers]:
                if batch.start is not None and batch.start.begin is None and self._pool.has_begun(batch.future):
                    batch.start.begin = now
        if now < self.next_look:
            return []
        ends = [(self._end(batch, now), batch) for batch in batches]
        self.next_look = min((end for end, _ in ends if end > now), default=now + self.seconds)
        # What begins from now on cannot be late before that.
        self.next_look = min(self.next_look, now + self.seconds)
        return [batch for end, batch in ends if end <= now]

    def failure(self, batch: Batch) -> Failure:
        """The outcome of an evaluation that takes too long."""
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
