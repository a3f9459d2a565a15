"""LearnerHost: the scheduler plugin that hosts runs.

The first Runner of a cluster registers it. A scheduler can also load it at its start::

    dask scheduler --preload adaptive_dask.cluster.scheduler
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from distributed import Scheduler, SchedulerPlugin
from distributed.scheduler import WorkerState

from adaptive_dask import config, entry
from adaptive_dask.cluster import scheduler_memory
from adaptive_dask.cluster.protocol import REPORT, Route
from adaptive_dask.cluster.scheduler_after import Successors
from adaptive_dask.cluster.scheduler_evaluators import declare_duration
from adaptive_dask.cluster.scheduler_holders import Holders
from adaptive_dask.cluster.scheduler_memory import forget_topic
from adaptive_dask.cluster.scheduler_remote_results import RemoteResults
from adaptive_dask.cluster.scheduler_resources import HostResources
from adaptive_dask.cluster.scheduler_routes import Handler, RunRoutes, WorkerMessages
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.cluster.scheduler_runs import RunTable
from adaptive_dask.cluster.scheduler_shares import Shares
from adaptive_dask.cluster.scheduler_start import RunStarter
from adaptive_dask.cluster.scheduler_state import Host
from adaptive_dask.cluster.scheduler_subscriptions import Subscriptions
from adaptive_dask.logs import get_logger

if TYPE_CHECKING:
    from adaptive_dask.run.session import Session

S = TypeVar("S")
T = TypeVar("T")

logger = get_logger(__name__)

config.load_defaults()  # read here, because modules are imported in a thread and the event loop must not read files

# When the scheduler closes, all runs together have this time to end (seconds).
CLOSE_TIMEOUT_S = 2.0

# Prefixes of Dask's stimulus for workers that left cleanly, so that no point is blamed.
CLEAN_EXITS = ("retire", "scheduler-restart", "restart", "worker-close-gracefully")


class LearnerHost(SchedulerPlugin):
    """Connects requests of clients, messages of workers, and events of the scheduler with the hosted runs.

    Attributes
    ----------
    runs : dict of str to HostedRun
        The run that was started last with each name.
    """

    name = "adaptive"
    idempotent = True

    def __init__(self) -> None:
        self.runs: dict[str, HostedRun] = {}
        self._is_started = False

    async def start(self, scheduler: Scheduler) -> None:
        """Register the routes."""
        # Dask starts a preloaded plugin twice. This contains no await, so that two clients can register the host at
        # once.
        if self._is_started:
            return
        self._is_started = True
        self._scheduler = scheduler
        self.resources = HostResources(scheduler, lambda: self.table.is_hosting)
        self.shares = Shares(scheduler, lambda: [run.slots for run in self.active if not run.state.predecessors])
        remote_results = RemoteResults(scheduler)
        self.table = RunTable(
            self.runs,
            scheduler,
            self.resources,
            remote_results,
            self.shares.update_soon,
            Successors(lambda run: run.begin(self.shares.least_served)),
        )
        self._workers = WorkerMessages(scheduler, self.table, remote_results)
        host = Host(
            scheduler,
            self.resources,
            Holders(scheduler, lambda: [run.name for run in self.active if run.assignments.slots]),
            self.shares.update_soon,
            self.table.ended,
            has_pages=_serve_pages(scheduler),
        )
        starter = RunStarter(self.table, host, self.shares, remote_results)
        subscriptions = Subscriptions(self.table, self.resources.pack)
        routes = RunRoutes(self.table, self.resources)
        handlers: dict[Route, Handler] = {
            Route.START: starter.start_run,
            Route.START_MANY: starter.start_runs,
            Route.WATCH: subscriptions.watch_runs,
            Route.NUDGE: subscriptions.nudge_watcher,
            Route.FUNCTION: self._workers.fetch_function,
            Route.KEEP: self._workers.keep_result,
            **routes.handlers(),
        }
        for route, handler in handlers.items():
            scheduler.handlers[route] = routes.answering(handler)
        scheduler.stream_handlers[REPORT] = self._workers.report
        declare_duration(scheduler)
        scheduler_memory.freeze()

    @property
    def active(self) -> list[HostedRun]:
        """The runs that have not ended."""
        return list(self.table.active.values())

    async def read_run(
        self, run: HostedRun, read: Callable[[Session], S], prepare: Callable[[S], T]
    ) -> tuple[T, tuple[float, float]]:
        """Return ``prepare(read(session))``, for the pages of the scheduler.

        `read` is called in the learner's thread, and `prepare` in another thread.

        Returns
        -------
        result : object
        seconds : pair of float
            CPU time of `read` and of `prepare`.
        """
        with self.resources.in_use():
            raw, reading = await run.in_turn(_timed, partial(run.learner.read, read))
            result, preparing = await self.resources.learner_threads().call(_timed, partial(prepare, raw))
            return result, (reading, preparing)

    # ---- events of the scheduler

    async def before_close(self) -> None:
        """End the runs."""
        active = self.active
        for run in active:
            run.state.cancel()
        await asyncio.gather(*(run.wait(CLOSE_TIMEOUT_S) for run in active))
        self.table.close()
        self.shares.stop()
        await self.resources.shut_down(CLOSE_TIMEOUT_S)

    def restart(self, scheduler: Scheduler) -> None:
        """Take points back from all workers before they restart; the runs continue on the new workers."""
        for run in self.active:
            for worker in list(run.assignments.loads):
                run.reports.lose(worker, blame=False)

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Let runs use a new worker."""
        for run in self.active:
            run.slots.place_again()
        self.shares.update_soon()

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **kwargs: Any) -> None:
        """Take points back from a worker that left."""
        self._workers.serving.discard(worker)
        for run in self.active:
            run.reports.lose(worker, blame=not stimulus_id.startswith(CLEAN_EXITS))
        for run in list(self.table.hanging.values()):
            self.table.note_hung(worker, run, 0)
        self.shares.update_soon()

    def log_event(self, topic: str, msg: Any) -> None:
        """Remove Dask's logs of clients of the host."""
        forget_topic(self._scheduler, topic, msg)

    def valid_workers_downscaling(self, scheduler: Scheduler, workers: list[WorkerState]) -> list[WorkerState]:
        """Return the workers that an adaptive cluster may remove: those that have no points."""
        active = self.active
        return [
            worker for worker in workers if not any(run.assignments.has_points_on(worker.address) for run in active)
        ]


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return the result of a call, and the CPU time of its thread in seconds."""
    begin = time.thread_time()
    return call(), time.thread_time() - begin


def _serve_pages(scheduler: Scheduler) -> bool:
    """Show the runs on the scheduler's dashboard; return False if that fails."""
    try:
        return bool(entry("serve_pages")(scheduler))
    except Exception as error:
        logger.warning("The dashboard will not show adaptive runs: %r", error)
        return False


async def dask_setup(scheduler: Scheduler) -> None:
    """Register the host; Dask calls this for ``--preload``."""
    await scheduler.register_scheduler_plugin(LearnerHost(), idempotent=True)
