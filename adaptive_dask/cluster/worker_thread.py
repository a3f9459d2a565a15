"""The thread of Dask's pool that an evaluator holds, and how the pool does without it when it hangs."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from distributed.threadpoolexecutor import thread_state as pool_state
from distributed.threadpoolexecutor import threads_lock
from distributed.utils import sync
from distributed.worker_state_machine import SecedeEvent

if TYPE_CHECKING:
    from distributed import Worker

# Who is in one of these waits for tasks: futures, and runs on the cluster. What else there is of Dask to wait for, such
# as queues, locks and actors, waits in `sync`. A run on an executor of the function's own needs no thread of Dask's.
WAITING = frozenset({"distributed.client", "adaptive_dask.runner.cluster", "adaptive_dask.runner.many_runs"})


class HeldThread:
    """The thread of an evaluator; to be made in it.

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
        self._pool = getattr(pool_state, "executor", None)  # None in a pool that is not Dask's
        self._since = time.monotonic()
        self._is_lent = False

    @property
    def is_in_pool(self) -> bool:
        """Whether the pool counts on it; not so when the user's function has seceded for good."""
        return self._pool is None or self.thread in self._pool._threads

    def give_back(self) -> None:
        """Let the pool start another thread instead of this one, as if its task had seceded.

        On the worker's event loop, while the thread hangs in the user's function.
        """
        if self._pool is None:
            return
        with threads_lock:
            if self.thread not in self._pool._threads:
                return
            self._pool._threads.discard(self.thread)
            self._pool._adjust_thread_count()
        self._leave_slot()

    @property
    def waits_for_tasks(self) -> bool:
        """Whether it waits for Dask, or for a run on the cluster, and nobody has taken its place."""
        if self._is_lent or not self.is_in_pool:
            return False
        frame = sys._current_frames().get(self.thread.ident or 0)
        while frame is not None:
            if frame.f_code is sync.__code__ or frame.f_globals.get("__name__") in WAITING:
                return True
            frame = frame.f_back
        return False

    def lend(self) -> None:
        """Let the pool have one more thread, for this one waits for what others are to do.

        On the worker's event loop. The thread stays in the pool, as the function may still secede and rejoin, and
        ends with its task.
        """
        if self._pool is None:
            return
        with threads_lock:
            if self.thread not in self._pool._threads:
                return
            self._is_lent = True
            self._pool._max_workers += 1
            self._pool._adjust_thread_count()
        self._leave_slot()

    def _leave_slot(self) -> None:
        now = time.monotonic()
        self._worker.handle_stimulus(
            SecedeEvent(key=self.task, compute_duration=now - self._since, stimulus_id=f"adaptive-hung-{now}")
        )

    @property
    def is_replaced(self) -> bool:
        """Whether the pool has another thread in its place, so that it has to end with its task."""
        return self._is_lent

    def end(self) -> None:
        """Have the thread end with its task, once it was given back or lent; in the thread itself."""
        if self._pool is None:
            return
        with threads_lock:  # the function may have seceded and rejoined meanwhile
            self._pool._threads.discard(self.thread)
            self._pool._max_workers -= self._is_lent
        pool_state.proceed = False
