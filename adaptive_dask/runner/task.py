"""`runner.task`: the end of a run, to await or cancel, with or without an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import sys
import traceback
import weakref
from collections.abc import Callable, Generator, Sequence
from types import FrameType
from typing import Any, TextIO

from adaptive_dask.errors import SchedulerLostError
from adaptive_dask.logs import get_logger
from adaptive_dask.plain import printable

logger = get_logger(__name__)


class RunTask:
    """The end of a run that was started without a running event loop.

    It has the methods of an `asyncio.Task`, and you can await it on any event loop. A run that was started on a running
    event loop has a `LoopTask` instead.

    Parameters
    ----------
    done : concurrent.futures.Future
        Resolved at the end of the run.
    cancel : callable
        Cancels the run.
    name : str
    loop : asyncio.AbstractEventLoop, optional
        For `get_loop`.
    """

    def __init__(
        self,
        done: concurrent.futures.Future[None],
        cancel: Callable[[], Any],
        name: str = "run",
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._done = done
        self._cancel = cancel
        self._name = name
        self._loop = loop
        self._context = contextvars.copy_context()
        self._cancels = 0
        self._callbacks: list[list[Callback]] = []

    def done(self) -> bool:
        """Return True if the run has ended."""
        return self._done.done()

    def cancelled(self) -> bool:
        """Return True if the run was cancelled."""
        return self._done.cancelled()

    def result(self) -> None:
        """Return None if the run has finished, or raise its error.

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
        """Return the error of a run that failed; raises an error as `result` if it was cancelled or has not ended."""
        if not self._done.done():
            raise asyncio.InvalidStateError("The run has not ended yet.")
        if self._done.cancelled():
            raise asyncio.CancelledError
        return self._done.exception()

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the run; false if it has ended."""
        if self._done.done():
            return False
        self._cancels += 1
        self._cancel()
        return True

    def cancelling(self) -> int:
        """Return the number of calls of `cancel`, minus those of `uncancel`."""
        return self._cancels

    def uncancel(self) -> int:
        """Subtract one from `cancelling`; the run remains cancelled."""
        self._cancels = max(0, self._cancels - 1)
        return self._cancels

    def add_done_callback(self, callback: Callback, *, context: contextvars.Context | None = None) -> None:
        """Call ``callback(task)`` when the run has ended: on the running event loop, or without one from a thread."""
        entry = [callback]
        loop = running_loop()
        used = contextvars.copy_context() if context is None else context

        def call() -> None:
            if entry:
                used.run(entry.pop(), self)

        def ended(_: concurrent.futures.Future[None]) -> None:
            if loop is None:
                call()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(call)

        self._callbacks.append(entry)
        self._done.add_done_callback(ended)

    def remove_done_callback(self, callback: Callback) -> int:
        """Remove a callback; return the number of times that it had been added."""
        removed = [entry for entry in self._callbacks if entry == [callback]]
        for entry in removed:
            entry.clear()
        self._callbacks = [entry for entry in self._callbacks if entry]
        return len(removed)

    def get_name(self) -> str:
        """Return the name of the task."""
        return self._name

    def set_name(self, value: object) -> None:
        """Set the name of the task, which does not affect the run."""
        self._name = str(value)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop that was passed, or a new one that does not run and is closed with this task."""
        if self._loop is None:
            self._loop = loop_for(self)
        return self._loop

    def get_context(self) -> contextvars.Context:
        """Return the context in which the run was started."""
        return self._context

    def get_coro(self) -> None:
        """Return None, because the run is not a coroutine of this process."""

    def get_stack(self, *, limit: int | None = None) -> list[FrameType]:
        """Return the frames of the run's error that are known in this process.

        Parameters
        ----------
        limit : int, optional
            Maximal number of frames, counted from the end.
        """
        error = self._error()
        while error is not None and error.__traceback__ is None:
            error = error.__cause__
        frames = [] if error is None else [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        return frames if limit is None else frames[len(frames) - min(limit, len(frames)) :]

    def print_stack(self, *, limit: int | None = None, file: TextIO | None = None) -> None:
        """Print the run's error with the traceback of the function.

        Parameters
        ----------
        limit : int, optional
            Maximal number of frames, counted from the end; does not apply to those of a worker.
        file : text file, optional
            Standard error by default.
        """
        error = self._error()
        if error is None:
            print(f"No stack for {self!r}", file=sys.stderr if file is None else file)
            return
        frames = traceback.format_list(_summary(error, limit))
        text = printable("".join([*frames, *traceback.format_exception_only(error)]))
        print(f"Traceback for {self!r} (most recent call last):\n{text}", end="", file=file or sys.stderr)

    def _error(self) -> BaseException | None:
        return self._done.exception() if self._done.done() and not self._done.cancelled() else None

    def __repr__(self) -> str:
        state = "pending" if not self.done() else "cancelled" if self.cancelled() else "finished"
        error = self._error()
        return (
            f"<{type(self).__name__} {state} name={self._name!r}{f' exception={type(error).__name__}' * bool(error)}>"
        )

    def __await__(self) -> Generator[Any, None, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        try:
            await wait(self._done)
        except asyncio.CancelledError:
            if not self._done.done() and _asked(self.cancel):
                # After the wait, the run has ended and its name can be used again.
                with contextlib.suppress(Exception):
                    await wait(self._done)
            raise


Callback = Callable[[RunTask], Any]


def _summary(error: BaseException, limit: int | None) -> traceback.StackSummary:
    return traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), limit=None if limit is None else -limit
    )


class LoopTask(asyncio.Task[None]):
    """A task that ends when a run has ended. Cancelling the task cancels the run.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        The running event loop.
    done : concurrent.futures.Future
        See `Run.done`.
    cancel : callable
        Cancels the run.
    name : str
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        done: concurrent.futures.Future[None],
        cancel: Callable[[], Any],
        name: str = "run",
    ) -> None:
        self._run_done = done
        self._cancel_run = cancel
        self._cancels: list[Any] = []
        super().__init__(_until_end(done, self._cancels), loop=loop, name=name)
        self.add_done_callback(lambda task: self._look_at_lost())
        self._log_destroy_pending = False  # if the user drops the runner, the run continues

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the run; false if it has ended."""
        if self.done():
            return False
        if not self._run_done.done():
            self._cancels.append(msg)
            try:
                request = self._cancel_run()
            except Exception:
                logger.debug("The run cannot be cancelled", exc_info=True)
                return super().cancel(msg)
            if isinstance(request, asyncio.Future):
                request.add_done_callback(self._cancel_if_refused)
        return True

    def _cancel_if_refused(self, request: asyncio.Future[Any]) -> None:
        # The request failed, for example because all tasks of the loop, including the client, were cancelled.
        if (request.cancelled() or request.exception() is not None) and not self.done():
            super().cancel()

    def _look_at_lost(self) -> None:
        # asyncio must not warn about the end of the client.
        if not self.cancelled() and isinstance(self._run_done.exception(), SchedulerLostError):
            self.exception()


def make_task(
    done: concurrent.futures.Future[None],
    cancel: Callable[[], Any],
    name: str,
    loop: asyncio.AbstractEventLoop | None,
) -> LoopTask | RunTask:
    """Create the task of a run, on the running event loop unless another one is given."""
    running = running_loop()
    if running is not None and (loop or running) is running:
        return LoopTask(running, done, cancel, name)
    return RunTask(done, cancel, name, loop or running)


async def _until_end(done: concurrent.futures.Future[None], cancels: list[Any]) -> None:
    # no reference to the task, because the frames of the run's error would keep it alive
    await wait(done)
    if cancels:  # the run has ended, but the wait was cancelled
        raise asyncio.CancelledError


def _asked(cancel: Callable[[], Any]) -> bool:
    """Cancel a run; return False if this is impossible, for example because its client is closed."""
    try:
        cancel()
    except Exception:
        logger.debug("The run cannot be cancelled", exc_info=True)
        return False
    return True


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the running event loop of this thread, if there is one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def loop_for(owner: object) -> asyncio.AbstractEventLoop:
    """Return a new event loop that does not run, and is closed when its owner is garbage collected."""
    loop = asyncio.new_event_loop()

    def close() -> None:
        if not loop.is_running():
            loop.close()

    weakref.finalize(owner, close)
    return loop


def look_at(task: asyncio.Task[None] | RunTask) -> None:
    """Retrieve the error of a task, which was raised elsewhere, so that asyncio does not log it."""
    if isinstance(task, asyncio.Task):
        loop = task.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(task.add_done_callback, lambda task: task.cancelled() or task.exception())


async def wait(done: concurrent.futures.Future[None]) -> None:
    """Wait for the end of a run, and raise its error."""
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


async def wait_for_ends(ends: Sequence[concurrent.futures.Future[None]], timeout: float | None) -> bool:
    """Wait for the end of runs, without raising their errors; return True if all have ended."""
    waiters = [asyncio.ensure_future(wait(end)) for end in ends]
    _, pending = await asyncio.wait(waiters, timeout=timeout)
    for waiter in waiters:
        if waiter in pending:
            waiter.cancel()
        else:
            _ = waiter.cancelled() or waiter.exception()  # retrieved, so that asyncio does not log it
    return not pending
