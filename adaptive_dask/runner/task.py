"""`runner.task`: something to await, ask and cancel, with or without an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator
from typing import Any


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
        return wait(self._done, self._cancel).__await__()


async def wait(done: concurrent.futures.Future[None], cancel: Callable[[], Any]) -> None:
    """Wait for the end of a run; who cancels the waiting cancels the run."""
    waiter = asyncio.get_running_loop().create_future()

    def wake(_: concurrent.futures.Future[None]) -> None:
        loop = waiter.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: waiter.done() or waiter.set_result(None))

    done.add_done_callback(wake)
    try:
        await waiter
    except asyncio.CancelledError:
        if not done.done():
            cancel()
        raise
    if done.cancelled():
        raise asyncio.CancelledError
    done.result()
