"""Messages of workers to the host: reports, and requests for functions and for holding results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_dask.cluster.protocol import STOP, Report, check_lifetime
from adaptive_dask.cluster.scheduler_remote_results import RemoteResults
from adaptive_dask.cluster.scheduler_runs import RunTable
from adaptive_dask.plain import get_logger

if TYPE_CHECKING:
    from distributed import Scheduler

logger = get_logger(__name__)


class WorkerMessages:
    """Passes messages of workers to the runs; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    table : RunTable
    remote_results : RemoteResults

    Attributes
    ----------
    serving : set of str
        Workers that have a `PointService`, because they have requested a function.
    """

    def __init__(self, scheduler: Scheduler, table: RunTable, remote_results: RemoteResults) -> None:
        self._scheduler = scheduler
        self._table = table
        self._remote_results = remote_results
        self.serving: set[str] = set()

    def report(self, worker: str = "", run: str = "", **fields: Any) -> None:
        """Handle a report. It never raises: an exception would cost the worker its connection."""
        try:
            if worker not in self.serving:
                fields.pop("slots", None)  # a message without a handler would cost this worker its connection
            active = self._table.active.get(run)
            if active is not None:
                active.reports.report(worker, Report.check(**fields))
                return
            ended = self._table.by_id.get(run)
            if ended is not None:
                self._table.note_hung(worker, ended, Report.check(**fields).hung)
            if fields.get("slots") and worker in self._scheduler.stream_comms:  # an evaluator that came too late
                self._scheduler.worker_send(worker, {"op": STOP, "run": run})
        except Exception:
            logger.exception("Refused a report of worker %s about run %s", worker, run)

    async def fetch_function(self, run: str, worker: str = "", lifetime: Any = None) -> tuple[Any, ...] | None:
        """Return the function of a run and how to call it, for a worker; None if the run has ended."""
        active = self._table.active.get(run)
        if worker in self._scheduler.workers:
            self.serving.add(worker)
        return None if active is None else active.fetch_function(worker, check_lifetime(lifetime))

    async def keep_result(self, run: str, worker: str, key: str, nbytes: int) -> None:
        """Hold a result that stays on a worker, unless its run is forgotten."""
        self._remote_results.add(run, worker, key, nbytes)
        known = self._table.by_id.get(run)
        if known is None or self._table.is_superseded(known):
            self._remote_results.release(run)
