"""The arguments of a runner, checked, in the form in which a run is started with them."""

from __future__ import annotations

import math
import os
import uuid
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from adaptive_dask.cluster.protocol import Evaluation, make_id
from adaptive_dask.plain import MAX_INT, check_name
from adaptive_dask.run.draining import check_drain
from adaptive_dask.run.failures import OnError, choose_on_error
from adaptive_dask.run.goals import Goal, make_goal
from adaptive_dask.run.options import RunOptions, SessionOptions
from adaptive_dask.runner.evaluation import check_evaluation
from adaptive_dask.runner.task_options import check_task_options


@dataclass(frozen=True)
class Plan:
    """A run that is to be started.

    Attributes
    ----------
    name : str
    goal : Goal
    weight : float
    evaluation : Evaluation
    tasks : dict
        What the evaluators' tasks ask of Dask.
    drain : float
        For how many seconds to wait for evaluations that are in flight when the goal is reached.
    on_error : "raise", "skip" or callable
    session : SessionOptions
    checkpoint : str or None
        As another process understands it.
    id : str
        By which the scheduler knows it, and whoever follows it.
    """

    name: str
    goal: Goal
    weight: float
    evaluation: Evaluation
    tasks: dict[str, Any]
    drain: float
    on_error: OnError
    session: SessionOptions
    checkpoint: str | None = field(default=None, repr=False)  # the URL may have a password in it
    id: str = field(default_factory=make_id)


def make_plan(learner: Any, options: RunOptions) -> Plan:
    """Check the arguments of a run; see `AsyncRunner` for what they mean.

    Raises
    ------
    ValueError, TypeError
        If one of them makes no sense.
    """
    _check_learner(learner)
    goal = make_goal(
        learner,
        options.goal,
        loss_goal=options.loss_goal,
        npoints_goal=options.npoints_goal,
        end_time_goal=options.end_time_goal,
        duration_goal=options.duration_goal,
        allow_running_forever=options.allow_running_forever,
    )
    _check_count("ntasks", options.ntasks, 1)
    _check_count("retries", options.retries, 0)
    _check_count("allowed_failures", options.allowed_failures, 0)
    if options.ordered and options.ntasks is None:
        raise ValueError("ordered=True needs ntasks=, the number of points to keep out at any time.")
    if options.name is not None:
        check_name(options.name)
    return Plan(
        name=options.name or f"{type(learner).__name__}-{uuid.uuid4().hex[:8]}",
        goal=goal,
        weight=_check_weight(options.weight),
        evaluation=check_evaluation(
            learner.function,
            vectorized=options.vectorized,
            point_timeout=options.point_timeout,
            ntasks=options.ntasks,
            isolate=options.isolate,
            memory_limit=options.memory_limit,
        ),
        tasks=check_task_options(
            resources=options.resources,
            priority=options.priority,
            workers=options.workers,
            allow_other_workers=options.allow_other_workers,
            annotations=options.annotations,
        ),
        # In order, points that are in flight at the goal are dropped: no need to wait for them.
        drain=0.0 if options.ordered else check_drain(options.drain),
        on_error=choose_on_error(options.on_error, options.raise_if_retries_exceeded),
        session=SessionOptions(
            retries=options.retries,
            allowed_failures=options.allowed_failures,
            ordered=options.ntasks if options.ordered else None,
            log=options.log,
        ),
        checkpoint=absolute_checkpoint(options.checkpoint),
    )


def _check_learner(learner: Any) -> None:
    if isinstance(learner, list | tuple):
        raise TypeError(
            f"A run takes one learner, not a {type(learner).__name__} of them: run_many(learners) starts one for each "
            "on a Dask cluster, and a BalancingLearner of them is learned in one run."
        )
    if isinstance(learner, type) or not all(hasattr(learner, name) for name in ("ask", "tell", "function")):
        raise TypeError(f"A run takes a learner, an object with ask, tell and function; not {learner!r}.")


def _check_count(name: str, value: Any, least: int) -> None:
    if value is None and least == 1:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} takes a whole number, {least} or more, not {value!r}.")
    if int(value) > MAX_INT:
        raise ValueError(f"{name} must be at most 2**63 - 1, got {value!r}.")


def _check_weight(weight: Any) -> float:
    if not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ValueError(f"weight takes a positive number, not {weight!r}.")
    return float(weight)


def absolute_checkpoint(checkpoint: str | os.PathLike[str] | None) -> str | None:
    """The name of a checkpoint, as another process understands it.

    Raises
    ------
    ValueError
        If it is none.
    """
    if checkpoint is None:
        return None
    name = os.fspath(checkpoint) if isinstance(checkpoint, os.PathLike) else checkpoint
    if not isinstance(name, str) or not name:
        raise ValueError(f"checkpoint takes the name of a folder or a URL, not {checkpoint!r}.")
    return name if "://" in name else os.path.abspath(os.path.expanduser(name))
