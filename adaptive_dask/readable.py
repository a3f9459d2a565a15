"""Numbers, times and goals as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from adaptive_dask.course import Outlook


def number(value: float) -> str:
    """Three digits; a dash for what is not known."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share in whole percent."""
    return "–" if math.isnan(share) else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """Seconds, in the two largest units."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def goal_text(summary: Mapping[str, Any]) -> str:
    """For example "500 points"; empty for a goal that is no number.

    Parameters
    ----------
    summary : mapping
        As `Run.summary`.
    """
    goal = summary.get("goal") or {}
    if "npoints" in goal:
        return f"{goal['npoints']:,} points"
    if "loss" in goal:
        return f"loss {number(goal['loss'])}"
    if "time" in goal:
        return f"{duration(goal['time'] - summary['started'])} of time"
    return ""


def time_left(summary: Mapping[str, Any], outlook: Outlook) -> str:
    """For example "about 2 min 10 s left"; empty if it is not known."""
    if math.isnan(outlook.seconds_left):
        return ""
    about = "" if "time" in (summary.get("goal") or {}) else "about "
    return f"{about}{duration(outlook.seconds_left)} left"


def waiting_text(waits_for: str) -> str:
    """What a run waits for, the ``"waits_for"`` of its summary, so that a sentence can end with it."""
    return waits_for if waits_for.startswith("its learner") else f"waits for {waits_for}"
