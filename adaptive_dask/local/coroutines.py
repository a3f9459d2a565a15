"""CoroutinePool: evaluates `async def` functions on the user's event loop, or in a separate thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from adaptive_dask.learner.any_learner import children_of
from adaptive_dask.local.pools import Pool
from adaptive_dask.local.worker import Raised, Result, Start, Value, own
from adaptive_dask.run.tracebacks import format_from_function
from adaptive_dask.user_code import is_coroutine_function, reraise_interrupt


def is_asynchronous(learner: Any) -> bool:
    """Return True if a learner's function is ``async def``, or the functions of all its children are."""
    children = children_of(learner)
    if children:
        return all(is_asynchronous(child) for child in children)
    function = learner
    while (function := getattr(function, "function", None)) is not None:  # the children may be learners of the user
        if is_coroutine_function(function):
            return True
    return False


class CoroutinePool(Pool):
    """Evaluates coroutine functions concurrently on an event loop.

    Parameters
    ----------
    function : callable
        Returns an awaitable.
    loop : asyncio.AbstractEventLoop, optional
        Evaluations wait until it runs. By default a loop in a thread that ends with `close`.
    executor : object, optional
        The executor that the user passed; it evaluates nothing.
    workers : int, optional
        Intended number of simultaneous evaluations; the number of processors by default.

    Attributes
    ----------
    user_loop : asyncio.AbstractEventLoop or None
        The loop that was passed.
    """

    notes_start = True

    def __init__(
        self,
        function: Callable[[Any], Awaitable[Any]],
        loop: asyncio.AbstractEventLoop | None,
        executor: Any = None,
        workers: int | None = None,
    ) -> None:
        self.executor = executor
        self.workers: int | None = workers or os.cpu_count() or 1
        self._function = function
        self.user_loop = loop
        self._loop = loop

    def submit(self, points: Sequence[Any], start: Start | None = None) -> concurrent.futures.Future[list[Result]]:
        """Start to evaluate points, one after the other.

        Raises
        ------
        RuntimeError
            If the loop is closed.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._run, args=(self._loop,), name="adaptive-coroutines", daemon=True).start()
        future: concurrent.futures.Future[list[Result]] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(self._begin, future, points, start)
        return future

    def interrupt(self, future: concurrent.futures.Future[Any]) -> bool:
        """Cancel a coroutine."""
        self.abandon(future)
        return True

    def abandon(self, future: concurrent.futures.Future[Any]) -> None:
        """Cancel a coroutine, unless its loop is closed and has cancelled it."""
        if self._loop is not None and not self._loop.is_closed():
            future.cancel()

    def close(self) -> None:
        """Cancel the coroutines on the loop of this pool, and end it."""
        if self._loop is not None and self.user_loop is None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _begin(
        self, future: concurrent.futures.Future[list[Result]], points: Sequence[Any], start: Start | None
    ) -> None:
        """Evaluate on the loop. The coroutine is created here, because a loop that ends may not run it."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(_evaluate(self._function, points, start))
        task.add_done_callback(partial(_resolve, future))

        def cancel(ended: concurrent.futures.Future[list[Result]]) -> None:
            if ended.cancelled():
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(task.cancel)

        future.add_done_callback(cancel)

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
            loop.run_until_complete(_cancel_the_others())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


async def _cancel_the_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _resolve(future: concurrent.futures.Future[list[Result]], task: asyncio.Task[list[Result]]) -> None:
    if task.cancelled():
        future.cancel()
        future.set_running_or_notify_cancel()
    elif future.set_running_or_notify_cancel():
        error = task.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())


async def _evaluate(
    function: Callable[[Any], Awaitable[Any]], points: Sequence[Any], start: Start | None
) -> list[Result]:
    if start is not None:
        start.note(thread=None)
    return [await _evaluate_one(function, point) for point in points]


async def _evaluate_one(function: Callable[[Any], Awaitable[Any]], point: Any) -> Result:
    begin = time.perf_counter()
    try:
        value = await function(point)
    except GeneratorExit:  # the loop was closed meanwhile
        raise
    except BaseException as error:
        reraise_interrupt(error)
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # cancelled; if the function itself has raised this, it has failed
        return Raised(format_from_function(error), error, time.perf_counter() - begin)
    return Value(own(value), time.perf_counter() - begin)
