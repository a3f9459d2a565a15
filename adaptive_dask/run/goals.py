"""Goals: when a run ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from numbers import Integral, Real
from typing import Any, TypedDict, Unpack

from adaptive_dask.plain import MAX_INT, as_seconds
from adaptive_dask.storage.learner_copy import working_copy

GoalFunction = Callable[[Any], bool]

# The system clock may be set, so a wait for an `end_time` checks it again after this time (seconds).
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
    """Reached when each child of a learner has `npoints` points, or has no more to give."""

    npoints: int

    def __call__(self, learner: Any) -> bool:
        return bool(learner.each_has(self.npoints))


def is_done(learner: Any) -> bool:
    """The goal of a learner that decides itself when it is done."""
    return bool(learner.done())


@dataclass(frozen=True)
class Goal:
    """The end of a run; a goal with nothing set is never reached.

    Attributes
    ----------
    reached : callable, optional
        Called with the learner; true if it has learned enough.
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
        """True if the learner has learned enough. Goals in time are not checked."""
        if self.npoints is not None:
            return bool(learner.npoints >= self.npoints)
        return self.reached is not None and bool(self.reached(learner))

    def time_left(self, elapsed: float) -> float | None:
        """Seconds that are left for a run; None if the goal is not a time.

        Parameters
        ----------
        elapsed : float
            Duration of the run so far in seconds, by a monotonic clock. Only an `end_time` is compared with the
            system clock.
        """
        if self.duration is not None:
            return self.duration - elapsed
        return None if self.end_time is None else self.end_time - time.time()

    def next_check(self, elapsed: float) -> float | None:
        """Seconds until the time has to be checked again; None if the goal is not a time, 0 once the time is up."""
        left = self.time_left(elapsed)
        return None if left is None else max(0.0, min(left, CLOCK_CHECK_S))

    def is_time_up(self, elapsed: float) -> bool:
        """True once the time of the goal, if it has one, is up."""
        left = self.time_left(elapsed)
        return left is not None and left <= 0

    def in_numbers(self, learner: Any, started: float, elapsed: float = 0.0) -> dict[str, float]:
        """The goal as a number to display, if it has one.

        Parameters
        ----------
        learner : BaseLearner
            Whose run it is.
        started : float
            In seconds since the epoch.
        elapsed : float, default: 0
            Duration of the run so far, in seconds.

        Returns
        -------
        dict
            With one of the keys ``"npoints"``, ``"loss"`` and ``"time"`` (when it ends, as `started` plus the duration
            in seconds); empty if a function decides, or if there is no goal.
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
        """The result of `in_numbers`, updated for the time that has passed since."""
        left = self.time_left(elapsed)
        return numbers if left is None else {"time": started + elapsed + left}

    @property
    def is_endless(self) -> bool:
        return self == Goal()


class GoalArguments(TypedDict, total=False):
    """The arguments that describe a goal, besides ``goal``, a function; at most one may be given."""

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
    """Make a goal of a runner's arguments, of which at most one may be given.

    Parameters
    ----------
    learner : BaseLearner
        Without a goal, a learner with a method ``done`` decides itself.
    goal : callable, optional
        Called with the learner; the run ends when it returns true.
    allow_running_forever : bool, default: True
        Whether the goal may be left out.
    **others
        See `AsyncRunner`.

    Raises
    ------
    ValueError
        If more than one goal is given, none where one is needed, or one that makes no sense.
    TypeError
        If a goal is of the wrong type.
    """
    if unknown := others.keys() - set(GOAL_NAMES):
        raise TypeError(f"got an unexpected keyword argument {min(unknown)!r}. Use one of {', '.join(GOAL_NAMES)}.")
    given = {name: value for name, value in {"goal": goal, **others}.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"Give one goal, not {len(given)}: {', '.join(given)}.")
    for name, value in given.items():
        return _MAKERS[name](learner, value)
    if callable(getattr(learner, "done", None)):
        return Goal(reached=is_done)
    if not allow_running_forever:
        raise ValueError("A run that blocks needs a goal, loss_goal, npoints_goal, end_time_goal or duration_goal.")
    return Goal()


def _function_goal(learner: Any, goal: Any) -> Goal:
    if not callable(goal):
        raise TypeError(f"goal must be a function of the learner, got {goal!r}. For a number use loss_goal.")
    return Goal(reached=goal)


def _loss_goal(learner: Any, loss: Any) -> Goal:
    if not isinstance(loss, Real) or isinstance(loss, bool):
        raise TypeError(f"loss_goal must be a number, got {loss!r}.")
    if math.isnan(loss):
        raise ValueError(f"loss_goal must be a number that a loss can reach, got {loss!r}.")
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
    return Goal(end_time=end_time.timestamp())  # local time unless it has a time zone


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
    """A goal as a function. Its time starts when it is made, and continues in a process that it is sent to."""

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
    """Make a function of the learner that is true once the goal is reached.

    Parameters
    ----------
    loss, npoints, end_time, duration
        The runner's arguments ``loss_goal`` and so on; at most one.
    learner : BaseLearner, optional
        Without a goal, a learner with a method ``done`` decides itself.
    allow_running_forever : bool, default: True
        Whether the goal may be left out.

    Returns
    -------
    callable
        Time starts when the goal is made.
    """
    given: GoalArguments = {
        "loss_goal": loss,
        "npoints_goal": npoints,
        "end_time_goal": end_time,
        "duration_goal": duration,
    }
    return TimedGoal(make_goal(learner, allow_running_forever=allow_running_forever, **given))


def stop_after(*, seconds: float = 0, minutes: float = 0, hours: float = 0) -> GoalFunction:
    """Make a goal that is reached some time after it was made.

    It is checked when results arrive; ``duration_goal`` is exact.
    """
    return auto_goal(duration=timedelta(hours=hours, minutes=minutes, seconds=seconds))
