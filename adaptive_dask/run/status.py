"""The state and the numbers of a run, and their texts for all displays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from adaptive_dask.plain import plain_fields

# All states, with those that need attention first. "waiting" is shown for a running run without a slot.
STATES = ("failed", "running", "draining", "reconnecting", "paused", "waiting", "cancelled", "finished")
ENDED = frozenset({"finished", "cancelled", "failed"})

# The states that a scheduler reports; clients add the others.
HOSTED_STATES = tuple(state for state in STATES if state not in ("reconnecting", "waiting"))

# The states that `Runner.status` reports as "running".
RUNNING = frozenset({"running", "draining", "reconnecting"})

# A run without a slot is shown as waiting after this time (seconds).
WAITING_AFTER_S = 0.5

# The counts of failed, repeated, late and lost evaluations or points.
TROUBLES = ("failed", "retries", "timeouts", "lost")

# All counts that are displayed only if they are not zero.
COUNTS = ("infeasible", *TROUBLES)


class RunStatus(NamedTuple):
    """The state and the numbers of a run at one moment.

    `Runner.info` returns these fields as a dictionary, see `as_info`.

    Attributes
    ----------
    name, learner : str
        Name of the run, class of its learner.
    status : str
        One of `STATES`.
    npoints : int
        Points that the learner knows.
    loss : float
        NaN if the loss function raised an error.
    started, ended : float
        In seconds since the epoch; ``ended`` is None before the end, and then ``started + elapsed``, even if the system
        clock was changed.
    elapsed : float
        Duration of the run so far, in seconds.
    goal : dict
        The goal in numbers, as `Goal.in_numbers` returns it.
    slots, busy : int
        Number of evaluators, and of those that are evaluating a point.
    in_flight : int
        Number of points in flight.
    evaluated, failed : int
        Number of evaluations that ended, and of points that failed for good.
    hung : dict
        Number of hanging evaluations by worker or executor.
    waits_for : str or None
        The reason why the run makes no progress, if it is known.
    function_seconds, slot_seconds : float
        Time spent in the function, and total time of all slots.
    learner_seconds : float
        Time spent in the learner.
    checkpoint : dict or None
        State of the checkpoint.
    retries, timeouts, lost : int
        Number of evaluations that were repeated, exceeded ``point_timeout``, and were lost with their worker.
    infeasible : int
        Number of points where the function has no value, see `Infeasible`. They are not failures.
    nsamples : int, optional
        Number of samples, if that is not the number of points.
    id, workers, evaluators, unfit, points_per_second, learner_cpu_seconds, age, pages : optional
        Runs on a cluster only. ``age`` is the time since the start in seconds; ``pages`` tells whether the scheduler's
        dashboard shows the run.
    """

    name: str
    learner: str
    status: str
    npoints: int
    loss: float
    started: float
    ended: float | None
    elapsed: float
    goal: Mapping[str, float] | None
    slots: int
    busy: int
    in_flight: int
    evaluated: int
    failed: int
    function_seconds: float
    slot_seconds: float
    learner_seconds: float
    waits_for: str | None
    checkpoint: Mapping[str, Any] | None
    hung: Mapping[str, int]
    retries: int = 0
    timeouts: int = 0
    lost: int = 0
    infeasible: int = 0
    nsamples: int | None = None
    id: str | None = None
    workers: int | None = None
    evaluators: int | None = None
    unfit: Mapping[str, str] | None = None
    points_per_second: float | None = None
    learner_cpu_seconds: float | None = None
    age: float | None = None
    pages: bool | None = None

    def made_plain(self) -> RunStatus:
        """Return the same status with values that any protocol can carry, see `plain`."""
        return RunStatus(**plain_fields(self._asdict()))

    def as_info(self) -> dict[str, Any]:
        """Return the fields as a dictionary, without missing optional ones."""
        fields = self._asdict()
        for name in _OPTIONAL:
            if fields[name] is None:
                del fields[name]
        return fields

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> RunStatus:
        """Undo `as_info`."""
        return cls(**{name: info[name] for name in cls._fields if name in info})

    @property
    def has_ended(self) -> bool:
        """True if the run has finished, failed or was cancelled."""
        return self.ended is not None or self.status in ENDED

    @property
    def shown(self) -> str:
        """The state to display: "waiting" for a running run that has no slot."""
        if self.status != "running" or self.has_ended or self.slots or self.in_flight:
            return self.status
        return "waiting" if self.waits_for or self.elapsed > WAITING_AFTER_S else self.status

    @property
    def pace(self) -> float:
        """Points per second: the present pace, or the average of a run that has ended; NaN if unknown."""
        if self.has_ended:
            return self.evaluated / self.elapsed if self.elapsed > 0 else math.nan
        return math.nan if self.points_per_second is None else self.points_per_second

    @property
    def busy_share(self) -> float:
        """Share of the slots' time that was spent in the function; NaN if unknown."""
        if not (self.slot_seconds > 0 and self.function_seconds > 0):
            return math.nan
        return min(self.function_seconds / self.slot_seconds, 1.0)

    @property
    def overhead(self) -> float:
        """Share of the slots' time that was not spent in the function; NaN if unknown."""
        return 1.0 - self.busy_share

    @property
    def in_flight_share(self) -> float:
        """Points in flight per known point; NaN without points."""
        return self.in_flight / self.npoints if self.npoints else math.nan

    @property
    def learner_share(self) -> float:
        """Average share of a core that the learner used; NaN if unknown."""
        seconds = self.learner_seconds if self.learner_cpu_seconds is None else self.learner_cpu_seconds
        return seconds / self.elapsed if self.elapsed > 0 else math.nan

    @property
    def troubles(self) -> dict[str, int]:
        """The counts of `TROUBLES` that are not zero."""
        return {name: count for name, count in self.counts.items() if name in TROUBLES}

    @property
    def counts(self) -> dict[str, int]:
        """The counts of `COUNTS` that are not zero."""
        return {name: count for name in COUNTS if (count := getattr(self, name))}

    @property
    def goal_text(self) -> str:
        """Text of the goal, such as "500 points"; empty if the goal is not a number."""
        goal = self.goal or {}
        if "npoints" in goal:
            return f"{goal['npoints']:,} points"
        if "loss" in goal:
            return f"loss {number(goal['loss'])}"
        if "time" in goal:
            return f"{duration(goal['time'] - self.started)} of time"
        return ""

    @property
    def waiting_text(self) -> str:
        """The reason why the run makes no progress, as a clause; empty if it does or has ended."""
        if not self.waits_for or self.has_ended:
            return ""
        return self.waits_for if self.waits_for.startswith("its learner") else f"waits for {self.waits_for}"


_OPTIONAL = [name for name, default in RunStatus._field_defaults.items() if default is None]


def coarse_status(status: str) -> str:
    """Return the state that `Runner.status` reports."""
    return "running" if status in RUNNING else status


def number(value: float) -> str:
    """Format a number with three significant digits; a dash for NaN."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def percent(share: float) -> str:
    """Format a share in percent, with two significant digits below 10 %; a dash for NaN."""
    if math.isnan(share):
        return "–"
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """Format a duration in its two largest units, for example "2 min 05 s"."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
