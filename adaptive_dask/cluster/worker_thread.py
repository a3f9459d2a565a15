"""The thread of Dask's pool that an evaluator holds, and its replacement when it hangs or waits."""

from __future__ import annotations

import sys
import threading
import time

from distributed import Worker

from adaptive_dask.cluster import dask_internals
from adaptive_dask.run.waits import waits_for_run


class HeldThread:
    """The thread of an evaluator; create it in that thread.

    Attributes
    ----------
    task : str
        The key of the evaluator's task.
    thread : threading.Thread
    """

    def __init__(self, worker: Worker) -> None:
        self.task = str(worker.get_current_task())
        self._worker = worker
        self.thread = threading.current_thread()
        self._pool = dask_internals.pool_of_this_thread()
        self._since = time.monotonic()
        self._is_lent = False

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
        if self._is_lent or not self.is_in_pool:
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
            self._is_lent = True
            self._leave_slot()

    def _leave_slot(self) -> None:
        now = time.monotonic()
        dask_internals.secede_task(self._worker, self.task, now - self._since, f"adaptive-hung-{now}")

    @property
    def is_replaced(self) -> bool:
        """True if the pool has another thread instead, so that this one has to end with its task."""
        return self._is_lent

    def end(self) -> None:
        """End the thread with its task, after `give_back` or `lend`; called in the thread itself."""
        if self._pool is not None:
            dask_internals.end_this_thread(self._pool, had_added=self._is_lent)
