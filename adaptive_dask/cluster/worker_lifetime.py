"""The lifetime of a worker (Dask's ``--lifetime``), seen from the worker."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from adaptive_dask.cluster.dask_internals import monitor_times

if TYPE_CHECKING:
    from distributed import Worker


# If two measurements of Dask's monitor are further apart (seconds), the clock was changed in between.
MAX_MONITOR_STEP_S = 60.0


class Lifetime(NamedTuple):
    """The total lifetime of a worker, and its end on the monotonic clock of this process (seconds)."""

    total: float
    end: float

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def as_reported(self) -> tuple[float, float]:
        """See `adaptive_dask.cluster.protocol.Report`."""
        return self.total, self.left


def lifetime_of(worker: Worker) -> Lifetime | None:
    """The lifetime of a worker that has one, stagger included.

    Dask counts from the creation of the worker and does not store that time. But its monitor measured for the first
    time then, and it counts its measurements; times that it has discarded are extrapolated.
    """
    if not worker.lifetime:
        return None
    times, forgotten = monitor_times(worker)
    # The monitor uses wall time: a step during which the clock was changed counts as a typical one.
    steps = [after - before for before, after in itertools.pairwise((*times, time.time()))]
    spacing = statistics.median(steps)
    age = sum(step if 0 <= step < MAX_MONITOR_STEP_S else spacing for step in steps) + forgotten * spacing
    return Lifetime(worker.lifetime, time.monotonic() + worker.lifetime - age)
