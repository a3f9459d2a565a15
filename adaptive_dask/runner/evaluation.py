"""How points are to be evaluated on a cluster: checks of the arguments, and the form in which they travel."""

from __future__ import annotations

import inspect
import math
import operator
from datetime import timedelta
from numbers import Real
from typing import Any

from dask.utils import parse_bytes

from adaptive_dask.cluster.protocol import Evaluation
from adaptive_dask.plain import MAX_INT


def check_evaluation(
    function: Any,
    *,
    vectorized: bool,
    point_timeout: float | timedelta | None,
    ntasks: int | None,
    isolate: str | None = None,
    memory_limit: int | str | None = None,
) -> Evaluation:
    """How a run's function is to be called.

    Raises
    ------
    ValueError
        If the timeout is no positive time, or if `isolate` or `memory_limit` make no sense.
    TypeError
        If an asynchronous function is said to be vectorized.
    """
    if vectorized and inspect.iscoroutinefunction(function):
        raise not_both()
    if isolate not in (None, "process"):
        raise ValueError(f"isolate must be None or 'process', got {isolate!r}.")
    limit = _bytes(memory_limit)
    if limit is not None and isolate is None:
        raise ValueError("memory_limit limits the memory of processes: pass isolate='process' as well.")
    return Evaluation(bool(vectorized), _seconds(point_timeout), ntasks, isolate is not None, limit)


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


def _seconds(timeout: float | timedelta | None) -> float | None:
    if timeout is None:
        return None
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not isinstance(seconds, Real) or isinstance(seconds, bool) or not 0 < float(seconds) < math.inf:
        raise ValueError(f"point_timeout takes a positive number of seconds or a timedelta, not {timeout!r}.")
    return float(seconds)


def not_both() -> TypeError:
    """That a function cannot be asynchronous and vectorized."""
    return TypeError(
        "vectorized=True is for functions that compute an array of values; an asynchronous function has many "
        "points under way anyway. Leave out one of the two."
    )
