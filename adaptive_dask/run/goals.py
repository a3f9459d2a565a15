"""Goals, which determine when a run ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from numbers import Integral, Real
from typing import Any, TypedDict, Unpack

from adaptive_dask.learner.checked import refuse_learn
from adaptive_dask.plain import MAX_INT, as_seconds
from adaptive_dask.storage.learner_copy import working_copy
from adaptive_dask.user_code import require_plain_function

GoalFunction = Callable[[Any], bool]

# The system clock may be changed, so an `end_time` is checked again after this time (seconds).
CLOCK_CHECK_S = 5.0


# Number of points that a learner may ask for in place of failed points.
TRIAL_POINTS = 100


@dataclass(frozen=True)
class LossGoal:
    """Reached when ``learner.loss()``, and ``learner.exact_loss()`` if it exists, are at most `loss`."""

    loss: float

    def __call__(self, learner: Any) -> bool:
        if not learner.loss() <= self.loss:
            return False
        exact_loss = getattr(learner, "exact_loss", None)
        return exact_loss is None or bool(exact_loss() <= self.loss)

    def unreachable_without(self, learner: Any, points: Sequence[Any], value: Any) -> Sequence[Any]:
        """Return the points without which the loss stays infinite, for example the bounds of the domain.

        Parameters
        ----------
        learner : BaseLearner
        points : sequence
            Points that failed, in the order in which the learner was asked for them.
        value : object
            Value of another point. A copy of the learner is told this value at new points, and then at `points`.

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
    """Reached when each child of a learner has `npoints` points, or returns no more points."""

    npoints: int

    def __call__(self, learner: Any) -> bool:
        return bool(learner.each_has(self.npoints))


def is_done(learner: Any) -> bool:
    """Return ``learner.done()``; the goal of a learner that has this method."""
    return bool(learner.done())


@dataclass(frozen=True)
class Goal:
    """The condition for the end of a run; without any attribute, the run never ends.

    Attributes
    ----------
    reached : callable, optional
        Called with the learner; returns true if the run should end.
    npoints : int, optional
        The exact number of points at the end of the run.
    end_time : float, optional
        Time of the end, in seconds since the epoch.
    duration : float, optional
        Duration of the run, in seconds.
    """

    reached: GoalFunction | None = None
    npoints: int | None = None
    end_time: float | None = None
    duration: float | None = None

    def is_reached(self, learner: Any) -> bool:
        """Return True if the learner has reached the goal. Time limits are not checked."""
        if self.npoints is not None:
            return bool(learner.npoints >= self.npoints)
        return self.reached is not None and bool(self.reached(learner))

    def time_left(self, elapsed: float) -> float | None:
        """Return the remaining time in seconds; None if the goal is not a time.

        Parameters
        ----------
        elapsed : float
            Duration of the run so far in seconds, on a monotonic clock. Only an `end_time` is compared with the system
            clock.
        """
        if self.duration is not None:
            return self.duration - elapsed
        return None if self.end_time is None else self.end_time - time.time()

    def next_check(self, elapsed: float) -> float | None:
        """Return the seconds until the next check of the time; None if the goal is not a time, 0 after its end."""
        left = self.time_left(elapsed)
        return None if left is None else max(0.0, min(left, CLOCK_CHECK_S))

    def is_time_up(self, elapsed: float) -> bool:
        """Return True if the goal is a time that has passed."""
        left = self.time_left(elapsed)
        return left is not None and left <= 0

    def in_numbers(self, learner: Any, started: float, elapsed: float = 0.0) -> dict[str, float]:
        """Return the goal as a number to display, if it has one.

        Parameters
        ----------
        learner : BaseLearner
            The learner of the run.
        started : float
            Start of the run, in seconds since the epoch.
        elapsed : float, default: 0
            Duration of the run so far, in seconds.

        Returns
        -------
        dict
            One of ``"npoints"``, ``"loss"`` and ``"time"`` (the end, as `started` plus the duration in seconds). Empty
            without a goal, or if the goal is a function.
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
        """Update the result of `in_numbers` for the time that has passed."""
        left = self.time_left(elapsed)
        return numbers if left is None else {"time": started + elapsed + left}


class GoalArguments(TypedDict, total=False):
    """The arguments for goals that are not functions; at most one may be given."""

    loss_goal: float | None
    npoints_goal: int | None
    end_time_goal: datetime | None
    duration_goal: timedelta | float | None


GOAL_NAMES: tuple[str, ...] = tuple(GoalArguments.__annotations__)


def make_goal(
    learner: Any,
    goal: GoalFunction | None = None,
    *,
    allow_running_forever: bool = True,
    **others: Unpack[GoalArguments],
) -> Goal:
    """Make a goal from the arguments of a runner, of which at most one may be given.

    Parameters
    ----------
    learner : BaseLearner
        Without a goal, a learner with a method ``done`` decides itself.
    goal : callable, optional
        Called with the learner; returns true to end the run.
    allow_running_forever : bool, default: True
        Whether the goal may be omitted.
    **others
        See `AsyncRunner`.

    Raises
    ------
    ValueError
        If more than one goal is given, a required goal is missing, or a goal is out of range.
    TypeError
        If a goal is of the wrong type.
    """
    refuse_learn("a run", others)
    if unknown := others.keys() - set(GOAL_NAMES):
        raise TypeError(f"got an unexpected keyword argument {min(unknown)!r}. Use one of {', '.join(GOAL_NAMES)}.")
    given = {name: value for name, value in {"goal": goal, **others}.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"goal must be given by one argument, got {len(given)}: {', '.join(given)}.")
    for name, value in given.items():
        return _MAKERS[name](learner, value)
    if callable(getattr(learner, "done", None)):
        return Goal(reached=is_done)
    if not allow_running_forever:
        raise ValueError("This run needs a goal: goal, loss_goal, npoints_goal, end_time_goal or duration_goal.")
    return Goal()


def _function_goal(learner: Any, goal: Any) -> Goal:
    if not callable(goal):
        raise TypeError(f"goal must be a function of the learner, got {goal!r}. For a number use loss_goal.")
    require_plain_function("goal", goal, "It is called after each batch of results, and nothing waits for it.")
    return Goal(reached=goal)


def _loss_goal(learner: Any, loss: Any) -> Goal:
    if not isinstance(loss, Real) or isinstance(loss, bool):
        raise TypeError(f"loss_goal must be a number, got {loss!r}.")
    if math.isnan(loss):
        raise ValueError(f"loss_goal must be a number other than NaN, got {loss!r}.")
    return Goal(reached=LossGoal(float(loss)))


def _npoints_goal(learner: Any, npoints: Any) -> Goal:
    if not isinstance(npoints, Integral) or isinstance(npoints, bool):
        raise TypeError(f"npoints_goal must be a whole number of points (an int), got {npoints!r}.")
    if int(npoints) < 0:
        raise ValueError(f"npoints_goal must be 0 or more, got {npoints!r}.")
    if int(npoints) > MAX_INT:
        raise ValueError(f"npoints_goal must be at most 2**63 - 1, got {npoints!r}. Leave it out to run forever.")
    if hasattr(learner, "each_has") and not learner.one_budget:
        return Goal(reached=EachGoal(int(npoints)))
    return Goal(npoints=int(npoints))


def _end_time_goal(learner: Any, end_time: Any) -> Goal:
    if not isinstance(end_time, datetime):
        raise TypeError(f"end_time_goal must be a datetime, got {end_time!r}. For a time span use duration_goal.")
    try:
        return Goal(end_time=end_time.timestamp())  # local time unless it has a time zone
    except (ValueError, OverflowError, OSError):  # within a day of the first or the last year
        raise ValueError(f"end_time_goal must be a time that the system clock can show, got {end_time!r}.") from None


def _duration_goal(learner: Any, duration: Any) -> Goal:
    return Goal(duration=as_seconds("duration_goal", duration))


_MAKERS = {
    "goal": _function_goal,
    "loss_goal": _loss_goal,
    "npoints_goal": _npoints_goal,
    "end_time_goal": _end_time_goal,
    "duration_goal": _duration_goal,
}


class TimedGoal:
    """A goal as a function. Its time starts when it is created, and continues in another process."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._begin = time.monotonic()

    def __call__(self, learner: Any) -> bool:
        return self._goal.is_reached(learner) or self._goal.is_time_up(time.monotonic() - self._begin)

    def __reduce__(self) -> tuple[Any, ...]:
        # The monotonic clocks of two machines cannot be compared.
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
    """Make a function of the learner that returns True when the goal is reached.

    Parameters
    ----------
    loss, npoints, end_time, duration
        The arguments ``loss_goal``, ``npoints_goal``, … of a runner; at most one.
    learner : BaseLearner, optional
        Without a goal, a learner with a method ``done`` decides itself.
    allow_running_forever : bool, default: True
        Whether the goal may be omitted.

    Returns
    -------
    callable
        The goal; its time starts now.
    """
    given: GoalArguments = {
        "loss_goal": loss,
        "npoints_goal": npoints,
        "end_time_goal": end_time,
        "duration_goal": duration,
    }
    return TimedGoal(make_goal(learner, allow_running_forever=allow_running_forever, **given))


def stop_after(*, seconds: float = 0, minutes: float = 0, hours: float = 0) -> GoalFunction:
    """Make a goal that is reached after a given time from now.

    The goal is checked when results arrive. Use ``duration_goal`` for an exact duration.
    """
    return auto_goal(duration=timedelta(hours=hours, minutes=minutes, seconds=seconds))
