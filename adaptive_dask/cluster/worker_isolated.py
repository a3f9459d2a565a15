"""Evaluation of functions in separate processes (``isolate="process"``)."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from distributed import Worker

from adaptive_dask.cluster.worker_call import Call, Evaluator, Item
from adaptive_dask.cluster.worker_queue import PointQueue
from adaptive_dask.isolated.function import IsolatedFunction
from adaptive_dask.isolated.supervisor import Child, Evaluation, EvaluationCancelledError
from adaptive_dask.learner.batch_call import call_batch
from adaptive_dask.run.batching import time_allowed
from adaptive_dask.run.pickling import PackedValue, pack, pack_returned, unpack

if TYPE_CHECKING:
    from adaptive_dask.cluster.worker_function import RunFunction

# Between two evaluators of a run, its processes are kept for this time (seconds).
KEEP_S = 2.0
# The number of runs whose processes are kept.
MAX_KEPT = 8


def evaluate_isolated(points: PointQueue, evaluator: Evaluator, function: IsolatedFunction, lease: float) -> None:
    """Evaluate points in a process until the lease ends (in seconds), the run stops, or no points come."""
    end = time.monotonic() + lease
    with contextlib.suppress(EvaluationCancelledError):  # the run has ended
        while points.is_wanted and not evaluator.is_given_up:
            # The process is started before a point is taken, so that the start does not count for the time limit.
            with function.reserved() as child:
                item = points.waiting.get(end)
                if item is None:
                    return
                batch = points.get_batch(item) if points.evaluation.vectorized else [item]
                _evaluate(points, points.begin(evaluator, batch), child, batch)
            if time.monotonic() >= end:
                return


def _evaluate(points: PointQueue, call: Call, child: Child, batch: list[Item]) -> None:
    timeout = points.evaluation.point_timeout
    evaluation = Evaluation(child, None if timeout is None else time_allowed(timeout, len(batch)))
    points.set_cancel(call, evaluation.cancel)
    try:
        is_batch = points.evaluation.vectorized
        values = _call_batch(evaluation, batch) if is_batch else [evaluation.call(batch[0].packed)]
    except Exception as error:
        points.fail(call, error)
    else:
        points.finish(call, values)


def _call_batch(evaluation: Evaluation, batch: list[Item]) -> list[PackedValue]:
    def call(xs: Any) -> Any:
        return unpack(evaluation.call(pack(xs)))

    return [pack_returned(value) for value in call_batch(call, [unpack(item.packed) for item in batch])]


class KeptFunctions:
    """Functions with processes, kept from one evaluator of a run to the next; on the worker's event loop or in threads.

    Parameters
    ----------
    worker : Worker
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._kept: dict[str, RunFunction] = {}

    def take(self, run: str) -> RunFunction | None:
        """Return the function of a run, if it is kept, and do not keep it any more."""
        return self._kept.pop(run, None)

    def keep(self, run: str, function: RunFunction) -> None:
        """Keep the function of a run that may continue here."""
        self._kept[run] = function
        for other in list(self._kept)[:-MAX_KEPT]:
            self.close(other)
        self._worker.loop.add_callback(self._worker.loop.call_later, KEEP_S, self._close, run, function)

    def close(self, run: str) -> None:
        """End the processes of a run that has ended."""
        self._close(run, self._kept.get(run))

    def close_all(self) -> None:
        """End all processes, because the worker is about to end."""
        for run in list(self._kept):
            self.close(run)

    def _close(self, run: str, function: RunFunction | None) -> None:
        if function is not None and self._kept.get(run) is function:
            del self._kept[run]
            function.close()
