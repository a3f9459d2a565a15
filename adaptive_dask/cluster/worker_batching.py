"""The decision when a worker sends results: at once, or several in one message."""

from __future__ import annotations

# The longest time that a result waits for others (seconds).
MAX_RESULT_DELAY_S = 0.05


class ResultBatching:
    """Decides which results can wait, and for how long; called under the lock of a `PointQueue`.

    One message per result costs the scheduler little if functions are slow, and much if there are many runs of fast
    functions. Results can wait while the evaluators have points. When few points are left, one message goes out at
    once, so that the scheduler sends more; then results wait again until new points come or none are left.
    """

    def __init__(self) -> None:
        self._enough: int | None = None
        self._has_asked = False  # results were sent early to get points, which have not come yet
        self._since: float | None = None  # when the oldest waiting result came (monotonic clock)
        self._is_timed = False

    def note_points(self, enough: int | None) -> None:
        """Note new points; while more than `enough` wait, no results have to be sent to get others."""
        self._enough = enough
        self._has_asked = False

    def can_wait(self, points: int) -> bool:
        """Whether a new result can wait, given the number of points that wait here."""
        if self._enough is None or not points:
            return False
        is_low = points <= self._enough
        asks = is_low and not self._has_asked
        self._has_asked = is_low
        return not asks

    def begin(self, now: float) -> bool:
        """Note that a result waits; return True if a timer has to be set, which calls `ring`."""
        if self._since is None:
            self._since = now
        needs_timer, self._is_timed = not self._is_timed, True
        return needs_timer

    def end(self) -> None:
        """All results were sent."""
        self._since = None

    def ring(self, now: float) -> float | None:
        """The timer has expired.

        Returns
        -------
        float or None
            Seconds until it has to ring again, because the results that wait now came later; 0 if they have to be
            sent now; None if no results wait.
        """
        left = None if self._since is None else max(0.0, self._since + MAX_RESULT_DELAY_S - now)
        self._is_timed = bool(left)
        return left
