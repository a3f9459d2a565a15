"""ReportedStatus: the last report of the scheduler about a run, and the present status that follows."""

from __future__ import annotations

import time
from typing import Any


class ReportedStatus:
    """The last summary of a hosted run.

    Attributes
    ----------
    summary : dict
        The last summary; empty at first.
    """

    def __init__(self) -> None:
        self.summary: dict[str, Any] = {}
        self._since = time.monotonic()

    def note(self, summary: dict[str, Any]) -> None:
        """Replace the summary; an empty one starts the clock of the run."""
        self.summary, self._since = summary, time.monotonic()

    @property
    def elapsed(self) -> float:
        """Duration of the run so far in seconds, on the monotonic clock."""
        seconds = float(self.summary.get("elapsed", 0.0))
        return seconds if self.summary.get("ended") else seconds + time.monotonic() - self._since

    def during(self, silence: float) -> dict[str, Any]:
        """Return the summary for display, if the scheduler has not answered for `silence` seconds."""
        if not (self.summary and silence):
            return self.summary
        waits_for = f"the scheduler, which has not answered for {silence:.0f} s"
        return {**self.summary, "status": "reconnecting", "points_per_second": 0.0, "waits_for": waits_for}

    def end(self, status: str) -> None:
        """Record that the run has ended for this process, unless the scheduler has reported it."""
        if self.summary:
            nothing = {"points_per_second": 0.0, "slots": 0, "busy": 0, "in_flight": 0, "waits_for": None}
            elapsed = self.elapsed
            ended = {"status": status, "elapsed": elapsed, "ended": self.summary["started"] + elapsed}
            self.summary = {**self.summary, **nothing, **ended}

    def lost_text(self, name: str, *, is_unknown: bool) -> str:
        """Return the error message for a run whose scheduler cannot be reached, or does not know the run."""
        if is_unknown:
            text = f"The scheduler does not know the run {name!r} any more: was it restarted, or the run forgotten?"
        else:
            text = (
                "The connection to the scheduler is lost. If the scheduler lives, the run continues: "
                f"adaptive.attach({name!r}) from a new client joins it again."
            )
        path = (self.summary.get("checkpoint") or {}).get("path")
        if path is None:
            return f"{text} The learner that was passed in has the results that had arrived."
        return (
            f"{text} If it does not, its checkpoint {path} has every result: start a run of the same learner with "
            "that checkpoint= to continue."
        )
