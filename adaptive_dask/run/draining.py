"""Wait for evaluations that are in flight when the run reaches its goal."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from adaptive_dask.plain import as_seconds


def check_drain(drain: Any) -> float:
    """Return the time limit of the wait in seconds: infinite for True, 0 for False.

    Raises
    ------
    TypeError, ValueError
        If `drain` is neither a bool nor a duration.
    """
    if isinstance(drain, bool) or drain == math.inf:
        return math.inf if drain else 0.0
    return as_seconds("drain", drain)


class Draining:
    """The wait of a run for its last evaluations.

    Parameters
    ----------
    limit : float
        In seconds.
    """

    MAX_NAMED = 3  # of the points in flight

    def __init__(self, limit: float) -> None:
        self._limit = check_drain(limit)
        self._since: float | None = None
        self._count = 0
        self._points: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Return True if the run waits for evaluations."""
        return self._limit > 0

    @property
    def is_under_way(self) -> bool:
        return self._since is not None

    @property
    def left(self) -> float:
        """Time until the limit in seconds; infinite without a limit, or before the wait has begun."""
        return math.inf if self._since is None else self._since + self._limit - time.monotonic()

    def begin(self) -> None:
        """Begin the wait."""
        self._since = time.monotonic()

    def end(self) -> None:
        """End the wait."""
        self._since = None

    def note(self, count: int, points: Sequence[str]) -> None:
        """Record the number of evaluations in flight, and some of their points."""
        self._count, self._points = count, points

    def describe(self) -> str | None:
        """Describe the evaluations that the run waits for; None if it does not wait."""
        if self._since is None:
            return None
        what = f"{self._count} evaluation{'s' * (self._count != 1)} in flight when the goal was reached"
        if self._points:
            more = " and others" if self._count > len(self._points) else ""
            what += f", at {', '.join(self._points)}{more}"
        limit = "drain=True" if self._limit == math.inf else f"drain={self._limit:g}"
        return f"{what}, for {time.monotonic() - self._since:.0f} s so far ({limit})"
