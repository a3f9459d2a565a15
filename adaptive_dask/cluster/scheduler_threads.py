"""A few threads that make calls for the event loop; it is woken once for several answers."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from adaptive_dask.user_code import as_exception

Call = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]


class CallThreads:
    """Threads for learners; lives on the event loop.

    To wake the event loop is the dearest part of a call that takes a tenth of a millisecond: the thread gives Python's
    interpreter away for it, and has to wait for it again. So it is woken once for all answers that are there by then.

    Parameters
    ----------
    most : int
        How many threads there may be.
    name : str, default: "learner"
        What they are called.
    """

    def __init__(self, most: int, name: str = "learner") -> None:
        self._most = most
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._answers: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_woken = False  # `_deliver` is going to be called
        self._under_way = 0
        self._threads = 0

    async def call(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call something in a thread."""
        future = self._loop.create_future()
        self._under_way += 1
        if self._threads < min(self._under_way, self._most):
            threading.Thread(target=self._work, name=f"adaptive-{self._name}_{self._threads}", daemon=True).start()
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
        self._is_woken = False  # first, or what is answered from now on could be missed
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
        while self._answer_one():
            pass

    def _answer_one(self) -> bool:
        """Make a call; says whether there may be more. When it returns, the thread holds nothing of it."""
        item = self._calls.get()
        if item is None:
            return False
        self._answers.append(_make(*item))
        if not self._is_woken:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed, and nobody waits
                return False
        return True


def _make(
    future: asyncio.Future[Any], call: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[asyncio.Future[Any], Any, BaseException | None]:
    try:
        return future, call(*args), None
    except BaseException as error:  # on the event loop, some would end more than their caller
        return future, None, as_exception(error)
