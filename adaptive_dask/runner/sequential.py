"""Running a learner in this process and thread, one point at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from adaptive_dask.run.goals import GoalFunction, make_goal
from adaptive_dask.run.session import Session


def simple(
    learner: Any,
    goal: GoalFunction | None = None,
    *,
    loss_goal: float | None = None,
    npoints_goal: int | None = None,
    end_time_goal: datetime | None = None,
    duration_goal: timedelta | float | None = None,
    points_per_ask: int = 1,
) -> None:
    """Run a learner until the goal is reached, in this thread; the same every time.

    Errors of the function are raised as they are, which makes this the way to look for them.

    Parameters
    ----------
    learner : BaseLearner
    goal : callable, optional
        Takes the learner; true ends the run.
    loss_goal : float, optional
        End when ``learner.loss()`` is this or less.
    npoints_goal : int, optional
        End with exactly this many points.
    end_time_goal : datetime, optional
        End at this time.
    duration_goal : timedelta or float, optional
        End after this time; a number is in seconds.
    points_per_ask : int, default: 1
        How many points to ask for at once. More makes the learner faster and the points a bit worse.

    Raises
    ------
    ValueError
        If there is not exactly one goal.
    Exception
        Whatever the function, the learner or the goal raises.
    """
    if points_per_ask < 1:
        raise ValueError(f"points_per_ask takes 1 or more, not {points_per_ask}.")
    the_goal = make_goal(
        learner,
        goal,
        loss_goal=loss_goal,
        npoints_goal=npoints_goal,
        end_time_goal=end_time_goal,
        duration_goal=duration_goal,
        allow_running_forever=False,
    )
    begin = time.monotonic()
    session = Session(learner, the_goal)
    try:
        while not session.done and not the_goal.is_time_up(time.monotonic() - begin):
            outcomes = []
            for pid, x in session.take(points_per_ask):
                outcomes.append((pid, learner.function(x)))
            session.tell(outcomes)
        if session.error is not None:
            raise session.error.__cause__ or session.error
    finally:
        session.finish()


def replay_log(learner: Any, log: Iterable[tuple[Any, ...]]) -> None:
    """Make the calls of a runner's log to another learner.

    Parameters
    ----------
    learner : BaseLearner
        A new learner, with the settings of the one that was run.
    log : iterable of tuple
        ``runner.log`` of a runner with ``log=True``: ``(method, *args)``.
    """
    for method, *args in log:
        getattr(learner, method)(*args)
