"""Turns: things are done on the notebook's event loop, or in the thread that wants them while a cell is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable

from adaptive_dask.runner.task import running_loop

# For so long (seconds) the event loop is waited for.
PATIENCE = 0.5


class Turns:
    """Does one thing at a time, for people who are not in the notebook's own thread.

    HoloViews is made for one thread, in which also its sliders are served. So the thread of the event loop on
    which this is made has it, unless a cell keeps that busy; the event loop then waits until the thing is done.
    """

    def __init__(self) -> None:
        self._loop = running_loop()

    def do(self, action: Callable[[], None]) -> None:
        """Have something done and wait for it. It must not raise."""
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
