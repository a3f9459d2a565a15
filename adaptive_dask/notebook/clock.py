"""Clock: calls things at intervals, in a thread, also while a cell keeps the notebook's own thread busy."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from adaptive_dask.logs import get_logger
from adaptive_dask.user_code import guarded

logger = get_logger(__name__)

# Takes nothing and returns after how many seconds it is to be called again; None for never.
Call = Callable[[], float | None]


class Clock:
    """Calls things again and again, one at a time. It has a thread as long as there is something to call.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._due: dict[Call, float] = {}  # never, while it is being called
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, call: Call, delay: float = 0.0) -> None:
        """Call something from now on, until it returns None, raises, or is removed."""
        with self._changed:
            self._due[call] = time.monotonic() + delay
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def hurry(self, call: Call) -> None:
        """Call it as soon as possible, if it is called at all; again, if it is being called."""
        with self._changed:
            if call in self._due:
                self._due[call] = 0.0
                self._changed.notify()

    def hurry_when_done(self, call: Call, done: Future[Any]) -> None:
        """Hurry a method when a run has ended, whose future keeps its callbacks for good, but not the method."""
        weak = weakref.WeakMethod(call)

        def hurry(_: Future[Any]) -> None:
            alive = weak()
            if alive is not None:
                self.hurry(alive)

        done.add_done_callback(hurry)

    def remove(self, call: Call) -> None:
        """Stop the calls. The last one may still be running."""
        with self._changed:
            self._due.pop(call, None)
            self._changed.notify()

    @property
    def calls(self) -> list[Call]:
        """What is called."""
        with self._changed:
            return list(self._due)

    def _work(self) -> None:
        while (call := self._next()) is not None:
            pause = None
            try:
                pause = guarded(call)
            except Exception:
                logger.exception("Something in a notebook could not be kept up to date")
            with self._changed:
                if pause is None:
                    self._due.pop(call, None)
                elif self._due.get(call) == math.inf:
                    self._due[call] = time.monotonic() + pause
            del call  # while this waits, it keeps nothing alive

    def _next(self) -> Call | None:
        """Wait for the next that is due; None if there is nothing left, and the thread has to end."""
        with self._changed:
            while self._due:
                call = min(self._due, key=self._due.__getitem__)
                wait = self._due[call] - time.monotonic()
                if wait <= 0:
                    self._due[call] = math.inf
                    return call
                del call
                self._changed.wait(None if wait == math.inf else wait)
            self._thread = None
            return None


def check_interval(value: Any) -> None:
    """Refuse an interval between updates that is none.

    Raises
    ------
    ValueError
        If it is not a positive number.
    """
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"update_interval must be a positive number of seconds, got {value!r}.")


def slowed(interval: float, since: float, share: float) -> float:
    """The interval for what was shown then (on the monotonic clock), whenever its run began.

    What is sent while no browser is there waits for one. So updates become fewer the longer ago it was shown: the
    interval is at least this share of that, and a night brings a few times as many updates as the first minutes.
    """
    return max(interval, share * (time.monotonic() - since))
