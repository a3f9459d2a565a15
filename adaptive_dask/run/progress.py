"""Progress of a run for displays: its pace, its share of the goal, and the time left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from adaptive_dask.run.status import RunStatus, duration

# The pace is measured over this time (seconds).
PACE_WINDOW_S = 10.0

# If there are more moments than this, every second one is dropped.
MAX_MOMENTS = 240

# The loss is extrapolated from the moment with this share of the present points.
TREND_SINCE = 0.5


class Moment(NamedTuple):
    """State of a run at some time; ``seconds`` since it started."""

    seconds: float
    npoints: int
    loss: float


class Outlook(NamedTuple):
    """Share of the goal that is reached, and estimated time left in seconds; NaN if unknown."""

    share: float
    seconds_left: float


UNKNOWN = Outlook(math.nan, math.nan)


class ProgressHistory:
    """Past states of a run, in bounded memory.

    Parameters
    ----------
    before : sequence of (float, int, float)
        Earlier states: seconds since the start of the run, points, and loss.

    Attributes
    ----------
    moments : list of Moment
        In ascending order of time.
    """

    def __init__(self, before: Sequence[tuple[float, int, float]] = ()) -> None:
        self.moments = [Moment(*moment) for moment in before]
        self._recent: list[Moment] = []
        self._spacing = self.moments[-1].seconds / MAX_MOMENTS if self.moments else 0.0

    def note(self, status: RunStatus) -> None:
        """Record the present state."""
        moment = Moment(max(status.elapsed, 0.0), status.npoints, status.loss)
        self._recent = [old for old in self._recent if old.seconds >= moment.seconds - PACE_WINDOW_S]
        self._recent.append(moment)
        if self.moments and moment.seconds < self.moments[-1].seconds + self._spacing:
            return
        self.moments.append(moment)
        if len(self.moments) > MAX_MOMENTS:
            del self.moments[1::2]
            self._spacing = 2 * moment.seconds / MAX_MOMENTS

    def pace(self, status: RunStatus) -> float:
        """Return the pace that the run reports, or else the pace that was observed here; NaN if unknown."""
        if not math.isnan(status.pace) or status.has_ended or not self._recent:
            return status.pace
        first, last = self._recent[0], self._recent[-1]
        if last.seconds <= first.seconds:
            return math.nan
        return (last.npoints - first.npoints) / (last.seconds - first.seconds)

    def outlook(self, status: RunStatus) -> Outlook:
        """Return the progress towards a goal that is a number."""
        goal = status.goal or {}
        if "time" in goal:
            total = goal["time"] - status.started
            return Outlook(_share(status.elapsed, total), max(0.0, total - status.elapsed))
        if "npoints" in goal:
            wanted = float(goal["npoints"])
        elif "loss" in goal:
            wanted = self._points_for_loss(goal["loss"], status.npoints, status.loss)
        else:
            return UNKNOWN
        pace = self.pace(status)
        is_known = pace > 0 and not math.isnan(wanted)
        seconds_left = max(0.0, wanted - status.npoints) / pace if is_known else math.nan
        return Outlook(_share(status.npoints, wanted), seconds_left)

    def time_left(self, status: RunStatus) -> str:
        """Return a text such as "about 2 min 10 s left"; empty if unknown."""
        seconds_left = self.outlook(status).seconds_left
        if math.isnan(seconds_left):
            return ""
        about = "" if "time" in (status.goal or {}) else "about "
        return f"{about}{duration(seconds_left)} left"

    def _points_for_loss(self, wanted: float, npoints: int, loss: float) -> float:
        """Return the number of points at which a loss is reached that decreases as a power of this number."""
        if loss <= wanted:
            return npoints
        since = next((m for m in self.moments if m.npoints >= TREND_SINCE * npoints and 0 < m.loss < math.inf), None)
        if since is None or not (wanted > 0 and loss < since.loss and npoints > since.npoints > 0):
            return math.nan
        power = math.log(since.loss / loss) / math.log(npoints / since.npoints)
        return npoints * math.exp(min(math.log(loss / wanted) / power, 700.0))


def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 1.0 if whole == 0 else math.nan
