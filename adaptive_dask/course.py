"""Course: how a run has gone while somebody watched, and when it may be at its goal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# The pace is that of the last so many seconds.
PRESENT = 10.0

# Of the past so many moments are kept; then every second one is dropped.
MOST = 240

# The loss is expected to fall with the points as it did since there were this share of them.
TREND_SINCE = 0.5

ENDED = frozenset({"finished", "cancelled", "failed"})


class Moment(NamedTuple):
    """A run at some time; in seconds since it began."""

    seconds: float
    npoints: int
    loss: float


class Outlook(NamedTuple):
    """How much of the way to its goal a run has made, and how many seconds are left; NaN for what is not known."""

    share: float
    seconds_left: float


UNKNOWN = Outlook(math.nan, math.nan)


class Course:
    """What was seen of a run. It grows no longer, however long the run takes.

    Parameters
    ----------
    before : sequence of (float, int, float)
        What others saw: seconds since the run began, points and loss.

    Attributes
    ----------
    moments : list of Moment
        The oldest first.
    """

    def __init__(self, before: Sequence[tuple[float, int, float]] = ()) -> None:
        self.moments = [Moment(*moment) for moment in before]
        self._recent: list[Moment] = []
        self._spacing = self.moments[-1].seconds / MOST if self.moments else 0.0

    def note(self, summary: Mapping[str, Any], now: float) -> None:
        """Look at a run; ``now`` is in seconds since the epoch."""
        moment = Moment(max(now - summary["started"], 0.0), summary["npoints"], summary["loss"])
        self._recent = [old for old in self._recent if old.seconds >= moment.seconds - PRESENT]
        self._recent.append(moment)
        if self.moments and moment.seconds < self.moments[-1].seconds + self._spacing:
            return
        self.moments.append(moment)
        if len(self.moments) > MOST:
            del self.moments[1::2]
            self._spacing = 2 * moment.seconds / MOST

    def pace(self, summary: Mapping[str, Any]) -> float:
        """Points per second: at present, or on average of a run that has ended; NaN as long as it is not known."""
        if summary["ended"]:
            elapsed = summary["ended"] - summary["started"]
            return summary["evaluated"] / elapsed if elapsed > 0 else math.nan
        if "points_per_second" in summary:
            return float(summary["points_per_second"])
        first, last = (self._recent[0], self._recent[-1]) if self._recent else (None, None)
        if first is None or last is None or last.seconds <= first.seconds:
            return math.nan
        return (last.npoints - first.npoints) / (last.seconds - first.seconds)

    def outlook(self, summary: Mapping[str, Any], now: float) -> Outlook:
        """How far it is to the goal, if that is a number."""
        goal = summary.get("goal") or {}
        if "time" in goal:
            total = goal["time"] - summary["started"]
            return Outlook(_share(now - summary["started"], total), max(0.0, goal["time"] - now))
        npoints = summary["npoints"]
        if "npoints" in goal:
            wanted = float(goal["npoints"])
        elif "loss" in goal:
            wanted = self._points_for_loss(goal["loss"], npoints, summary["loss"])
        else:
            return UNKNOWN
        pace = self.pace(summary)
        is_known = pace > 0 and not math.isnan(wanted)
        seconds_left = max(0.0, wanted - npoints) / pace if is_known else math.nan
        return Outlook(_share(npoints, wanted), seconds_left)

    def _points_for_loss(self, wanted: float, npoints: int, loss: float) -> float:
        """With how many points a loss is reached that falls on as a power of their number."""
        if loss <= wanted:
            return npoints
        since = next((m for m in self.moments if m.npoints >= TREND_SINCE * npoints and 0 < m.loss < math.inf), None)
        if since is None or not (wanted > 0 and loss < since.loss and npoints > since.npoints > 0):
            return math.nan
        power = math.log(since.loss / loss) / math.log(npoints / since.npoints)
        return npoints * math.exp(min(math.log(loss / wanted) / power, 700.0))


def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 1.0 if whole == 0 else math.nan
