"""How points are to be evaluated on a cluster: checks of the arguments, and the form in which they travel."""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Mapping
from datetime import timedelta
from numbers import Real
from typing import Any

from dask.base import get_annotations

from adaptive_dask.cluster.protocol import Evaluation


def check_evaluation(
    function: Any, *, vectorized: bool, point_timeout: float | timedelta | None, ntasks: int | None
) -> Evaluation:
    """How a run's function is to be called.

    Raises
    ------
    ValueError
        If the timeout is no positive time.
    TypeError
        If an asynchronous function is said to be vectorized.
    """
    if vectorized and inspect.iscoroutinefunction(function):
        raise TypeError(
            "vectorized=True is for functions that compute an array of values; an asynchronous function has many "
            "points under way anyway. Leave out one of the two."
        )
    return Evaluation(bool(vectorized), _seconds(point_timeout), ntasks)


def _seconds(timeout: float | timedelta | None) -> float | None:
    if timeout is None:
        return None
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not isinstance(seconds, Real) or isinstance(seconds, bool) or not 0 < float(seconds) < math.inf:
        raise ValueError(f"point_timeout takes a positive number of seconds or a timedelta, not {timeout!r}.")
    return float(seconds)


def check_task_options(
    *,
    resources: Mapping[str, float] | None,
    priority: int,
    workers: str | Collection[str] | None,
    allow_other_workers: bool,
    annotations: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What the evaluators' tasks need of Dask: only what was asked for, with the annotations that are active here.

    Raises
    ------
    TypeError, ValueError
        If Dask would not take it.
    """
    found = {**get_annotations(), **(annotations or {})}
    options: dict[str, Any] = {}
    resources = found.pop("resources", None) if resources is None else resources
    if resources:
        if not isinstance(resources, Mapping) or not all(_is_amount(amount) for amount in resources.values()):
            raise ValueError(f'resources takes amounts by name, as in {{"GPU": 1}}, not {resources!r}.')
        options["resources"] = {str(name): float(amount) for name, amount in resources.items()}
    priority = found.pop("priority", 0) if priority == 0 else priority
    if not isinstance(priority, Real) or isinstance(priority, bool):
        raise TypeError(f"priority takes a number, not {priority!r}.")
    if priority:
        options["priority"] = priority
    workers = found.pop("workers", None) if workers is None else workers
    if workers is not None:
        options["workers"] = [workers] if isinstance(workers, str) else [str(worker) for worker in workers]
        if not options["workers"]:
            raise ValueError("workers takes addresses, names or hosts of workers; there are none in it.")
    allow_other_workers = bool(found.pop("allow_other_workers", False) or allow_other_workers)
    if allow_other_workers:
        if workers is None:
            raise ValueError("allow_other_workers=True says something only together with workers=.")
        options["allow_other_workers"] = True
    found.pop("retries", None)  # of tasks; evaluators are submitted anew as long as they are needed
    if found:
        options["annotations"] = found
    return options


def _is_amount(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf


def refuse_locally(**arguments: Any) -> None:
    """Of what only a cluster can do, nothing may be asked of another executor.

    Raises
    ------
    ValueError
        If something is.
    """
    asked = [f"{name}=" for name, value in arguments.items() if value]
    if asked:
        raise ValueError(
            f"{', '.join(asked)} needs a Dask cluster; an executor like this one cannot do it. Leave out executor=, "
            "or give a dask.distributed.Client."
        )
