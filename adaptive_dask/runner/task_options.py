"""What the tasks of a run on a cluster ask of Dask: checks of the arguments, and of `dask.annotate`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

from dask.base import get_annotations

from adaptive_dask.plain import check_plain
from adaptive_dask.run.options import RunOptions


def check_task_options(
    *,
    resources: Mapping[str, float] | None,
    priority: float,
    workers: str | int | Collection[str | int] | None,
    allow_other_workers: bool,
    annotations: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What the evaluators' tasks need of Dask: only what was asked for, with the annotations that are active here.

    Returns
    -------
    dict
        Of resources, priority, workers, allow_other_workers and annotations what there is.

    Raises
    ------
    TypeError, ValueError
        If Dask would not take it.
    """
    if annotations is not None and not isinstance(annotations, Mapping):
        raise TypeError(f"annotations takes values by name, as dask.annotate does, not {annotations!r}.")
    found: dict[str, Any] = {**get_annotations(), **(annotations or {})}
    options: dict[str, Any] = {}
    annotated = found.pop("resources", None)
    resources = annotated if resources is None else resources
    if resources:
        if not isinstance(resources, Mapping) or not all(_is_amount(amount) for amount in resources.values()):
            raise ValueError(f'resources takes amounts by name, as in {{"GPU": 1}}, not {resources!r}.')
        options["resources"] = {str(name): float(amount) for name, amount in resources.items()}
    annotated = found.pop("priority", 0)
    priority = priority or annotated
    if not isinstance(priority, Real) or isinstance(priority, bool) or not math.isfinite(float(priority)):
        raise TypeError(f"priority takes a number, not {priority!r}.")
    if priority:
        options["priority"] = priority
    annotated = found.pop("workers", None)
    workers = annotated if workers is None else workers
    if workers is not None:
        chosen = [workers] if isinstance(workers, str | int) else workers
        if not isinstance(chosen, Collection) or not all(isinstance(worker, str | int) for worker in chosen):
            raise TypeError(f"workers takes addresses, names or hosts of workers, not {workers!r}.")
        options["workers"] = list(chosen)
        if not options["workers"]:
            raise ValueError("workers takes addresses, names or hosts of workers; there are none in it.")
    if found.pop("allow_other_workers", False) or allow_other_workers:
        if workers is None:
            raise ValueError("allow_other_workers=True says something only together with workers=.")
        options["allow_other_workers"] = True
    found.pop("retries", None)  # of tasks; evaluators are submitted anew as long as they are needed
    if found:
        options["annotations"] = found
    check_plain("resources, priority, workers and annotations", options)
    return options


def _is_amount(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf


def refuse_locally(options: RunOptions) -> None:
    """Refuse options that only a Dask cluster has.

    Raises
    ------
    ValueError
        If one of them was given.
    """
    names = ("resources", "priority", "workers", "allow_other_workers", "annotations")
    asked = ["weight="] * (options.weight != 1) + [f"{name}=" for name in names if getattr(options, name)]
    if asked:
        raise ValueError(f"{', '.join(asked)} needs a Dask cluster: give its dask.distributed.Client as executor=.")
