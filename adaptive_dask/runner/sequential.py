"""Run a learner in this process and thread, one point at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Unpack

from adaptive_dask.run.goals import GoalArguments, GoalFunction, make_goal
from adaptive_dask.run.options import with_goal_arguments
from adaptive_dask.run.session import Session


@with_goal_arguments
def simple(
    learner: Any, goal: GoalFunction | None = None, *, points_per_ask: int = 1, **goals: Unpack[GoalArguments]
) -> None:
    """Run a learner until the goal is reached, in this thread; the same every time.

    Errors of the function are raised as they are, so use this to debug a function.

    Parameters
    ----------
    learner : BaseLearner
    goal : callable, optional
        Called with the learner; the run ends when it returns true.
    points_per_ask : int, default: 1
        The number of points that the learner is asked for at once. A larger number makes the learner faster and its
        choice of points a bit worse.
    **goals
        One of ``loss_goal``, ``npoints_goal``, ``end_time_goal`` and ``duration_goal``, as for `AsyncRunner`.

    Raises
    ------
    ValueError
        If there is not exactly one goal.
    Exception
        The error of the function, the learner or the goal.
    """
    if points_per_ask < 1:
        raise ValueError(f"points_per_ask must be 1 or more, got {points_per_ask}.")
    the_goal = make_goal(learner, goal, allow_running_forever=False, **goals)
    begin = time.monotonic()
    session = Session(learner, the_goal)
    try:
        while not session.done and not the_goal.is_time_up(time.monotonic() - begin):
            session.tell([(pid, learner.function(x)) for pid, x in session.take(points_per_ask)])
        if session.error is not None:
            raise session.error.__cause__ or session.error
    finally:
        session.finish()


def replay_log(learner: Any, log: Iterable[tuple[Any, ...]]) -> None:
    """Repeat the calls of a runner's log with another learner.

    Parameters
    ----------
    learner : BaseLearner
        A new learner with the same settings.
    log : iterable of tuple
        ``runner.log`` of a runner with ``log=True``: ``(method, *args)``.
    """
    for method, *args in log:
        getattr(learner, method)(*args)
