"""LearnerLock: one call at a time to the learner of a local run, with a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from adaptive_dask import config
from adaptive_dask.errors import LearnerBusyError
from adaptive_dask.run.tracebacks import place_of


class LearnerLock:
    """A lock for the driver, the session and the learner of a run.

    The thread of the run uses ``with lock:``, which waits without a limit.

    Parameters
    ----------
    run : str
        Name of the run, for error messages.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._depth = 0
        self._holder = threading.current_thread()
        self._since = 0.0

    def __enter__(self) -> None:
        self._acquire(-1)

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self._lock.release()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Acquire the lock for a request from another thread.

        Raises
        ------
        LearnerBusyError
            If a call to the learner takes longer than the setting ``adaptive-dask.learner-timeout``.
        """
        while not self._acquire(max(0.01, self.time_left())):
            if self.time_left() <= 0:
                raise LearnerBusyError(
                    f"The learner of the run {self._run!r} has been busy for {self._describe()}, so it cannot be "
                    "used. If the call does not end, cancel the run. The time that a call may take is the setting "
                    "adaptive-dask.learner-timeout of dask.config."
                )
        try:
            yield
        finally:
            self.__exit__()

    def time_left(self) -> float:
        """Return the time until the present call is late, in seconds; the whole timeout without a call."""
        return config.get("learner-timeout") - (time.monotonic() - self._since if self._depth else 0.0)

    @property
    def waits_for(self) -> str | None:
        """A description of the present call to the learner, if it is late."""
        return f"its learner has been busy for {self._describe()}" if self.time_left() <= 0 else None

    def _acquire(self, timeout: float) -> bool:
        if not self._lock.acquire(timeout=timeout):
            return False
        if not self._depth:
            self._holder, self._since = threading.current_thread(), time.monotonic()
        self._depth += 1
        return True

    def _describe(self) -> str:
        place = place_of(self._holder)
        return f"{time.monotonic() - self._since:.0f} s" + (f" in {place}" if place else "")
