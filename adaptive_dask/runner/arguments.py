"""The arguments of a runner, checked, in the form in which a run is started with them."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from numbers import Integral
from typing import Any

from adaptive_dask.cluster.protocol import Evaluation, make_id
from adaptive_dask.plain import MAX_INT, check_name
from adaptive_dask.run.draining import check_drain
from adaptive_dask.run.failures import OnError, choose_on_error
from adaptive_dask.run.goals import Goal, GoalFunction, make_goal
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
    retries : int
    log : bool
    run : dict
        What a run takes wherever it is: ntasks, drain, checkpoint, on_error, session.
    id : str
        By which the scheduler knows it, and whoever follows it.
    """

    name: str
    goal: Goal
    weight: float
    evaluation: Evaluation
    tasks: dict[str, Any]
    retries: int
    log: bool
    run: dict[str, Any] = field(default_factory=dict, repr=False)  # the checkpoint's URL may have a password in it
    id: str = field(default_factory=make_id)


def make_plan(
    learner: Any,
    goal: GoalFunction | None = None,
    *,
    loss_goal: float | None = None,
    npoints_goal: int | None = None,
    end_time_goal: datetime | None = None,
    duration_goal: timedelta | float | None = None,
    ntasks: int | None = None,
    log: bool = False,
    retries: int = 0,
    raise_if_retries_exceeded: bool = True,
    allow_running_forever: bool = True,
    weight: float = 1.0,
    name: str | None = None,
    drain: bool | float | timedelta = True,
    allowed_failures: int = 3,
    on_error: OnError | None = None,
    point_timeout: float | timedelta | None = None,
    vectorized: bool = False,
    ordered: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    resources: Mapping[str, float] | None = None,
    priority: float = 0,
    workers: str | int | Collection[str | int] | None = None,
    allow_other_workers: bool = False,
    annotations: Mapping[str, Any] | None = None,
) -> Plan:
    """Check the arguments of a run; see `AsyncRunner` for what they mean.

    Raises
    ------
    ValueError, TypeError
        If one of them makes no sense.
    """
    _check_learner(learner)
    the_goal = make_goal(
        learner,
        goal,
        loss_goal=loss_goal,
        npoints_goal=npoints_goal,
        end_time_goal=end_time_goal,
        duration_goal=duration_goal,
        allow_running_forever=allow_running_forever,
    )
    _check_count("ntasks", ntasks, 1)
    _check_count("retries", retries, 0)
    _check_count("allowed_failures", allowed_failures, 0)
    if ordered and ntasks is None:
        raise ValueError("ordered=True needs ntasks=, the number of points to keep out at any time.")
    if name is not None:
        check_name(name)
    return Plan(
        name=name or f"{type(learner).__name__}-{uuid.uuid4().hex[:8]}",
        goal=the_goal,
        weight=_check_weight(weight),
        evaluation=check_evaluation(
            learner.function, vectorized=vectorized, point_timeout=point_timeout, ntasks=ntasks
        ),
        tasks=check_task_options(
            resources=resources,
            priority=priority,
            workers=workers,
            allow_other_workers=allow_other_workers,
            annotations=annotations,
        ),
        retries=retries,
        log=log,
        run={
            "ntasks": ntasks,
            "drain": 0.0
            if ordered
            else check_drain(drain),  # in order, what is out at the goal is dropped: nobody need wait for it
            "checkpoint": absolute_checkpoint(checkpoint),
            "on_error": choose_on_error(on_error, raise_if_retries_exceeded),
            "session": {
                "retries": retries,
                "allowed_failures": allowed_failures,
                "ordered": ntasks if ordered else None,
                "log": log,
            },
        },
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
