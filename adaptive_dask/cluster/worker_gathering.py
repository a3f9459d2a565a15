"""Which results of a run wait on a worker for others, to be sent in one message with them."""

from __future__ import annotations

# A result waits for so long at most, in seconds.
LONGEST = 0.05


class Gathering:
    """Says which results can wait, and for how long; under the lock of a `PointQueue`.

    A message for each result is a burden for the scheduler that results of slow functions do not notice, and those of
    many runs do. Results can wait while the evaluators have points: until so few of those are left that the scheduler
    has to hear of it, which it does once; and then until new points come, or there are none.
    """

    def __init__(self) -> None:
        self._enough: int | None = None
        self._has_asked = False  # results were sent so that points come, which did not yet
        self._since: float | None = None  # the oldest result that waits, on the monotonic clock
        self._is_timed = False

    def note_points(self, enough: int | None) -> None:
        """New points came; as long as more than so many wait, there is no need to ask for others."""
        self._enough = enough
        self._has_asked = False

    def can_wait(self, points: int) -> bool:
        """Whether a result can wait that came when so many points waited."""
        if self._enough is None or not points:
            return False
        is_low = points <= self._enough
        asks = is_low and not self._has_asked
        self._has_asked = is_low
        return not asks

    def begin(self, now: float) -> bool:
        """A result waits from now on; says whether a timer has to be set, which `ring`s after the `LONGEST` time."""
        if self._since is None:
            self._since = now
        needs_timer, self._is_timed = not self._is_timed, True
        return needs_timer

    def end(self) -> None:
        """All results were sent."""
        self._since = None

    def ring(self, now: float) -> float | None:
        """The timer has run down.

        Returns
        -------
        float or None
            After how many seconds it has to ring again, for other results wait than those for which it was set; 0 if
            they are to be sent now; None if none wait.
        """
        left = None if self._since is None else max(0.0, self._since + LONGEST - now)
        self._is_timed = bool(left)
        return left
