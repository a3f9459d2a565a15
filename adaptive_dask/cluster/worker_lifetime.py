"""The lifetime of a worker (Dask's ``--lifetime``), seen from the worker."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import NamedTuple

from distributed import Worker

from adaptive_dask.cluster.dask_internals import monitor_times

# If two times of Dask's monitor are further apart than this (seconds), the clock was changed in between.
MAX_MONITOR_STEP_S = 60.0


class Lifetime(NamedTuple):
    """The total lifetime of a worker, and its end on the monotonic clock of this process (seconds)."""

    total: float
    end: float

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def as_reported(self) -> tuple[float, float]:
        """Return the total and the rest in seconds; see `adaptive_dask.cluster.protocol.Report`."""
        return self.total, self.left


def lifetime_of(worker: Worker) -> Lifetime | None:
    """Return the lifetime of a worker, including stagger; None if it has none.

    The lifetime begins when the worker is created, but Dask does not store this time. It is the first time of Dask's
    monitor, which is extrapolated if the monitor has discarded it.
    """
    if not worker.lifetime:
        return None
    times, forgotten = monitor_times(worker)
    # The monitor uses wall time. If the clock was changed during a step, the typical length is used.
    steps = [after - before for before, after in itertools.pairwise((*times, time.time()))]
    spacing = statistics.median(steps)
    age = sum(step if 0 <= step < MAX_MONITOR_STEP_S else spacing for step in steps) + forgotten * spacing
    return Lifetime(worker.lifetime, time.monotonic() + worker.lifetime - age)
