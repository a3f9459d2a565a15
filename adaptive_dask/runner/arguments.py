"""Check the arguments of a runner, and convert them to the plan of a run."""

from __future__ import annotations

import inspect
import operator
import os
import sys
import uuid
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from dask.utils import parse_bytes

from adaptive_dask.cluster.protocol import Evaluation, RunSettings
from adaptive_dask.learner.any_learner import is_learner
from adaptive_dask.plain import MAX_INT, as_positive_seconds, check_name
from adaptive_dask.run.draining import check_drain
from adaptive_dask.run.failures import OnError, choose_on_error
from adaptive_dask.run.goals import GOAL_NAMES, Goal, make_goal
from adaptive_dask.run.options import RunOptions, SessionOptions
from adaptive_dask.runner.task_options import check_task_options


@dataclass(frozen=True, kw_only=True)
class Plan(RunSettings):
    """The checked arguments of a run.

    Attributes
    ----------
    goal : Goal
    on_error : "raise", "skip" or callable
    """

    goal: Goal
    on_error: OnError


def make_plan(learner: Any, options: RunOptions) -> Plan:
    """Check the arguments of a run; see `AsyncRunner`.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid.
    """
    _check_learner(learner)
    goals: Any = {name: vars(options)[name] for name in GOAL_NAMES}
    goal = make_goal(learner, options.goal, allow_running_forever=options.allow_running_forever, **goals)
    _check_count("ntasks", options.ntasks, 1)
    _check_count("retries", options.retries, 0)
    _check_count("allowed_failures", options.allowed_failures, 0)
    if options.ordered and options.ntasks is None:
        raise ValueError("ordered=True needs ntasks, the number of points in flight.")
    if options.name is not None:
        check_name(options.name)
    return Plan(
        name=options.name or f"{type(learner).__name__}-{uuid.uuid4().hex[:8]}",
        goal=goal,
        weight=_check_weight(options.weight),
        evaluation=check_evaluation(learner.function, options),
        tasks=check_task_options(learner.function, options),
        # Ordered runs drop the points that are in flight at the goal.
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
            f"learner must be one learner, got a {type(learner).__name__}: run_many(learners) starts a run for each "
            "on a Dask cluster, and a BalancingLearner of them is learned in one run."
        )
    if not (is_learner(learner) and hasattr(learner, "function")):
        raise TypeError(f"learner must be an object with ask, tell and function, got {learner!r}.")


def _check_count(name: str, value: Any, least: int) -> None:
    if value is None and least == 1:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, got {value!r}.")
    if int(value) > MAX_INT:
        raise ValueError(f"{name} must be at most 2**63 - 1, got {value!r}.")


def _check_weight(weight: Any) -> float:
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight <= sys.float_info.max:
        raise ValueError(f"weight must be a positive number, got {weight!r}.")
    return float(weight)


def absolute_checkpoint(checkpoint: str | os.PathLike[str] | None) -> str | None:
    """Return the name of a checkpoint that is valid in other processes.

    Raises
    ------
    ValueError
        If `checkpoint` is not a name.
    """
    if checkpoint is None:
        return None
    name = os.fspath(checkpoint) if isinstance(checkpoint, os.PathLike) else checkpoint
    if not isinstance(name, str) or not name:
        raise ValueError(f"checkpoint must be the name of a folder or a URL, got {checkpoint!r}.")
    return name if "://" in name else os.path.abspath(os.path.expanduser(name))


def check_evaluation(function: Any, options: RunOptions) -> Evaluation:
    """Return the options for calling the function of a run.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid.
    """
    if options.vectorized and inspect.iscoroutinefunction(function):
        raise not_both()
    if options.isolate not in (None, "process"):
        raise ValueError(f"isolate must be None or 'process', got {options.isolate!r}.")
    limit = _bytes(options.memory_limit)
    if limit is not None and options.isolate is None:
        raise ValueError("memory_limit limits the memory of processes: pass isolate='process' as well.")
    timeout = options.point_timeout
    timeout = None if timeout is None else as_positive_seconds("point_timeout", timeout)
    return Evaluation(bool(options.vectorized), timeout, options.ntasks, options.isolate is not None, limit)


def _bytes(limit: int | str | None) -> int | None:
    if limit is None:
        return None
    try:
        size = int(parse_bytes(limit)) if isinstance(limit, str) else operator.index(limit)
    except (TypeError, ValueError):
        size = 0
    if not 0 < size <= MAX_INT or isinstance(limit, bool):
        raise ValueError(f"memory_limit must be a positive number of bytes, or a text such as '2 GB', got {limit!r}.")
    return size


def not_both() -> TypeError:
    """Return the error for a function that is both asynchronous and vectorized."""
    return TypeError(
        "vectorized must be False for an asynchronous function, whose evaluations are concurrent anyway. "
        "Leave out one of the two."
    )
