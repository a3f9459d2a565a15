"""How long a worker will be there: Dask's ``--lifetime``, seen from the worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from distributed import Worker


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
    spacing = (times[-1] - times[0]) / max(1, len(times) - 1)
    age = time.time() - times[0] + forgotten * spacing
    return Lifetime(worker.lifetime, time.monotonic() + worker.lifetime - age)
