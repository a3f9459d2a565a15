"""Waiting for evaluations that are under way when the goal of a run is reached."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import timedelta
from numbers import Real
from typing import Any


def check_drain(drain: Any) -> float:
    """For how many seconds to wait: without end for True, not at all for False.

    Raises
    ------
    TypeError, ValueError
        If it is none of these and no time.
    """
    if isinstance(drain, bool):
        return math.inf if drain else 0.0
    seconds = drain.total_seconds() if isinstance(drain, timedelta) else drain
    if not isinstance(seconds, Real):
        raise TypeError(f"drain must be True, False, or a time in seconds, got {drain!r}.")
    seconds = float(seconds)
    if not seconds >= 0:
        raise ValueError(f"drain must be 0 seconds or more, got {drain!r}. Use drain=False to wait for nothing.")
    return seconds


class Draining:
    """The wait of one run.

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
        """Whether there is to be a wait."""
        return self._limit > 0

    @property
    def is_under_way(self) -> bool:
        return self._since is not None

    @property
    def left(self) -> float:
        """For how long it goes on (seconds); infinite without a limit, or before it has begun."""
        return math.inf if self._since is None else self._since + self._limit - time.monotonic()

    def begin(self) -> None:
        """Begin to wait."""
        self._since = time.monotonic()

    def end(self) -> None:
        """Wait no longer."""
        self._since = None

    def note(self, count: int, points: Sequence[str]) -> None:
        """So many evaluations are under way; some of their points."""
        self._count, self._points = count, points

    def describe(self) -> str | None:
        """What is waited for, and for how long; None if there is no wait."""
        if self._since is None:
            return None
        what = f"{self._count} evaluation{'s' * (self._count != 1)} under way when the goal was reached"
        if self._points:
            more = " and others" if self._count > len(self._points) else ""
            what += f", at {', '.join(self._points)}{more}"
        limit = "drain=True" if self._limit == math.inf else f"drain={self._limit:g}"
        return f"{what}, for {time.monotonic() - self._since:.0f} s so far ({limit})"
