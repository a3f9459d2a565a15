"""The hosted runs and their numbers, for the table, the header, the JSON and the metrics."""

from __future__ import annotations

from typing import Any

from adaptive_dask.cluster.scheduler import LearnerHost
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.run.status import RunStatus


def host_of(scheduler: Any) -> LearnerHost | None:
    """Return the plugin that hosts the runs, or None if the scheduler has none."""
    host: LearnerHost | None = scheduler.plugins.get("adaptive")
    return host


def runs_of(scheduler: Any) -> list[HostedRun]:
    """Return the hosted runs, newest first."""
    host = host_of(scheduler)
    return [] if host is None else sorted(host.runs.values(), key=lambda run: -run.started)


def as_row(status: RunStatus) -> dict[str, Any]:
    """Return the numbers of a run by their names in ``adaptive.json``, the metrics and the table."""
    return {
        "name": status.name,
        "id": status.id,
        "learner": status.learner,
        "status": status.status,
        "points": status.npoints,
        "loss": status.loss,
        "points_per_second": status.pace,
        "busy": status.busy_share,
        "slots": status.slots,
        "in_flight": status.in_flight,
        "in_flight_share": status.in_flight_share,
        "evaluated": status.evaluated,
        "failed": status.failed,
        "infeasible": status.infeasible,
        "retries": status.retries,
        "timeouts": status.timeouts,
        "lost": status.lost,
        "learner_share": status.learner_share,
        "learner_seconds": status.learner_cpu_seconds,
        "function_seconds": status.function_seconds,
        "slot_seconds": status.slot_seconds,
        "age": status.age,
        "elapsed": status.elapsed,
        "waits_for": status.waits_for,
    }
