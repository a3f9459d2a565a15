"""Calling a vectorized function: one that takes an array of points and returns an array of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptive_dask.errors import BatchShapeError

# Makes n values of what a function returned at n points, or returns None if it is not of the kind that it splits.
Split = Callable[[Any, int], list[Any] | None]


def call_batch(function: Callable[..., Any], points: Sequence[Any], split: Split | None = None) -> list[Any]:
    """Evaluate several points in one call.

    Parameters
    ----------
    function : callable
        Takes what `as_batch` makes of n points, and returns n values: an array whose first axis has length
        n, a list, or a tuple. A function of a learner that wraps that of the user has a method
        ``call_batch(points, split)``, which is called instead.
    points : sequence
        n points of a learner.
    split : callable, optional
        For functions that return something else than n values in a row.

    Returns
    -------
    list
        The n values; those of an array of numbers are numbers.

    Raises
    ------
    BatchShapeError
        If there is not one value for each point.
    Exception
        Any error that the function raises.
    """
    wrapped = getattr(function, "call_batch", None)
    if wrapped is not None:
        return list(wrapped(points) if split is None else wrapped(points, split))
    return values_of_batch(function(as_batch(points)), len(points), split)


def as_batch(points: Sequence[Any]) -> Any:
    """What a vectorized function gets.

    Returns
    -------
    ndarray or list
        Shape (n,) for n numbers, (n, dim) for tuples or arrays of ``dim`` numbers; a list of the points where
        they are anything else.
    """
    try:
        array = np.array(points)
    except ValueError:  # of different shapes
        return list(points)
    return array if array.dtype.kind in "biufc" else list(points)


def values_of_batch(result: Any, n: int, split: Split | None = None) -> list[Any]:
    """The n values in what a vectorized function returned.

    Raises
    ------
    BatchShapeError
        If there are not n.
    """
    values = None if split is None else split(result, n)
    if values is not None:
        return values
    if isinstance(result, np.ndarray):
        if result.ndim == 0 or result.shape[0] != n:
            raise _wrong(f"an array of shape {result.shape}", n)
        return result.tolist() if result.ndim == 1 else list(result)
    if not isinstance(result, list | tuple):
        if hasattr(result, "__array__"):
            return values_of_batch(np.asarray(result), n)
        raise _wrong(f"an object of type {type(result).__name__}", n)
    if len(result) != n:
        raise _wrong(f"a {type(result).__name__} of {len(result)}", n)
    return list(result)


def _wrong(what: str, n: int) -> BatchShapeError:
    return BatchShapeError(
        f"With vectorized=True the function gets an array of n points and returns n values: an array whose first "
        f"axis has length n, or a list. For {n} point{'s' if n > 1 else ''} it returned {what}."
    )
