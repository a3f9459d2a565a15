"""How points are to be evaluated on a cluster: checks of the arguments, and the form in which they travel."""

from __future__ import annotations

import inspect
import math
from datetime import timedelta
from numbers import Real
from typing import Any

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
        raise not_both()
    return Evaluation(bool(vectorized), _seconds(point_timeout), ntasks)


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
