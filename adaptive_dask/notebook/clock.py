"""Clock: calls functions at intervals in a thread, even while a cell is running."""

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

# A function that returns the number of seconds until its next call; None for no further call.
Call = Callable[[], float | None]


class Clock:
    """Calls functions repeatedly, one at a time, in a thread that exists while there are functions.

    Parameters
    ----------
    name : str
        Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._due: dict[Call, float] = {}  # time of the next call; infinite during a call
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, call: Call, delay: float = 0.0) -> None:
        """Add a function, which is called until it returns None, raises an error, or is removed."""
        with self._changed:
            self._due[call] = time.monotonic() + delay
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def hurry(self, call: Call) -> None:
        """Call a function that was added as soon as possible; if a call is in progress, after this call."""
        with self._changed:
            if call in self._due:
                self._due[call] = 0.0
                self._changed.notify()

    def hurry_when_done(self, call: Call, done: Future[Any]) -> None:
        """Hurry a method when a run has ended. The future keeps only a weak reference to the method."""
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
        """The functions that are called."""
        with self._changed:
            return list(self._due)

    def _work(self) -> None:
        while (call := self._next()) is not None:
            pause = None
            try:
                pause = guarded(call)
            except Exception:
                logger.exception("A display in a notebook could not be updated")
            with self._changed:
                if pause is None:
                    self._due.pop(call, None)
                elif self._due.get(call) == math.inf:
                    self._due[call] = time.monotonic() + pause
            del call  # no reference while the thread waits

    def _next(self) -> Call | None:
        """Wait for the next function that is due; return None if none is left, so that the thread has to end."""
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
    """Check the argument `update_interval`.

    Raises
    ------
    ValueError
        If it is not a positive number.
    """
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"update_interval must be a positive number of seconds, got {value!r}.")


def slowed(interval: float, since: float, share: float) -> float:
    """Return an interval that increases with the age of a display.

    Messages wait while no browser is connected, so their number has to stay small, even after a night.

    Parameters
    ----------
    interval : float
        The initial interval, in seconds.
    since : float
        Time on the monotonic clock when the display was created.
    share : float
        The interval is at least this share of the age.
    """
    return max(interval, share * (time.monotonic() - since))
