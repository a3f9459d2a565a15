"""Batching of the results that a worker sends."""

from __future__ import annotations

# The longest time that a result waits for others (seconds).
MAX_RESULT_DELAY_S = 0.05


class ResultBatching:
    """Decides which results can wait, and for how long; called under the lock of a `PointQueue`.

    One message per result is expensive for the scheduler if there are many runs of fast functions. Results can wait
    while the evaluators have points. When few points are left, one message is sent at once, so that the scheduler sends
    more points. Then results wait again until new points come or none are left.
    """

    def __init__(self) -> None:
        self._enough: int | None = None
        self._has_asked = False  # True if a message was sent at once, and no points have come since
        self._since: float | None = None  # arrival of the oldest waiting result (monotonic clock)
        self._is_timed = False

    def note_points(self, enough: int | None) -> None:
        """Record new points; while more than `enough` points wait, results can wait."""
        self._enough = enough
        self._has_asked = False

    def can_wait(self, points: int) -> bool:
        """Return True if a new result can wait, given the number of points that wait on the worker."""
        if self._enough is None or not points:
            return False
        is_low = points <= self._enough
        asks = is_low and not self._has_asked
        self._has_asked = is_low
        return not asks

    def begin(self, now: float) -> bool:
        """Record that a result waits; return True if a timer that calls `ring` has to be set."""
        if self._since is None:
            self._since = now
        needs_timer, self._is_timed = not self._is_timed, True
        return needs_timer

    def end(self) -> None:
        """Record that all results were sent."""
        self._since = None

    def ring(self, now: float) -> float | None:
        """Return what to do after the timer has expired.

        Returns
        -------
        float or None
            Seconds until the next call, if the waiting results came later; 0 if results have to be sent now; None if no
            results wait.
        """
        left = None if self._since is None else max(0.0, self._since + MAX_RESULT_DELAY_S - now)
        self._is_timed = bool(left)
        return left
