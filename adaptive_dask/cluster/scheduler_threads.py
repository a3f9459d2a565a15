"""A few threads that make calls for the event loop; of many small ones, several are answered at once."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

# A thread answers at the latest when it was at calls for so long (seconds), if there are more of them.
GATHERING = 0.001

Call = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]


class CallThreads:
    """Threads for learners; lives on the event loop.

    To wake the event loop is the dearest part of a call that takes a tenth of a millisecond: the thread gives Python's
    interpreter away for it, and has to wait for it again. So answers are gathered while more calls wait.

    Parameters
    ----------
    most : int
        How many threads there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._answers: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._under_way = 0
        self._threads = 0

    async def call(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call something in a thread."""
        self._deliver()  # a thread that is at a long call may not have said what it had before
        future = self._loop.create_future()
        self._under_way += 1
        if self._threads < min(self._under_way, self._most):
            threading.Thread(target=self._work, name=f"adaptive-learner_{self._threads}", daemon=True).start()
            self._threads += 1
        self._calls.put((future, call, args))
        try:
            return await future
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """Let the threads end, after the calls that wait."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _deliver(self) -> None:
        while self._answers:
            future, result, error = self._answers.popleft()
            if future.done():  # nobody waits for it any more
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    # ---- in the threads

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            begin = time.perf_counter()
            while item is not None:
                self._answers.append(_make(*item))
                if time.perf_counter() - begin > GATHERING:
                    break
                try:
                    item = self._calls.get_nowait()
                except queue.Empty:
                    break
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed, and nobody waits
                return
            if item is None:
                return


def _make(
    future: asyncio.Future[Any], call: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[asyncio.Future[Any], Any, BaseException | None]:
    try:
        return future, call(*args), None
    except BaseException as error:
        return future, None, error
