"""LearnerTurns: one call at a time to the learner of a run, even if one hangs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from adaptive_dask.cluster.scheduler_threads import CallThreads, ThreadCall
from adaptive_dask.errors import LearnerBusyError


class LearnerTurns:
    """Makes the calls to a learner in threads, one after the other; lives on the event loop.

    ``async with turns:`` waits for a turn, in which `call` may be used, and raises an error if the learner is late.
    ``async with turns.whenever():`` waits longer.

    Parameters
    ----------
    run : str
        The name of the run, for messages.
    threads : callable
        Returns the threads to make calls in.
    on_change : callable
        Called when the learner becomes late, repeatedly while it is late, and when it is not late any more.
    """

    def __init__(self, run: str, threads: Callable[[], CallThreads], on_change: Callable[[], None]) -> None:
        self._run = run
        self._threads = threads
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._late: ThreadCall | None = None
        self._future: asyncio.Future[Any] | None = None  # the call in progress
        self._is_unwanted = False
        self._given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # resolved with a message

    @property
    def waits_for(self) -> str | None:
        """A description of the call in progress, if it is late."""
        return None if self._late is None else f"its learner has been busy for {self._late.describe()}"

    def give_up_if_late(self) -> None:
        """Give up the call in progress if it is late or becomes late, because the run is to end."""
        self._is_unwanted = True
        if self._late is not None:
            self._give_up()

    async def call(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call a function in a thread; the caller has the turn.

        Raises
        ------
        LearnerBusyError
            If this call or an earlier one was given up.
        Exception
            As raised by the function.
        """
        if self._given_up.done():
            raise self._error()
        self._future = self._threads().begin(call, *args, on_late=self._note_late)
        try:
            return await self._future
        finally:
            self._future = None
            if self._late is not None and not self._given_up.done():
                self._late = None
                self._on_change()

    async def __aenter__(self) -> Self:
        await self._take(is_patient=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()

    @contextlib.asynccontextmanager
    async def whenever(self) -> AsyncIterator[None]:
        """Take a turn for the run itself, which waits until the call in progress has ended or was given up."""
        await self._take(is_patient=True)
        try:
            yield
        finally:
            self._lock.release()

    # ---- inside

    async def _take(self, is_patient: bool) -> None:
        if self._given_up.done():
            raise self._error()
        if not self._lock.locked():
            await self._lock.acquire()
            return
        begin, timeout = time.monotonic(), self._threads().timeout
        acquiring = asyncio.ensure_future(self._lock.acquire())
        either: list[asyncio.Future[Any]] = [acquiring, self._given_up]
        try:
            while not acquiring.done():
                await asyncio.wait(either, timeout=timeout / 4, return_when=asyncio.FIRST_COMPLETED)
                is_late = self._late is not None and not is_patient and time.monotonic() - begin > timeout
                if self._given_up.done() or (is_late and not acquiring.done()):
                    raise self._error()
        except BaseException:
            if not acquiring.cancel():
                self._lock.release()
            raise

    def _note_late(self, call: ThreadCall) -> None:
        if call.future is not self._future or call.future.done():
            return
        self._late = call
        if self._is_unwanted:
            self._give_up()
        else:
            self._tell_again()

    def _tell_again(self) -> None:
        if self._late is not None and not self._given_up.done():
            self._on_change()
            asyncio.get_running_loop().call_later(self._threads().timeout, self._tell_again)

    def _give_up(self) -> None:
        if self._given_up.done():
            return
        error = self._error()
        self._given_up.set_result(str(error))
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)

    def _error(self) -> LearnerBusyError:
        if self._given_up.done():
            return LearnerBusyError(self._given_up.result())
        where = "with a call that does not end" if self._late is None else f"for {self._late.describe()}"
        return LearnerBusyError(
            f"The learner of the run {self._run!r} has been busy {where}, so it cannot be asked. If the call does not "
            "end, cancel the run; its clients have the results so far, and so does its checkpoint if it has one. "
            "The scheduler's setting adaptive-dask.learner-timeout of dask.config limits the time of a call."
        )
