"""Run a learner in this process and thread, one point at a time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from operator import methodcaller
from typing import Any, Unpack

from adaptive_dask.cluster.protocol import Evaluation
from adaptive_dask.errors import AdaptiveError, Infeasible
from adaptive_dask.isolated.supervisor import EvaluationFailedError
from adaptive_dask.run.failures import infeasible_from
from adaptive_dask.run.goals import GOAL_NAMES, GoalArguments, GoalFunction, make_goal
from adaptive_dask.run.options import RunOptions, with_arguments
from adaptive_dask.run.session import Session
from adaptive_dask.runner.arguments import check_evaluation


@with_arguments(GOAL_NAMES)
def simple(
    learner: Any,
    goal: GoalFunction | None = None,
    *,
    points_per_ask: int = 1,
    isolate: str | None = None,
    point_timeout: float | timedelta | None = None,
    memory_limit: int | str | None = None,
    **goals: Unpack[GoalArguments],
) -> None:
    """Run a learner until the goal is reached, in this thread; the result does not depend on timing.

    Errors of the function are raised as they are, so use this to debug a function.

    Parameters
    ----------
    learner : BaseLearner
    goal : callable, optional
        Called with the learner; returns true to end the run.
    points_per_ask : int, default: 1
        Number of points that the learner is asked for at once. With a larger number, the learner is faster and its
        choice of points slightly worse.
    isolate : "process", optional
        Evaluate the function in a separate process; see `AsyncRunner`.
    point_timeout : float or timedelta, optional
        Time limit of an evaluation in this process; numbers are in seconds.
    memory_limit : int or str, optional
        Maximum memory of an evaluation in this process, in bytes or as in ``"2 GB"``.
    **goals
        One of ``loss_goal``, ``npoints_goal``, ``end_time_goal`` and ``duration_goal``, as for `AsyncRunner`.

    Raises
    ------
    ValueError
        If there is not exactly one goal, or if `point_timeout` or `memory_limit` are passed without `isolate`.
    Exception
        The error of the function, the learner or the goal.
    """
    if points_per_ask < 1:
        raise ValueError(f"points_per_ask must be 1 or more, got {points_per_ask}.")
    the_goal = make_goal(learner, goal, allow_running_forever=False, **goals)
    options = RunOptions(isolate=isolate, point_timeout=point_timeout, memory_limit=memory_limit)
    with _evaluating(learner, check_evaluation(learner.function, options)) as evaluate:
        begin = time.monotonic()
        session = Session(learner, the_goal)
        try:
            while not session.done and not the_goal.is_time_up(time.monotonic() - begin):
                session.tell([(pid, _outcome(evaluate, learner, x)) for pid, x in session.take(points_per_ask)])
            if session.error is not None:
                raise session.error.__cause__ or session.error
        finally:
            session.finish()


def _outcome(evaluate: Callable[[Any], Any], learner: Any, x: Any) -> Any:
    try:
        return evaluate(x)
    except Infeasible as error:
        infeasible = infeasible_from(error, learner, x)
        if infeasible is None:
            raise
        return infeasible


@contextlib.contextmanager
def _evaluating(learner: Any, evaluation: Evaluation) -> Iterator[Callable[[Any], Any]]:
    """Lend a function that evaluates points, in this process or in a separate one."""
    if not evaluation.isolate:
        if evaluation.point_timeout is not None:
            raise ValueError("point_timeout needs a process that can be ended: pass isolate='process' as well.")
        yield lambda x: learner.function(x)
        return
    from adaptive_dask.local.isolated_pool import isolate as make_isolated

    function = make_isolated(learner.function, timeout=evaluation.point_timeout, memory_limit=evaluation.memory_limit)

    def evaluate(x: Any) -> Any:
        try:
            return function(x)
        except EvaluationFailedError as failure:
            raise failure.exception or AdaptiveError(failure.text) from failure

    try:
        yield evaluate
    finally:
        function.close()


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
        methodcaller(method, *args)(learner)
