"""The part of a worker: evaluator tasks, and the plugin that receives their points.

An evaluator is an ordinary Dask task. It holds its thread for a bounded lease and evaluates points that the scheduler
streams to its worker. All evaluators of a run on one worker share one `PointQueue`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker
from distributed.utils import sync

from adaptive_dask import output
from adaptive_dask.cluster.protocol import DROP, POINTS, STOP
from adaptive_dask.cluster.worker_call import Call, Evaluator
from adaptive_dask.cluster.worker_evaluator import evaluate_points
from adaptive_dask.cluster.worker_isolated import KeptFunctions
from adaptive_dask.cluster.worker_outbox import report
from adaptive_dask.cluster.worker_queue import PointQueue
from adaptive_dask.cluster.worker_thread import StarvationGuard
from adaptive_dask.run.pickling import PackedValue

# When a run has ended, evaluators that do not leave within this time (seconds) hang.
STOP_TIMEOUT_S = 0.2
# A process has time to terminate before it is killed.
ISOLATED_STOP_TIMEOUT_S = 1.0


def evaluate(run: str, lease: float) -> None:
    """Evaluate points of a run until the lease ends or no more points come; the evaluator task.

    Parameters
    ----------
    run : str
        The id of the run.
    lease : float
        The time to hold the thread, in seconds. A point that was started is finished.
    """
    worker = get_worker()
    points, evaluator = PointService.on(worker).join(run)
    try:
        evaluate_points(points, evaluator, lease)
    finally:
        points.leave(evaluator)


class PointService(WorkerPlugin):
    """Passes points from the scheduler to the queues of their runs.

    The first evaluator on a worker installs it. It remains after the runs, because a late message without a handler
    would close the worker's connection.
    """

    name = "adaptive-points"

    def __init__(self) -> None:
        self.is_set_up = False
        self._queues: dict[str, PointQueue] = {}
        self._lock = threading.Lock()

    @classmethod
    def on(cls, worker: Worker) -> PointService:
        """Return the service of a worker, which is installed if necessary; called in the thread of a task."""
        # Dask lists a plugin before its setup, but does both within one turn of the event loop.
        if not getattr(worker.plugins.get(cls.name), "is_set_up", False):

            async def install() -> None:
                if cls.name not in worker.plugins:
                    await worker.plugin_add(cls(), name=cls.name, catch_errors=False)

            sync(worker.loop, install)
        service = worker.plugins[cls.name]
        assert isinstance(service, cls)
        return service

    def setup(self, worker: Worker) -> None:
        self._worker = worker
        if output.is_workers_process():
            output.install()
        self._kept = KeptFunctions(worker)
        self._starvation_guard = StarvationGuard(worker, self._in_flight)
        worker.stream_handlers[POINTS] = self._take_points
        worker.stream_handlers[STOP] = self._stop
        worker.stream_handlers[DROP] = self._drop_points
        self.is_set_up = True

    def teardown(self, worker: Worker) -> None:
        """Stop evaluators, because a thread that waits for points would keep the worker's process alive."""
        with self._lock:
            queues = list(self._queues.values())
        for points in queues:
            points.stop(now=True)
            points.function.close()
        self._kept.close_all()

    def join(self, run: str) -> tuple[PointQueue, Evaluator]:
        """Add an evaluator of a run, which has to call `PointQueue.leave` at its end."""
        with self._lock:  # held for both steps, because otherwise the queue could be dropped in between
            if run not in self._queues:
                self._queues[run] = PointQueue(run, self._worker, self._drop, self._kept.take(run))
            points = self._queues[run]
            evaluator = points.join()
        self._worker.loop.add_callback(self._starvation_guard.start)
        return points, evaluator

    def _in_flight(self) -> list[Call] | None:
        with self._lock:
            queues = list(self._queues.values())
        return [call for points in queues for call in points.in_flight] if queues else None

    def _drop(self, points: PointQueue) -> None:
        with self._lock:
            if points.is_over and self._queues.get(points.run) is points:
                del self._queues[points.run]
                points.reports.forget_sent()
                if points.evaluation.isolate and not points.is_stopped:
                    self._kept.keep(points.run, points.function)
                else:
                    points.function.close()

    def _take_points(
        self,
        run: str = "",
        ids: Sequence[int] = (),
        points: Sequence[PackedValue] = (),
        sent: float = 0.0,
        seconds: float = 0.0,
        enough: int | None = None,
        **_: Any,
    ) -> None:
        """Handle a message of the scheduler; on the worker's event loop."""
        with self._lock:
            known = self._queues.get(run)
        if known is None:
            self._worker.batched_send(report(run, returned=list(ids), slots=0))
        else:
            known.put(ids, points, sent, seconds, enough)

    def _drop_points(self, run: str = "", ids: Sequence[int] = (), **_: Any) -> None:
        """Handle a message of the scheduler; on the worker's event loop."""
        with self._lock:
            known = self._queues.get(run)
        if known is not None:
            known.drop(ids)

    def _stop(self, run: str = "", keep: int | None = None, now: bool = False, **_: Any) -> None:
        """Handle a message of the scheduler; on the worker's event loop."""
        with self._lock:
            known = self._queues.get(run)
            if keep is None:
                self._kept.close(run)
        if known is None:
            return
        if keep is None:
            known.stop(now=now)
            if now:
                known.function.close()
                timeout = ISOLATED_STOP_TIMEOUT_S if known.evaluation.isolate else STOP_TIMEOUT_S
                self._worker.loop.call_later(timeout, known.give_up_all)
        else:
            known.send_away(keep)
