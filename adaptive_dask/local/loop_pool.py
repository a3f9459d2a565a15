"""LoopPool: evaluates points in the thread of the user's event loop, like python-adaptive."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
from collections.abc import Sequence
from functools import partial
from typing import Any

from adaptive_dask.local.pools import ExecutorPool
from adaptive_dask.local.sequential import SequentialExecutor
from adaptive_dask.local.travelling import Function
from adaptive_dask.local.worker import Start, evaluate


class LoopPool(ExecutorPool):
    """A `SequentialExecutor` for functions that use objects of one thread, such as SQLite connections.

    Each evaluation is a separate callback of the event loop.

    Parameters
    ----------
    executor : SequentialExecutor
    function : callable
    vectorized : bool
        True if the function accepts many points in one call.
    loop : asyncio.AbstractEventLoop

    Attributes
    ----------
    user_loop : asyncio.AbstractEventLoop
    """

    def __init__(
        self, executor: SequentialExecutor, function: Function, vectorized: bool, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(executor, function, vectorized)
        self.user_loop = loop
        self._calls: queue.SimpleQueue[partial[None]] = queue.SimpleQueue()

    @property
    def is_sequential(self) -> bool:
        """False, because the thread that evaluates points is not the one that submits them."""
        return False

    @property
    def takes_many(self) -> bool:
        """False, because each point is a separate callback of the loop."""
        return False

    def submit(self, points: Sequence[Any], start: Start | None = None) -> Any:
        """Evaluate points on the loop; return the future of the result of `worker.evaluate`."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._calls.put(partial(self._evaluate, future, points))
        self.user_loop.call_soon_threadsafe(self.evaluate_next, 0)
        return future

    def evaluate_next(self, timeout: float) -> None:
        """Wait for a submission, up to `timeout` seconds, and evaluate it in this thread.

        Called by the loop, and by a wait that blocks the loop.
        """
        try:
            call = self._calls.get(timeout=timeout) if timeout > 0 else self._calls.get_nowait()
        except queue.Empty:
            return  # already evaluated by a wait
        call()

    def _evaluate(self, future: concurrent.futures.Future[Any], points: Sequence[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self.executor.submit(evaluate, self._function, points).result())
        except Exception as error:
            future.set_exception(error)
        except BaseException:  # Ctrl-C interrupts the wait; the point is evaluated again
            future.set_exception(concurrent.futures.CancelledError())
            raise
