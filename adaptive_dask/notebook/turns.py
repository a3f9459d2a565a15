"""Turns: makes calls on the notebook's event loop or, while a cell is running, in the calling thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from adaptive_dask.runner.task import running_loop

# Time to wait for the event loop (seconds).
PATIENCE = 0.5


class Turns:
    """Makes one call at a time for threads other than that of the notebook.

    HoloViews supports only one thread, which also handles its sliders. Calls are therefore made on the event loop on
    which this object was created. If a cell blocks it, it waits until the call has ended.
    """

    def __init__(self) -> None:
        self._loop = running_loop()

    def do(self, action: Callable[[], None]) -> None:
        """Make a call and wait for its end. The call must not raise an error."""
        loop = self._loop
        if loop is None or loop.is_closed():
            action()
            return
        mine, begun, done = threading.Lock(), threading.Event(), threading.Event()

        def once() -> None:
            try:
                action()
            finally:
                done.set()

        def on_loop() -> None:
            if mine.acquire(blocking=False):
                begun.set()
                once()
            else:
                done.wait()

        loop.call_soon_threadsafe(on_loop)
        if not begun.wait(PATIENCE) and mine.acquire(blocking=False):
            once()
        else:
            done.wait()
