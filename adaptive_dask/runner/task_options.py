"""Check the options of the evaluators' tasks on a Dask cluster."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

from dask.base import get_annotations

from adaptive_dask.command import Command
from adaptive_dask.learner.argument_names import bare
from adaptive_dask.learner.children import ChildFunctions, FunctionList
from adaptive_dask.learner.picked import PickingFunction
from adaptive_dask.plain import check_plain
from adaptive_dask.run.options import RunOptions, check_resources


def check_task_options(function: Any, options: RunOptions) -> dict[str, Any]:
    """Check and return the options of tasks that were given as arguments, by a `Command`, or with `dask.annotate`.

    Parameters
    ----------
    function : callable
        The function of the learner.
    options : RunOptions

    Returns
    -------
    dict
        Some of resources, priority, workers, allow_other_workers and annotations.

    Raises
    ------
    TypeError, ValueError
        If Dask does not accept them.
    """
    annotations, resources, workers = options.annotations, options.resources, options.workers
    is_mapping = annotations is None or isinstance(annotations, Mapping)
    if not is_mapping or not all(isinstance(name, str) for name in annotations or ()):
        raise TypeError(f"annotations must be a mapping with names as keys, as for dask.annotate, got {annotations!r}.")
    found: dict[str, Any] = {**get_annotations(), **(annotations or {})}
    chosen: dict[str, Any] = {}
    annotated = found.pop("resources", None)
    if resources is None:
        resources = (annotations or {}).get("resources")
    if resources is None:
        resources = _resources_of(function) or annotated
    if resources:
        chosen["resources"] = check_resources(resources)
    annotated = found.pop("priority", 0)
    priority = options.priority or annotated
    if not isinstance(priority, Real) or isinstance(priority, bool) or not math.isfinite(float(priority)):
        raise TypeError(f"priority must be a number, got {priority!r}.")
    if priority:
        chosen["priority"] = priority
    annotated = found.pop("workers", None)
    workers = annotated if workers is None else workers
    if workers is not None:
        names = [workers] if isinstance(workers, str | int) else workers
        if not isinstance(names, Collection) or not all(isinstance(worker, str | int) for worker in names):
            raise TypeError(f"workers must be addresses, names or hosts of workers, got {workers!r}.")
        chosen["workers"] = list(names)
        if not chosen["workers"]:
            raise ValueError(f"workers must be addresses, names or hosts of workers, got {workers!r}, which is empty.")
    if found.pop("allow_other_workers", False) or options.allow_other_workers:
        if workers is None:
            raise ValueError("allow_other_workers=True has a meaning only together with workers.")
        chosen["allow_other_workers"] = True
    found.pop("retries", None)  # Dask's option for tasks; evaluators are submitted again while they are needed
    if found:
        chosen["annotations"] = found
    check_plain("resources, priority, workers and annotations", chosen)
    return chosen


def _resources_of(function: Any) -> dict[str, float]:
    """Return the resources of the `Command` that is the function or is called by it.

    Raises
    ------
    ValueError
        If several functions of the learner are commands with different resources.
    """
    function = bare(function)
    if isinstance(function, Command):
        return function.resources
    if isinstance(function, PickingFunction):
        return _resources_of(function.function)
    if not isinstance(function, ChildFunctions | FunctionList):
        return {}
    first, *others = map(_resources_of, function.functions)
    for other in others:
        if other != first:
            raise ValueError(
                f"resources of the commands of one run must be the same, got {first} and {other}. Pass resources= to "
                "the runner, or start a run for each with run_many."
            )
    return first


def refuse_locally(options: RunOptions) -> None:
    """Refuse options that need a Dask cluster.

    Raises
    ------
    ValueError
        If such an option was given.
    """
    names = ("resources", "priority", "workers", "allow_other_workers", "annotations")
    asked = ["weight="] * (options.weight != 1) + [f"{name}=" for name in names if vars(options)[name]]
    if asked:
        raise ValueError(f"{', '.join(asked)} needs a Dask cluster: give its dask.distributed.Client as executor=.")
