"""Evaluation of asynchronous functions: many points at once, on an event loop in the evaluator's thread."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import queue
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from adaptive_dask import output
from adaptive_dask.cluster.worker_call import Call, Evaluator, Item
from adaptive_dask.cluster.worker_queue import PointQueue
from adaptive_dask.cluster.worker_waiting import IDLE_TIMEOUT_S
from adaptive_dask.run.pickling import pack_returned, unpack

# A lease ends when all points that were started in it have ended. It lasts at least this many durations of a point;
# otherwise, few points would be in progress most of the time.
DURATIONS_PER_LEASE = 5


async def evaluate_concurrently(
    points: PointQueue,
    evaluator: Evaluator,
    function: Callable[[Any], Any],
    lease: float,
    first: Call,
    coroutine: Coroutine[Any, Any, Any],
) -> None:
    """Evaluate points until the lease ends (in seconds), the run stops, or no points come.

    Parameters
    ----------
    first, coroutine
        A call that has begun, and the coroutine that it returned.
    """
    calls = _ConcurrentCalls(points, evaluator, function)
    calls.adopt(first, coroutine)
    with calls.being_woken():
        await calls.run(lease)


class _ConcurrentCalls:
    """The calls of one evaluator."""

    def __init__(self, points: PointQueue, evaluator: Evaluator, function: Callable[[Any], Any]) -> None:
        self._points = points
        self._evaluator = evaluator
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._due = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, lease: float) -> None:
        begin = time.monotonic()
        width = self._points.set_width(self._evaluator, is_taking=True)
        while self._points.is_wanted and not self._evaluator.is_given_up and not self._evaluator.thread.is_replaced:
            duration = self._points.seconds_per_point or 0.0
            if time.monotonic() >= begin + max(lease, DURATIONS_PER_LEASE * duration):
                break
            self._due.clear()
            if self._take(width):
                break
            try:
                await asyncio.wait_for(self._due.wait(), IDLE_TIMEOUT_S)
            except TimeoutError:
                if not self._tasks:
                    break
        self._points.set_width(self._evaluator, is_taking=False)
        while self._tasks and not self._evaluator.is_given_up:
            await asyncio.wait(self._tasks, timeout=IDLE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)

    def _take(self, width: int) -> bool:
        """Start points while there are free places; return True if the evaluator has to leave."""
        while len(self._tasks) < width:
            try:
                item = self._points.waiting.get_now()
            except queue.Empty:
                return False
            if item is None:
                return True
            self._begin(item)
        return False

    def _begin(self, item: Item) -> None:
        output.begin(anew=True)  # other points are in progress
        call = self._points.begin(self._evaluator, (item,))
        try:
            value = self._function(unpack(item.packed))
        except BaseException as error:  # SystemExit in a user's function must not end the evaluator
            self._points.fail(call, error)
            return
        self.adopt(call, value)

    def adopt(self, call: Call, value: Any) -> None:
        """Await the result of a call."""
        task = self._loop.create_task(self._finish(call, value))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._points.set_cancel(call, lambda: self._call(task.cancel))

    async def _finish(self, call: Call, value: Any) -> None:
        try:
            packed = pack_returned(await value if inspect.isawaitable(value) else value)
        except BaseException as error:
            self._points.fail(call, error)
        else:
            self._points.finish(call, (packed,))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._due.set()

    @contextlib.contextmanager
    def being_woken(self) -> Iterator[None]:
        """Start points as soon as they arrive."""
        self._points.call_when_due(self._wake)
        try:
            yield
        finally:
            self._points.call_no_more(self._wake)

    def _wake(self) -> None:
        self._call(self._due.set)

    def _call(self, call: Callable[[], Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call)
