"""More threads for workers whose evaluators wait for tasks.

A function that submits tasks to Dask or starts a run, and waits for them without `secede`, would never return if
evaluators hold all threads of the cluster. The pool therefore gets one more thread for each evaluator that waits for
tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from distributed import Worker

if TYPE_CHECKING:
    from adaptive_dask.cluster.worker_call import Call

# The interval of checks, and the minimum age of the calls that are checked (seconds).
STARVATION_CHECK_S = 0.5


class StarvationGuard:
    """Starts additional threads for evaluators that wait for tasks; on the worker's event loop.

    Parameters
    ----------
    worker : Worker
    find : callable
        Returns the calls in flight; None if there are no evaluators any more.
    """

    def __init__(self, worker: Worker, find: Callable[[], Sequence[Call] | None]) -> None:
        self._worker = worker
        self._find = find
        self._is_looking = False

    def start(self) -> None:
        """Check periodically, as long as there are evaluators."""
        if not self._is_looking:
            self._is_looking = True
            self._look()

    def _look(self) -> None:
        calls = self._find()
        if calls is None:
            self._is_looking = False
            return
        now = time.perf_counter()
        for call in calls:
            if now - call.begin > STARVATION_CHECK_S and call.evaluator.thread.waits_for_tasks:
                call.evaluator.thread.lend()
        self._worker.loop.call_later(STARVATION_CHECK_S, self._look)
