"""Threads for the tasks that functions wait for.

A function that submits tasks to Dask, or starts a run, and waits for them in its thread, without `secede`, would wait
for ever once evaluators hold all threads of the cluster. So the pool gets another thread for each evaluator that waits
like that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Worker

    from adaptive_dask.cluster.worker_work import Work

# Calls that go on for so long (seconds) are looked at; so often.
PATIENCE = 0.5


class Relief:
    """Looks for evaluators that wait for tasks; lives on the worker's event loop.

    Parameters
    ----------
    worker : Worker
    find : callable
        Gives the calls that are under way; None when there are no evaluators any more.
    """

    def __init__(self, worker: Worker, find: Callable[[], Sequence[Work] | None]) -> None:
        self._worker = worker
        self._find = find
        self._is_looking = False

    def start(self) -> None:
        """Look now and then, for as long as there are evaluators."""
        if not self._is_looking:
            self._is_looking = True
            self._look()

    def _look(self) -> None:
        works = self._find()
        if works is None:
            self._is_looking = False
            return
        now = time.perf_counter()
        for work in works:
            if now - work.begin > PATIENCE and work.seat.thread.waits_for_tasks:
                work.seat.thread.lend()
        self._worker.loop.call_later(PATIENCE, self._look)
