"""When is a run done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from numbers import Integral, Real
from typing import Any

from adaptive_dask.plain import MAX_INT
from adaptive_dask.storage.learner_copy import working_copy

GoalFunction = Callable[[Any], bool]

# The clock on the wall may be set, so who waits for an `end_time` looks at it again after so many seconds.
CLOCK_CHECK_S = 5.0


# Points that a learner may ask for in place of points that failed.
TRIAL_POINTS = 100


@dataclass(frozen=True)
class LossGoal:
    """Reached when ``learner.loss() <= loss``, and so is ``learner.exact_loss()`` where there is one."""

    loss: float

    def __call__(self, learner: Any) -> bool:
        if not learner.loss() <= self.loss:
            return False
        exact_loss = getattr(learner, "exact_loss", None)
        return exact_loss is None or bool(exact_loss() <= self.loss)

    def unreachable_without(self, learner: Any, points: Sequence[Any], value: Any) -> Sequence[Any]:
        """Return the points that alone keep the loss infinite, the bounds of the domain for example.

        Parameters
        ----------
        learner : BaseLearner
        points : sequence
            Points that will never have a value, in the order in which the learner was asked for them.
        value : object
            Value of any other point, which a copy of the learner is told at these points, and before that at new ones.

        Returns
        -------
        sequence
            The first of `points`; empty if the loss is finite, or infinite for another reason.
        """
        if learner.loss() != math.inf:
            return ()
        copy = working_copy(learner)
        if copy is learner:
            return ()
        for point in points:
            copy.tell_pending(point)
        others, _ = copy.ask(TRIAL_POINTS)
        for point in others:
            copy.tell(point, value)
        if copy.loss() != math.inf:
            return ()
        for count, point in enumerate(points, 1):
            copy.tell(point, value)
            if copy.loss() != math.inf:
                return points[:count]
        return ()


@dataclass(frozen=True)
class EachGoal:
    """Reached when each child of a learner has so many points, or has no more to give."""

    npoints: int

    def __call__(self, learner: Any) -> bool:
        return bool(learner.each_has(self.npoints))


def is_done(learner: Any) -> bool:
    """The goal of a learner that knows by itself when it is done."""
    return bool(learner.done())


@dataclass(frozen=True)
class Goal:
    """The end of a run; a goal with nothing set is never reached.

    Attributes
    ----------
    reached : callable, optional
        Takes the learner and says whether it has learned enough.
    npoints : int, optional
        The number of points with which the run ends, exactly.
    end_time : float, optional
        When the run ends, in seconds since the epoch.
    duration : float, optional
        After how many seconds the run ends.
    """

    reached: GoalFunction | None = None
    npoints: int | None = None
    end_time: float | None = None
    duration: float | None = None

    def is_reached(self, learner: Any) -> bool:
        """Whether the learner has learned enough. Time is not looked at."""
        if self.npoints is not None:
            return bool(learner.npoints >= self.npoints)
        return self.reached is not None and bool(self.reached(learner))

    def time_left(self, elapsed: float) -> float | None:
        """For how many seconds a run may go on; None if its end is not one in time.

        Parameters
        ----------
        elapsed : float
            For how many seconds it has been going on, by a monotonic clock. Only an `end_time` is compared with the
            clock on the wall, as it is at this moment.
        """
        if self.duration is not None:
            return self.duration - elapsed
        return None if self.end_time is None else self.end_time - time.time()

    def next_check(self, elapsed: float) -> float | None:
        """Seconds until the time has to be looked at again; None if the goal is not a time, 0 once the time is up."""
        left = self.time_left(elapsed)
        return None if left is None else max(0.0, min(left, CLOCK_CHECK_S))

    def is_time_up(self, elapsed: float) -> bool:
        """True once the time of the goal, if it has one, is up."""
        return self.next_check(elapsed) == 0.0

    def in_numbers(self, learner: Any, started: float, elapsed: float = 0.0) -> dict[str, float]:
        """What can be said in a number of where a run that started then ends.

        Parameters
        ----------
        learner : BaseLearner
            Whose run it is.
        started : float
            In seconds since the epoch.
        elapsed : float, default: 0
            For how many seconds it has been going on.

        Returns
        -------
        dict
            With one of the keys ``"npoints"``, ``"loss"`` and ``"time"`` (when it ends, as `started` plus the seconds
            that it takes); empty if a function decides, or whoever cancels the run.
        """
        left = self.time_left(elapsed)
        if left is not None:
            return {"time": started + elapsed + left}
        if self.npoints is not None:
            return {"npoints": self.npoints}
        if isinstance(self.reached, LossGoal):
            return {"loss": self.reached.loss}
        if isinstance(self.reached, EachGoal) and hasattr(learner, "learners"):
            return {"npoints": self.reached.npoints * len(learner.learners)}
        if self.reached is is_done and hasattr(learner, "sequence"):
            return {"npoints": len(learner.sequence)}
        return {}

    def at(self, numbers: dict[str, float], started: float, elapsed: float) -> dict[str, float]:
        """What `in_numbers` said, now that so many seconds have gone by."""
        left = self.time_left(elapsed)
        return numbers if left is None else {"time": started + elapsed + left}

    @property
    def is_endless(self) -> bool:
        return self == Goal()


def make_goal(
    learner: Any,
    goal: GoalFunction | None = None,
    *,
    loss_goal: float | None = None,
    npoints_goal: int | None = None,
    end_time_goal: datetime | None = None,
    duration_goal: timedelta | float | None = None,
    allow_running_forever: bool = True,
) -> Goal:
    """Make a goal of a runner's arguments, of which at most one may be given.

    Parameters
    ----------
    learner : BaseLearner
        When no goal is given, a learner with a method ``done`` decides itself.
    goal : callable, optional
        Takes the learner; true ends the run.
    loss_goal : float, optional
        End when ``learner.loss()`` is this or less.
    npoints_goal : int, optional
        End with exactly this many points; with a BalancingLearner, when each child has as many or has no more to give.
    end_time_goal : datetime, optional
        End at this time; local time unless it carries a time zone.
    duration_goal : timedelta or float, optional
        End after this time; a number is in seconds.
    allow_running_forever : bool, default: True
        Whether there may be no goal at all.

    Raises
    ------
    ValueError
        If more than one goal is given, none where one is needed, or one that makes no sense.
    TypeError
        If a goal is of the wrong type.
    """
    given = {
        "goal": goal,
        "loss_goal": loss_goal,
        "npoints_goal": npoints_goal,
        "end_time_goal": end_time_goal,
        "duration_goal": duration_goal,
    }
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ValueError(f"Give one goal, not {len(names)}: {', '.join(names)}.")
    if goal is not None:
        if not callable(goal):
            raise TypeError(f"goal takes a function of the learner, not {goal!r}; for a number use loss_goal=.")
        return Goal(reached=goal)
    if loss_goal is not None:
        if not isinstance(loss_goal, Real) or isinstance(loss_goal, bool):
            raise TypeError(f"loss_goal takes a number, not {loss_goal!r}.")
        if math.isnan(loss_goal):
            raise ValueError(f"loss_goal takes a number that a loss can reach, not {loss_goal!r}.")
        return Goal(reached=LossGoal(float(loss_goal)))
    if npoints_goal is not None:
        if not isinstance(npoints_goal, Integral) or isinstance(npoints_goal, bool):
            raise TypeError(f"npoints_goal takes a whole number of points (an int), not {npoints_goal!r}.")
        if npoints_goal < 0:
            raise ValueError(f"npoints_goal takes 0 points or more, not {npoints_goal!r}.")
        if npoints_goal > MAX_INT:
            raise ValueError(
                f"npoints_goal must be at most 2**63 - 1, got {npoints_goal!r}. Leave it out to run forever."
            )
        if hasattr(learner, "each_has"):
            return Goal(reached=EachGoal(int(npoints_goal)))
        return Goal(npoints=int(npoints_goal))
    if end_time_goal is not None:
        if not isinstance(end_time_goal, datetime):
            raise TypeError(f"end_time_goal takes a datetime, not {end_time_goal!r}; a time span is a duration_goal=.")
        return Goal(end_time=end_time_goal.timestamp())
    if duration_goal is not None:
        return Goal(duration=_seconds(duration_goal))
    if callable(getattr(learner, "done", None)):
        return Goal(reached=is_done)
    if not allow_running_forever:
        raise ValueError("A run that blocks needs a goal, loss_goal, npoints_goal, end_time_goal or duration_goal.")
    return Goal()


def _seconds(duration: timedelta | float) -> float:
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if not isinstance(seconds, Real) or isinstance(seconds, bool):
        raise TypeError(f"duration_goal takes a timedelta or seconds, not {duration!r}.")
    if not 0 <= seconds < math.inf:
        raise ValueError(f"duration_goal takes 0 seconds or more and an end, not {duration!r}.")
    return float(seconds)


class TimedGoal:
    """A goal as a function, whose time starts when it is made and goes on in the process that it is sent to."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._begin = time.monotonic()

    def __call__(self, learner: Any) -> bool:
        return self._goal.is_reached(learner) or self._goal.is_time_up(time.monotonic() - self._begin)

    def __reduce__(self) -> tuple[Any, ...]:
        # Monotonic clocks of different machines have nothing to do with each other.
        return _timed_goal_since, (self._goal, time.monotonic() - self._begin)


def _timed_goal_since(goal: Goal, elapsed: float) -> TimedGoal:
    timed = TimedGoal(goal)
    timed._begin -= elapsed
    return timed


def auto_goal(
    *,
    loss: float | None = None,
    npoints: int | None = None,
    end_time: datetime | None = None,
    duration: timedelta | float | None = None,
    learner: Any = None,
    allow_running_forever: bool = True,
) -> GoalFunction:
    """Make a function of the learner that is true once the goal is reached.

    Parameters
    ----------
    loss, npoints, end_time, duration
        As the runner's arguments of that name with ``_goal``; at most one.
    learner : BaseLearner, optional
        Asked for a goal of its own when none is given.
    allow_running_forever : bool, default: True
        Whether there may be no goal at all.

    Returns
    -------
    callable
        Time starts when the goal is made.
    """
    goal = make_goal(
        learner,
        loss_goal=loss,
        npoints_goal=npoints,
        end_time_goal=end_time,
        duration_goal=duration,
        allow_running_forever=allow_running_forever,
    )
    return TimedGoal(goal)


def stop_after(*, seconds: float = 0, minutes: float = 0, hours: float = 0) -> GoalFunction:
    """A goal that is reached some time after it was made.

    It is looked at when results arrive; ``duration_goal`` is exact.
    """
    return auto_goal(duration=timedelta(hours=hours, minutes=minutes, seconds=seconds))
