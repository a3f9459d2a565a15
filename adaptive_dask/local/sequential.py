"""SequentialExecutor: evaluates at once, in the thread that submits."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any


class SequentialExecutor(concurrent.futures.Executor):
    """Calls what is submitted at once, in the same thread: one point after the other.

    A `BlockingRunner` with it evaluates in the thread that made it; other runners in the thread of the event loop that
    is running where they are made, or is passed as `ioloop`, and in a script without one in a thread of the run.
    Ctrl-C is raised where it comes, not kept in a future.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Call ``fn(*args, **kwargs)`` and return a future that is done."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
