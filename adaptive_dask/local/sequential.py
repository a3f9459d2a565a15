"""SequentialExecutor: calls functions at once, in the thread that submits them."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any


class SequentialExecutor(concurrent.futures.Executor):
    """An executor that calls functions at once, in the thread that submits them.

    A `BlockingRunner` evaluates points in its own thread. Other runners evaluate them in the thread of the running
    event loop or of `ioloop` or, without an event loop, in a thread of the run. Ctrl-C is raised at once, and not
    stored in a future.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Call ``fn(*args, **kwargs)`` and return a future that is done."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
