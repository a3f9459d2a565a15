"""The thread of Dask's pool that an evaluator holds, and its replacement when it hangs or waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from distributed import Worker

from adaptive_dask.cluster import dask_internals
from adaptive_dask.run.waits import waits_for_run

if TYPE_CHECKING:
    from adaptive_dask.cluster.worker_call import Call

# The interval of checks, and the minimum age of the calls that are checked (seconds).
STARVATION_CHECK_S = 0.5


class HeldThread:
    """The thread of an evaluator; create it in that thread.

    Attributes
    ----------
    task : str
        The key of the evaluator's task.
    thread : threading.Thread
    is_replaced : bool
        True if the pool has another thread instead, so that this one has to end with its task.
    """

    def __init__(self, worker: Worker) -> None:
        self.task = str(worker.get_current_task())
        self._worker = worker
        self.thread = threading.current_thread()
        self._pool = dask_internals.pool_of_this_thread()
        self._since = time.monotonic()
        self.is_replaced = False

    @property
    def is_in_pool(self) -> bool:
        """False if the user's function has seceded and not rejoined."""
        return self._pool is None or dask_internals.is_in_pool(self._pool, self.thread)

    def give_back(self) -> None:
        """Let the pool start another thread in the place of this one, as if its task had seceded.

        Called on the worker's event loop, while the thread hangs in the user's function.
        """
        if self._pool is not None and dask_internals.replace_thread(self._pool, self.thread):
            self._leave_slot()

    @property
    def waits_for_tasks(self) -> bool:
        """True if the thread waits for Dask or for a run on the cluster, and was not replaced."""
        if self.is_replaced or not self.is_in_pool:
            return False
        # A run on an executor needs no thread of Dask, so waits for it do not count.
        frame = sys._current_frames().get(self.thread.ident or 0)
        return waits_for_run(self.thread) or dask_internals.waits_for_dask(frame)

    def lend(self) -> None:
        """Let the pool have one more thread, because this one waits for the results of others.

        Called on the worker's event loop. The thread stays in the pool, because the function may still secede and
        rejoin, and it ends with its task.
        """
        if self._pool is not None and dask_internals.add_thread(self._pool, self.thread):
            self.is_replaced = True
            self._leave_slot()

    def _leave_slot(self) -> None:
        now = time.monotonic()
        dask_internals.secede_task(self._worker, self.task, now - self._since, f"adaptive-hung-{now}")

    def end(self) -> None:
        """End the thread with its task, after `give_back` or `lend`; called in the thread itself."""
        if self._pool is not None:
            dask_internals.end_this_thread(self._pool, had_added=self.is_replaced)


class StarvationGuard:
    """Starts additional threads for evaluators that wait for tasks; on the worker's event loop.

    A function that submits tasks to Dask or starts a run, and waits for them without `secede`, would never return if
    evaluators hold all threads of the cluster. The pool therefore gets one more thread for each evaluator that waits
    for tasks.

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
