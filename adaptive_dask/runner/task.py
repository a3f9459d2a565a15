"""`runner.task`: something to await, ask and cancel, with or without an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import weakref
from collections.abc import Callable, Generator
from typing import Any

from adaptive_dask.errors import SchedulerLostError


class RunTask:
    """The end of a run, for a runner that was started without a running event loop.

    It can be awaited on any event loop, now or later. A runner that is started on a running event loop
    has an `asyncio.Task` instead.
    """

    def __init__(self, done: concurrent.futures.Future[None], cancel: Callable[[], Any]) -> None:
        self._done = done
        self._cancel = cancel

    def done(self) -> bool:
        """Whether the run has ended."""
        return self._done.done()

    def cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self._done.cancelled()

    def result(self) -> None:
        """None for a finished run; raises the error of one that failed.

        Raises
        ------
        asyncio.CancelledError
            If the run was cancelled.
        asyncio.InvalidStateError
            If the run has not ended.
        """
        error = self.exception()
        if error is not None:
            raise error

    def exception(self) -> BaseException | None:
        """The error of a run that failed; raises like `result` when there is none to tell."""
        if not self._done.done():
            raise asyncio.InvalidStateError("The run is going on.")
        if self._done.cancelled():
            raise asyncio.CancelledError
        return self._done.exception()

    def cancel(self) -> bool:
        """Cancel the run; false if it has ended."""
        if self._done.done():
            return False
        self._cancel()
        return True

    def add_done_callback(self, callback: Callable[[RunTask], Any]) -> None:
        """Call ``callback(task)`` when the run has ended, from another thread."""
        self._done.add_done_callback(lambda _: callback(self))

    def __await__(self) -> Generator[Any, None, None]:
        try:
            yield from wait(self._done).__await__()
        except asyncio.CancelledError:
            self.cancel()
            raise


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that this thread runs, if there is one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def loop_for(owner: object) -> asyncio.AbstractEventLoop:
    """A new event loop, which does not run, and which is closed when its owner goes."""
    loop = asyncio.new_event_loop()

    def close() -> None:
        if not loop.is_running():
            loop.close()

    weakref.finalize(owner, close)
    return loop


def cancelling_task(
    loop: asyncio.AbstractEventLoop, done: concurrent.futures.Future[None], cancel: Callable[[], Any]
) -> asyncio.Task[None]:
    """A task that ends with a run; to cancel it, even before it has begun, cancels the run."""

    def ended(task: asyncio.Task[None]) -> None:
        if not done.done():
            if task.cancelled():
                cancel()
        elif not task.cancelled() and isinstance(done.exception(), SchedulerLostError):
            task.exception()  # counts as looked at: who closes his client under a run need not be told by asyncio

    task = loop.create_task(wait(done))
    task.add_done_callback(ended)
    return task


def look_at(task: asyncio.Task[None] | RunTask) -> None:
    """The error of the run was raised elsewhere: asyncio need not complain that nobody asked the task for it."""
    if isinstance(task, asyncio.Task):
        loop = task.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(task.add_done_callback, lambda task: task.cancelled() or task.exception())


async def wait(done: concurrent.futures.Future[None]) -> None:
    """Wait for the end of a run, and raise what it raised."""
    waiter = asyncio.get_running_loop().create_future()

    def resolve() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def wake(_: concurrent.futures.Future[None]) -> None:
        loop = waiter.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(resolve)

    done.add_done_callback(wake)
    await waiter
    if done.cancelled():
        raise asyncio.CancelledError
    done.result()
