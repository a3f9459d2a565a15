"""Checks the options of the evaluators' tasks on a Dask cluster."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

from dask.base import get_annotations

from adaptive_dask.plain import check_plain
from adaptive_dask.run.options import RunOptions


def check_task_options(options: RunOptions) -> dict[str, Any]:
    """The options of the evaluators' tasks that were given, as arguments or with `dask.annotate`.

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
    if annotations is not None and not isinstance(annotations, Mapping):
        raise TypeError(f"annotations must be a mapping, as for dask.annotate, got {annotations!r}.")
    found: dict[str, Any] = {**get_annotations(), **(annotations or {})}
    chosen: dict[str, Any] = {}
    annotated = found.pop("resources", None)
    resources = annotated if resources is None else resources
    if resources:
        if not isinstance(resources, Mapping) or not all(_is_amount(amount) for amount in resources.values()):
            raise ValueError(f'resources must be amounts by name, as in {{"GPU": 1}}, got {resources!r}.')
        chosen["resources"] = {str(name): float(amount) for name, amount in resources.items()}
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
    found.pop("retries", None)  # of tasks; evaluators are submitted again while they are needed
    if found:
        chosen["annotations"] = found
    check_plain("resources, priority, workers and annotations", chosen)
    return chosen


def _is_amount(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf


def refuse_locally(options: RunOptions) -> None:
    """Refuse options that need a Dask cluster.

    Raises
    ------
    ValueError
        If one of them was given.
    """
    names = ("resources", "priority", "workers", "allow_other_workers", "annotations")
    asked = ["weight="] * (options.weight != 1) + [f"{name}=" for name in names if vars(options)[name]]
    if asked:
        raise ValueError(f"{', '.join(asked)} needs a Dask cluster: give its dask.distributed.Client as executor=.")
