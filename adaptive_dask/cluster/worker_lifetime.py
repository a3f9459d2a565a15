"""How long a worker will be there: Dask's ``--lifetime``, seen from the worker."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from distributed import Worker


# What lasts longer between two measurements of Dask's monitor is a clock that was set (seconds).
LONGEST_STEP = 60.0


class Lifetime(NamedTuple):
    """For how long a worker lives in all, and when that ends on this process's monotonic clock (seconds)."""

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

    Dask counts from the worker's making and keeps no note of when that was. But its monitor measured for the
    first time then, and counts its measurements; when the first ones are forgotten, they are extrapolated.
    """
    if not worker.lifetime:
        return None
    times = worker.monitor.quantities["time"]
    forgotten = worker.monitor.count - len(times)
    # Its clock is that on the wall: where that was set, as much time is taken to have gone by as usual.
    steps = [after - before for before, after in itertools.pairwise((*times, time.time()))]
    spacing = statistics.median(steps)
    age = sum(step if 0 <= step < LONGEST_STEP else spacing for step in steps) + forgotten * spacing
    return Lifetime(worker.lifetime, time.monotonic() + worker.lifetime - age)
